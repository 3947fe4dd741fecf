using 'main.bicep'

// Hundreds of GB a day: zone-redundant, warm instances, larger instances, more batches in flight; and what Defender tells of vulnerabilities.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = [
  'AADManagedIdentitySignInLogs'
  'AADNonInteractiveUserSignInLogs'
  'AADServicePrincipalSignInLogs'
  'AuditLogs'
  'CommonSecurityLog'
  'DeviceEvents'
  'DeviceFileEvents'
  'DeviceImageLoadEvents'
  'DeviceLogonEvents'
  'DeviceNetworkEvents'
  'DeviceProcessEvents'
  'DeviceRegistryEvents'
  'EmailEvents'
  'IdentityLogonEvents'
  'OfficeActivity'
  'SecurityAlert'
  'SecurityEvent'
  'SecurityIncident'
  'SigninLogs'
  'Syslog'
]
param pulls = loadTextContent('../pulls/defender-tvm.toml')
param alwaysReadyInstances = 2
param instanceMemoryMB = 4096
param maximumInstanceCount = 100
param settings = {
  UPLOADS: 8
}
param storageSku = 'Standard_ZRS'
param alertEmails = ['security-operations@example.com']
param quietTableHours = 6
