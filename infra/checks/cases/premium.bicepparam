using '../../main.bicep'

// Elastic Premium in existing subnets without zones of its own, blobs kept, package from the own container, the workspace not queried, an event hub read that is there already, names changed.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = ['SigninLogs']
param actionGroupResourceIds = [
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-monitor/providers/Microsoft.Insights/actionGroups/ag-soc'
]
param afterDelivery = 'keep'
param appSubnetResourceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-hub/providers/Microsoft.Network/virtualNetworks/vnet-hub/subnets/functions'
param createPrivateDnsZones = false
param endpointSubnetResourceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-hub/providers/Microsoft.Network/virtualNetworks/vnet-hub/subnets/endpoints'
param eventHubResourceId = '/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/rg-hubs/providers/Microsoft.EventHub/namespaces/evhns-security/eventhubs/findings'
param exportRetentionDays = 365
param hosting = 'premium'
param kustoDatabaseResourceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-sentinel-axiom/providers/Microsoft.Kusto/clusters/explorer/databases/security'
param logWorkspaceResourceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-monitor/providers/Microsoft.OperationalInsights/workspaces/log-platform'
param name = 'axiom-logs'
param packageUri = ''
param privateNetwork = true
param queryWorkspace = false
param settings = {
  HISTORY_CONTAINER: 'moved'
  HISTORY_QUEUE: 'slices'
  HUNTING_API: 'xdr'
  PULLS_CONTAINER: 'reached'
  PULLS_FILE: 'pulls/defender-tvm.toml'
  PULLS_SCHEDULE: '0 0 * * * *'
  REFUSED_CONTAINER: 'set-aside'
  SWEEP_SCHEDULE: '0 */5 * * * *'
  WORK_QUEUE: 'hints'
}
