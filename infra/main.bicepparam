using 'main.bicep'

// For `azd up`: everything comes from the azd environment (`azd env set NAME value`), and azd brings the code itself.
param alertEmails = filter(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), email => !empty(email))
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param axiomDatasetPrefix = readEnvironmentVariable('AXIOM_DATASET_PREFIX', '')
param axiomEdge = readEnvironmentVariable('AXIOM_EDGE', '')
param axiomOrgId = readEnvironmentVariable('AXIOM_ORG_ID', '')
param axiomUrl = readEnvironmentVariable('AXIOM_URL', 'https://api.axiom.co')
param location = readEnvironmentVariable('AZURE_LOCATION')
param packageUri = ''
param queryWorkspace = bool(readEnvironmentVariable('QUERY_WORKSPACE', 'true'))
param tables = split(readEnvironmentVariable('EXPORT_TABLES'), ',')
param tags = {
  'azd-env-name': readEnvironmentVariable('AZURE_ENV_NAME')
}
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
