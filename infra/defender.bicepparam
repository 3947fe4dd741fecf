using 'main.bicep'

// As small.bicepparam, and Defender for Cloud by an event hub: everything when it changes, and whole every week.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = [
  'AuditLogs'
  'SecurityIncident'
  'SigninLogs'
]
param defenderExport = 'eventHub'
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param alertEmails = ['security-operations@example.com']
