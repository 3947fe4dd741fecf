using 'main.bicep'

// Up to about 50 GB a day: the defaults, one region, no network of its own.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = [
  'AuditLogs'
  'SecurityAlert'
  'SecurityIncident'
  'SigninLogs'
]
param alertEmails = ['security-operations@example.com']
