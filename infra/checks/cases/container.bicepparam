using '../../main.bicep'

// The plain loop in a container, in a private network, with every setting that has no parameter of its own; Defender for Cloud by the workspace.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = ['SigninLogs']
param axiomDatasetPrefix = 'sentinel-'
param axiomEdge = 'eu-central-1.aws.edge.axiom.co'
param axiomOrgId = 'example-abcd'
param defenderExport = 'workspace'
param historyAccountName = 'sthistory'
param hosting = 'container'
param kustoCreateTables = true
param kustoDatabaseResourceId = '/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/rg-explorer/providers/Microsoft.Kusto/clusters/explorer/databases/security'
param privateNetwork = true
param pulls = '''
[[pull]]
name = "tvm-software-inventory"
source = "hunting"
table = "DeviceTvmSoftwareInventory"
mode = "snapshot"
key = "DeviceId"
schedule = "0 0 2 * * *"
destination = { kusto = "https://explorer.westeurope.kusto.windows.net", database = "security", table = "DeviceTvmSoftwareInventory", create = true }
'''
param settings = {
  AXIOM_CREATE_DATASETS: 'false'
  AXIOM_DATASET: 'sentinel'
  AXIOM_DATASET_MAP: 'SigninLogs=signins'
  AXIOM_EDGE_URL: 'https://eu-central-1.aws.edge.axiom.co'
  AXIOM_PROVENANCE: 'false'
  AXIOM_TELEMETRY_DATASET: 'movers'
  BATCH_BYTES: 2097152
  BATCH_ROWS: 5000
  CLAIM_FOR: 120
  EVENTS_CONTAINER: 'waiting'
  EVENT_HUB_CONSUMER_GROUP: 'axiom'
  EVENT_HUB_NAME: 'findings'
  HISTORY_CONTAINER: 'moved'
  HISTORY_QUEUE: 'slices'
  HUNTING_API: 'xdr'
  HUNTING_CALLS: 30
  HUNTING_URL: 'https://api-eu.security.microsoft.com'
  LOG_ANALYTICS_URL: 'https://api.loganalytics.io'
  LOG_LEVEL: 'debug'
  PULLS_AUDIT_DATASET: 'pulls'
  PULLS_CONTAINER: 'reached'
  PULLS_SCHEDULE: '0 0 * * * *'
  RECEIPTS_CONTAINER: 'delivered'
  REFUSED_CONTAINER: 'set-aside'
  RESOURCE_GRAPH_URL: 'https://management.usgovcloudapi.net'
  ROW_BYTES: 500000
  RUN_EVERY: 60
  SETTLE_AFTER: 900
  SWEEP_SCHEDULE: '0 */5 * * * *'
  TABLES: 'SigninLogs'
  TABLES_EXCEPT: 'AuditLogs'
  UPLOADS: 2
  VISIT_DEADLINE: 600
  VISITS: 2
  WORK_QUEUE: 'hints'
  ZSTD_LEVEL: '3'
}
