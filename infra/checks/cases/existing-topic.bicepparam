using '../../main.bicep'

// The export account has a system topic already, the workspace lies in the same resource group, and Microsoft Graph is asked by way of a gateway.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-sentinel-axiom/providers/Microsoft.OperationalInsights/workspaces/law-sentinel'
param tables = ['SigninLogs']
param allowSharedKeyAccess = true
param existingSystemTopicName = 'export-topic'
param settings = {
  HUNTING_URL: 'https://graph.example.com'
}
