using 'main.bicep'

// Accounts and vault are closed to public networks; the app sends from one fixed address.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = [
  'AuditLogs'
  'SecurityAlert'
  'SecurityIncident'
  'SigninLogs'
]
param privateNetwork = true
param networkAddressPrefix = '10.70.0.0/24'
param storageSku = 'Standard_ZRS'
param alertEmails = ['security-operations@example.com']
