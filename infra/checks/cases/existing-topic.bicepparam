using '../../main.bicep'

// The export account has a system topic already, and the workspace lies in the same resource group.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-sentinel-axiom/providers/Microsoft.OperationalInsights/workspaces/law-sentinel'
param tables = ['SigninLogs']
param allowSharedKeyAccess = true
param existingSystemTopicName = 'export-topic'
