metadata name = 'sentinel-axiom'
metadata description = 'Everything between an existing Log Analytics workspace and Axiom: export rule, two storage accounts, events, the app, its identity, the vault, alerts; and what Defender for Cloud exports.'

targetScope = 'resourceGroup'

import { eventHubSuffixes } from 'modules/clouds.bicep'
import { configurationType } from 'modules/defender-types.bicep'
import { tagsType } from 'modules/types.bicep'
import { endpointType } from 'modules/private-endpoints.bicep'
import { roles } from 'modules/roles.bicep'

// ---- What is exported, and to whom

@description('Required. Resource id of the existing workspace, also in another resource group of the same subscription or another subscription of the tenant. Its region must be `location`.')
@minLength(100)
param workspaceResourceId string

@description('Required. Tables to export. Each must exist in the workspace, or Azure refuses the whole rule.')
@minLength(1)
param tables string[]

@description('Required. Axiom token: an API token (`xaat-`), or a personal token (`xapt-`) together with `axiomOrgId`.')
@secure()
@minLength(8)
param axiomToken string

@description('Optional. Address of the Axiom API.')
param axiomUrl string = 'https://api.axiom.co'

@description('Optional. Axiom organisation; only for a personal token.')
param axiomOrgId string = ''

@description('Optional. Domain of the Axiom edge deployment to ingest through.')
param axiomEdge string = ''

@description('Optional. Beginning of the names of the datasets; the table name follows.')
param axiomDatasetPrefix string = ''

@description('Optional. What happens to a blob after all of its rows are in Axiom. `keep` leaves it until `exportRetentionDays`.')
@allowed(['delete', 'keep'])
param afterDelivery string = 'delete'

@description('Optional. Any other setting of README.md, by its own name.')
param settings settingsType = {}

// ---- What was in the workspace before

@description('Optional. Let the identity of the program query the workspace, for `history`: the role Log Analytics Reader, on the workspace alone. Whoever deploys must then be allowed to assign roles there; otherwise turn it off, and let somebody who is give the role (docs/history.md).')
param queryWorkspace bool = true

@description('Optional. Name of an existing storage account that `history run --to storage` writes to, never the export account. Its owner gives the identity of the program the role Storage Blob Data Contributor on it.')
@maxLength(24)
param historyAccountName string = ''

// ---- What is pulled besides

@description('Optional. Text of a file with pulls, such as `loadTextContent(\'../pulls/defender-tvm.toml\')`; empty pulls nothing. Instead of it, `PULLS_FILE` of `settings` names a file of the package. Pulls from advanced hunting need the permission ThreatHunting.Read.All of Microsoft Graph, which no template gives: docs/pulls.md has the command, after the deployment.')
param pulls string = ''

@description('Optional. Resource id of an existing Azure Data Explorer database that pulls are put into, also in another resource group or subscription of the tenant: the identity of the program gets the roles Ingestor and Viewer on it. Whoever deploys must be allowed to give them.')
param kustoDatabaseResourceId string = ''

@description('Optional. Let the program make missing tables in that database (`create = true` of a pull): also the role User.')
param kustoCreateTables bool = false

// ---- What Defender for Cloud finds

@description('Optional. Continuous export of Defender for Cloud, of the subscription of the resource group (docs/defender.md): to an event hub that the app reads (`eventHub`, not with `hosting: container`), or to the workspace that is exported (`workspace`).')
@allowed(['none', 'eventHub', 'workspace'])
param defenderExport string = 'none'

@description('Optional. What is exported, by any number of configurations; by default everything when it changes, and whole every week. Empty where all exports are made elsewhere, by infra/defender-export.bicep or infra/defender-at-scale.bicep.')
param defenderConfigurations configurationType[] = [
  {
    name: 'export-to-axiom'
    streaming: [
      'Alerts'
      'Assessments'
      'AttackPaths'
      'RegulatoryComplianceAssessment'
      'SecureScoreControls'
      'SecureScores'
      'SubAssessments'
    ]
    snapshots: [
      'Assessments'
      'AttackPaths'
      'RegulatoryComplianceAssessment'
      'SecureScoreControls'
      'SecureScores'
      'SubAssessments'
    ]
  }
]

@description('Optional. Object id of the service principal "Windows Azure Security Resource Provider", another in each tenant: `az ad sp list --display-name "Windows Azure Security Resource Provider" --query "[].id" --output tsv`. It gets the role Azure Event Hubs Data Sender on the event hub; empty only where it has the role on `eventHubResourceId`.')
param defenderPrincipalId string = ''

@description('Optional. Resource id of an existing event hub that the app reads, instead of a new one, also in another resource group or subscription of the tenant: with any messages that are JSON objects, those of Azure Monitor included. Whoever deploys must be allowed to give roles on it.')
param eventHubResourceId string = ''

@description('Optional. Tier of a new namespace of Event Hubs.')
@allowed(['Standard', 'Premium'])
param eventHubSku string = 'Standard'

// ---- Where and how it runs

@description('Optional. Region; data export demands that of the workspace.')
param location string = resourceGroup().location

@description('Optional. Name of the system and beginning of the names of its resources.')
@minLength(4)
@maxLength(18)
param name string = 'sentinel-axiom'

@description('Optional. Flex Consumption (`flex`), Elastic Premium (`premium`), or Container Apps without the Functions host (`container`).')
@allowed(['flex', 'premium', 'container'])
param hosting string = 'flex'

@description('Optional. Memory of one Flex Consumption instance in MB. With 512, which the Functions host shares, set `VISITS` to 2.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Optional. Most instances at a time.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Optional. Instances that are kept warm; 0 adds some seconds of start-up to the first rows after a pause.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('Optional. URL of the package that the template installs; empty when azd or Core Tools bring the code.')
param packageUri string = 'https://github.com/sentinel-axiom/sentinel-axiom/releases/download/v0.1.0/sentinel-axiom.zip'

@description('Optional. Image for `hosting: container`.')
param containerImage string = 'ghcr.io/sentinel-axiom/sentinel-axiom:0.1.0'

@description('Optional. Days after its last change at which a blob is removed from the export account even if nobody shipped it.')
@minValue(3)
@maxValue(3650)
param exportRetentionDays int = 30

@description('Optional. Replication of both accounts.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('Optional. Accept account keys on the export account. Only for the case that no `am-` container appears although the rule is healthy.')
param allowSharedKeyAccess bool = false

@description('Optional. An existing system topic of the export account in this resource group, with a system-assigned identity. An account has at most one topic.')
param existingSystemTopicName string = ''

// ---- Network

@description('Optional. Private endpoints for accounts and vault, and a subnet that the app sends from.')
param privateNetwork bool = false

@description('Optional. Address space of the virtual network that is created, at least a /24.')
param networkAddressPrefix string = '10.70.0.0/24'

@description('Optional. Existing subnet for the app instead of a new network; delegated as docs/networking.md says.')
param appSubnetResourceId string = ''

@description('Optional. Existing subnet for the private endpoints; goes with `appSubnetResourceId`.')
param endpointSubnetResourceId string = ''

@description('Optional. Create private DNS zones. Off where a policy or a hub network registers private endpoints.')
param createPrivateDnsZones bool = true

// ---- Who is told

@description('Optional. Mail addresses that get the alerts.')
param alertEmails string[] = []

@description('Optional. Resource ids of existing action groups that get the alerts.')
param actionGroupResourceIds string[] = []

@description('Optional. Hours without a row after which a table that had rows is reported.')
@minValue(1)
@maxValue(40)
param quietTableHours int = 12

@description('Optional. Existing workspace for the logs of the system itself; empty creates one. Not one whose `App*` tables are exported.')
param logWorkspaceResourceId string = ''

@description('Optional. Tags of every resource.')
param tags tagsType = {}

// ---- Names, computed here once and handed down

var suffix = uniqueString(resourceGroup().id, name)
var exportAccountName = 'export${suffix}'
var hostAccountName = 'host${suffix}'
var identityName = 'id-${name}'
var componentName = 'appi-${name}'
var newLogWorkspaceName = 'log-${name}'
var vaultName = 'kv-${suffix}'
var appName = '${name}-${suffix}'
var topicName = empty(existingSystemTopicName) ? 'evgt-${name}' : existingSystemTopicName
var tokenSecretName = 'axiom-token'
var exportContainerPrefix = 'am-'
var workQueueName = settings.?WORK_QUEUE ?? 'blob-created'
var refusedContainerName = settings.?REFUSED_CONTAINER ?? 'refused'
var historyQueueName = settings.?HISTORY_QUEUE ?? 'history'
var historyContainerName = settings.?HISTORY_CONTAINER ?? 'history'
var pullsContainerName = settings.?PULLS_CONTAINER ?? 'pulls'
var eventsContainerName = settings.?EVENTS_CONTAINER ?? 'events'
var receiptsContainerName = settings.?RECEIPTS_CONTAINER ?? 'receipts'
var deadLetterContainerName = 'dead-letters'
var packageContainerName = 'packages'
var packageBlobName = 'sentinel-axiom.zip'
var queueFunctionName = 'function-blob-trigger'
var sweepFunctionName = 'function-sweep'
var functionNamesWithoutEventHub = [
  queueFunctionName
  'function-history'
  'function-pull'
  'function-status'
  sweepFunctionName
]

var underFunctions = hosting != 'container'
var workspaceIdParts = split(workspaceResourceId, '/')
var kustoIdParts = split(kustoDatabaseResourceId, '/')
var eventHubIdParts = split(eventHubResourceId, '/')
var blobSuffix = 'blob.${environment().suffixes.storage}'
var queueSuffix = 'queue.${environment().suffixes.storage}'
var tableSuffix = 'table.${environment().suffixes.storage}'
// The query API has a door of its own in each cloud.
var queryUrls = {
  AzureChinaCloud: 'https://api.loganalytics.azure.cn'
  AzureUSGovernment: 'https://api.loganalytics.us'
}
var queryUrl = settings.?LOG_ANALYTICS_URL ?? queryUrls[?environment().name] ?? 'https://api.loganalytics.azure.com'
// And so has Microsoft Graph.
var graphUrls = {
  AzureChinaCloud: 'https://microsoftgraph.chinacloudapi.cn'
  AzureUSGovernment: 'https://graph.microsoft.us'
}
var huntingUrl = settings.?HUNTING_URL ?? graphUrls[?environment().name] ?? 'https://graph.microsoft.com'
var eventHubSuffix = eventHubSuffixes[?environment().name] ?? 'servicebus.windows.net'
var tokenSecretUri = 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets/${tokenSecretName}'

// ---- The event hub that is read, if any

var eventHubAsked = defenderExport == 'eventHub' || !empty(eventHubResourceId)
var readsEventHub = eventHubAsked && !underFunctions
  ? fail('hosting = \'container\' reads no event hub, which takes the Functions host: choose another hosting, or defenderExport = \'workspace\'.')
  : eventHubAsked
var makesEventHub = readsEventHub && empty(eventHubResourceId)
var senderPrincipalId = makesEventHub && empty(defenderPrincipalId)
  ? fail('defenderExport = \'eventHub\' needs defenderPrincipalId, without which Defender for Cloud may not write to the event hub. Its description has the command.')
  : defenderPrincipalId
var eventHubNamespaceName = makesEventHub ? 'evhns-${suffix}' : eventHubIdParts[?8] ?? 'none'
var eventHubName = eventHubIdParts[?10] ?? settings.?EVENT_HUB_NAME ?? 'defender-for-cloud'
var eventHubConsumerGroupName = settings.?EVENT_HUB_CONSUMER_GROUP ?? 'sentinel-axiom'

// ---- The identity of the program, before everything that it is given

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: identityName
  location: location
  tags: tags
}

// ---- Storage, vault, insights

resource exportAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: exportAccountName
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource exportWorkspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  scope: resourceGroup(workspaceIdParts[2], workspaceIdParts[4])
  name: last(workspaceIdParts)
}

resource newLogWorkspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: newLogWorkspaceName
}

resource eventHubNamespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  scope: resourceGroup(
    eventHubIdParts[?2] ?? subscription().subscriptionId,
    eventHubIdParts[?4] ?? resourceGroup().name
  )
  name: eventHubNamespaceName

  resource hub 'eventhubs' existing = {
    name: eventHubName
  }
}

var logWorkspaceId = empty(logWorkspaceResourceId) ? newLogWorkspace.id : logWorkspaceResourceId

module exportAccountModule 'modules/export-account.bicep' = {
  params: {
    name: exportAccountName
    location: location
    tags: tags
    skuName: storageSku
    allowSharedKeyAccess: allowSharedKeyAccess
    retentionDays: exportRetentionDays
    denyPublicNetwork: privateNetwork
    containerPrefix: exportContainerPrefix
    identityName: identityName
    principalId: identity.properties.principalId
  }
}

module hostAccountModule 'modules/host-account.bicep' = {
  params: {
    name: hostAccountName
    location: location
    tags: tags
    skuName: storageSku
    denyPublicNetwork: privateNetwork
    containerNames: underFunctions
      ? [
          deadLetterContainerName
          eventsContainerName
          historyContainerName
          packageContainerName
          pullsContainerName
          receiptsContainerName
          refusedContainerName
        ]
      : [eventsContainerName, historyContainerName, pullsContainerName, receiptsContainerName, refusedContainerName]
    // The host would make a poison queue at the first poisoned message; made now, it can be looked at before.
    queueNames: underFunctions
      ? [workQueueName, '${workQueueName}-poison', historyQueueName, '${historyQueueName}-poison']
      : []
    // The Functions host asks for Owner of blobs, and keeps its diagnostic events in a table; without it, rows are set aside, and history and pulls are kept account of.
    roleIds: underFunctions
      ? [roles.storageBlobDataOwner, roles.storageQueueDataContributor, roles.storageTableDataContributor]
      : [roles.storageBlobDataContributor]
    identityName: identityName
    principalId: identity.properties.principalId
  }
}

module vaultModule 'modules/vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: tags
    secretName: tokenSecretName
    axiomToken: axiomToken
    denyPublicNetwork: privateNetwork
    identityName: identityName
    principalId: identity.properties.principalId
  }
}

module insightsModule 'modules/insights.bicep' = {
  params: {
    name: componentName
    workspaceName: newLogWorkspaceName
    createWorkspace: empty(logWorkspaceResourceId)
    workspaceResourceId: logWorkspaceId
    location: location
    tags: tags
    identityName: identityName
    principalId: identity.properties.principalId
  }
}

// ---- Network

var existingSubnets = !empty(appSubnetResourceId) && !empty(endpointSubnetResourceId)
var newNetwork = privateNetwork && !existingSubnets
var networkName = 'vnet-${name}'
var subnetNames = {
  app: 'app'
  endpoints: 'private-endpoints'
}
var newAppSubnetId = resourceId('Microsoft.Network/virtualNetworks/subnets', networkName, subnetNames.app)
var newEndpointSubnetId = resourceId('Microsoft.Network/virtualNetworks/subnets', networkName, subnetNames.endpoints)
var appSubnetId = !privateNetwork ? '' : existingSubnets ? appSubnetResourceId : newAppSubnetId
var endpointSubnetId = existingSubnets ? endpointSubnetResourceId : newEndpointSubnetId

var queueEndpoints endpointType[] = [
  { name: 'pe-${hostAccountName}-queue', resourceId: hostAccount.id, group: 'queue' }
  { name: 'pe-${hostAccountName}-table', resourceId: hostAccount.id, group: 'table' }
]
var commonEndpoints endpointType[] = [
  { name: 'pe-${exportAccountName}-blob', resourceId: exportAccount.id, group: 'blob' }
  { name: 'pe-${hostAccountName}-blob', resourceId: hostAccount.id, group: 'blob' }
  { name: 'pe-${vaultName}', resourceId: vault.id, group: 'vault' }
]

var eventHubEndpoints endpointType[] = [
  { name: 'pe-${eventHubNamespaceName}', resourceId: eventHubNamespace.id, group: 'namespace' }
]

module networkModule 'modules/network.bicep' = if (newNetwork) {
  params: {
    name: name
    location: location
    tags: tags
    addressPrefix: networkAddressPrefix
    appSubnetDelegation: hosting == 'premium' ? 'Microsoft.Web/serverFarms' : 'Microsoft.App/environments'
    subnetNames: subnetNames
  }
}

module privateEndpointsModule 'modules/private-endpoints.bicep' = if (privateNetwork) {
  params: {
    location: location
    tags: tags
    subnetResourceId: endpointSubnetId
    networkResourceId: split(endpointSubnetId, '/subnets/')[0]
    createZones: createPrivateDnsZones
    endpoints: concat(commonEndpoints, underFunctions ? queueEndpoints : [], makesEventHub ? eventHubEndpoints : [])
  }
  dependsOn: [
    eventHubModule
    exportAccountModule
    hostAccountModule
    networkModule
    vaultModule
  ]
}

// ---- The way of a row: rule, events, app

module dataExportModule 'modules/data-export.bicep' = {
  scope: resourceGroup(workspaceIdParts[2], workspaceIdParts[4])
  params: {
    name: name
    workspaceName: last(workspaceIdParts)
    tables: tables
    exportAccountResourceId: exportAccount.id
  }
  dependsOn: [exportAccountModule]
}

module workspaceReaderModule 'modules/workspace-reader.bicep' = if (queryWorkspace) {
  scope: resourceGroup(workspaceIdParts[2], workspaceIdParts[4])
  params: {
    workspaceName: last(workspaceIdParts)
    identityResourceId: identity.id
    principalId: identity.properties.principalId
  }
}

module kustoDatabaseModule 'modules/kusto-database.bicep' = if (!empty(kustoDatabaseResourceId)) {
  // The scope is worked out even where the module is left out.
  scope: resourceGroup(kustoIdParts[?2] ?? subscription().subscriptionId, kustoIdParts[?4] ?? resourceGroup().name)
  params: {
    clusterName: kustoIdParts[?8] ?? ''
    databaseName: last(kustoIdParts)
    createTables: kustoCreateTables
    identityResourceId: identity.id
    clientId: identity.properties.clientId
    tenantId: identity.properties.tenantId
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

module eventsModule 'modules/events.bicep' = if (underFunctions) {
  params: {
    topicName: topicName
    topicExists: !empty(existingSystemTopicName)
    location: location
    tags: tags
    subscriptionName: name
    exportAccountName: exportAccountName
    containerPrefix: exportContainerPrefix
    hostAccountName: hostAccountName
    queueName: workQueueName
    deadLetterContainerName: deadLetterContainerName
  }
  dependsOn: [
    exportAccountModule
    hostAccountModule
  ]
}

// ---- The way of what Defender for Cloud finds: configurations, event hub or workspace

module eventHubModule 'modules/event-hub.bicep' = if (makesEventHub) {
  params: {
    namespaceName: eventHubNamespaceName
    name: eventHubName
    location: location
    tags: tags
    skuName: eventHubSku
    denyPublicNetwork: privateNetwork
  }
}

module eventHubReaderModule 'modules/event-hub-reader.bicep' = if (readsEventHub) {
  // The scope is worked out even where the module is left out.
  scope: resourceGroup(
    eventHubIdParts[?2] ?? subscription().subscriptionId,
    eventHubIdParts[?4] ?? resourceGroup().name
  )
  params: {
    namespaceName: eventHubNamespaceName
    name: eventHubName
    consumerGroupName: eventHubConsumerGroupName
    identityResourceId: identity.id
    principalId: identity.properties.principalId
  }
  dependsOn: [eventHubModule]
}

module eventHubSenderModule 'modules/event-hub-sender.bicep' = if (readsEventHub && !empty(senderPrincipalId)) {
  scope: resourceGroup(
    eventHubIdParts[?2] ?? subscription().subscriptionId,
    eventHubIdParts[?4] ?? resourceGroup().name
  )
  params: {
    namespaceName: eventHubNamespaceName
    name: eventHubName
    defenderPrincipalId: senderPrincipalId
  }
  dependsOn: [eventHubModule]
}

module defenderExportModule 'modules/defender-export.bicep' = if (defenderExport != 'none') {
  params: {
    location: location
    tags: tags
    configurations: defenderConfigurations
    destinationResourceId: defenderExport == 'workspace' ? workspaceResourceId : eventHubNamespace::hub.id
    eventHubAccess: 'trustedService'
    eventHubConnectionString: ''
  }
  // Reader and role first: what is sent before would be refused.
  dependsOn: [
    eventHubReaderModule
    eventHubSenderModule
  ]
}

// ---- Settings and app

var chosenSettings = {
  AFTER_DELIVERY: afterDelivery
  AXIOM_DATASET_PREFIX: axiomDatasetPrefix
  AXIOM_EDGE: axiomEdge
  AXIOM_ORG_ID: axiomOrgId
  AXIOM_URL: axiomUrl
  EVENTS_CONTAINER: eventsContainerName
  HISTORY_CONTAINER: historyContainerName
  HISTORY_QUEUE: historyQueueName
  PULLS: pulls
  PULLS_CONTAINER: pullsContainerName
  RECEIPTS_CONTAINER: receiptsContainerName
  REFUSED_CONTAINER: refusedContainerName
  WORK_QUEUE: workQueueName
  ...settings
}
var setSettings = filter(items(chosenSettings), setting => !empty(string(setting.value)))
var programSettings = {
  ...toObject(setSettings, setting => setting.key, setting => string(setting.value))
  AzureWebJobsStorage__blobServiceUri: 'https://${hostAccountName}.${blobSuffix}'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  EXPORT_STORAGE__blobServiceUri: 'https://${exportAccountName}.${blobSuffix}'
  EXPORT_STORAGE__clientId: identity.properties.clientId
  LOG_ANALYTICS_CLIENT_ID: identity.properties.clientId
  LOG_ANALYTICS_RESOURCE_ID: workspaceResourceId
  LOG_ANALYTICS_URL: queryUrl
  LOG_ANALYTICS_WORKSPACE: exportWorkspace.properties.customerId
  PULLS_CLIENT_ID: identity.properties.clientId
  RESOURCE_GRAPH_CLIENT_ID: identity.properties.clientId
  // The older API has an address of its own, which the program knows.
  ...(settings.?HUNTING_API == 'xdr' ? {} : { HUNTING_URL: huntingUrl })
  ...(empty(historyAccountName)
    ? {}
    : {
        HISTORY_STORAGE__blobServiceUri: 'https://${historyAccountName}.${blobSuffix}'
        HISTORY_STORAGE__clientId: identity.properties.clientId
      })
}
// Without a connection the function of the event hub cannot start, and the host would say so at each start. It cannot be switched off by itself either: on Linux no setting
// may have the hyphens of its name (Microsoft, "How to disable functions in Azure Functions"), and one that is off asks for its connection all the same
// (Azure/azure-functions-host#6885, which names this way out): `functions` of host.json, the functions that the host runs.
var withoutEventHub = toObject(
  range(0, length(functionNamesWithoutEventHub)),
  index => 'AzureFunctionsJobHost__functions__${index}',
  index => functionNamesWithoutEventHub[index]
)
var hostSettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsModule.outputs.connectionString
  AXIOM_TOKEN: '@Microsoft.KeyVault(SecretUri=${tokenSecretUri})'
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__queueServiceUri: 'https://${hostAccountName}.${queueSuffix}'
  AzureWebJobsStorage__tableServiceUri: 'https://${hostAccountName}.${tableSuffix}'
  // The host reads these of each function, of one that does not run as well.
  EVENT_HUB_CONSUMER_GROUP: eventHubConsumerGroupName
  EVENT_HUB_NAME: eventHubName
  PULLS_SCHEDULE: settings.?PULLS_SCHEDULE ?? '0 */5 * * * *'
  SWEEP_SCHEDULE: settings.?SWEEP_SCHEDULE ?? '0 * * * * *'
  ...(readsEventHub
    ? {
        EVENT_HUB__clientId: identity.properties.clientId
        EVENT_HUB__credential: 'managedidentity'
        EVENT_HUB__fullyQualifiedNamespace: '${eventHubNamespaceName}.${eventHubSuffix}'
      }
    : withoutEventHub)
}

module functionAppModule 'modules/function-app.bicep' = if (underFunctions) {
  params: {
    name: appName
    planName: 'plan-${name}'
    location: location
    tags: tags
    plan: hosting == 'premium' ? 'premium' : 'flex'
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    queueFunctionName: queueFunctionName
    settings: { ...programSettings, ...hostSettings }
    packageContainerUrl: 'https://${hostAccountName}.${blobSuffix}/${packageContainerName}'
    packageUri: packageUri
    packageBlobName: packageBlobName
    identityResourceId: identity.id
    subnetResourceId: appSubnetId
  }
  // The first start reads the package, the token and the queue: roles and private addresses come before it.
  dependsOn: [
    eventHubReaderModule
    exportAccountModule
    hostAccountModule
    privateEndpointsModule
    vaultModule
  ]
}

module containerAppModule 'modules/container-app.bicep' = if (!underFunctions) {
  params: {
    name: name
    environmentName: 'cae-${name}'
    location: location
    tags: tags
    image: containerImage
    settings: programSettings
    tokenSecretUri: tokenSecretUri
    tokenSettingName: 'AXIOM_TOKEN'
    identityResourceId: identity.id
    logWorkspaceResourceId: logWorkspaceId
    subnetResourceId: appSubnetId
  }
  dependsOn: [
    exportAccountModule
    hostAccountModule
    insightsModule
    privateEndpointsModule
    vaultModule
  ]
}

// ---- Alerts

module alertsModule 'modules/alerts.bicep' = {
  params: {
    name: name
    location: location
    tags: tags
    underFunctions: underFunctions
    emails: alertEmails
    actionGroupResourceIds: actionGroupResourceIds
    componentResourceId: component.id
    logWorkspaceResourceId: logWorkspaceId
    exportWorkspaceResourceId: workspaceResourceId
    exportWorkspaceLocation: location
    hostAccountResourceId: hostAccount.id
    topicResourceId: topic.id
    sweepFunctionName: sweepFunctionName
    queueFunctionName: queueFunctionName
    quietTableHours: quietTableHours
  }
  dependsOn: [
    eventsModule
    hostAccountModule
    insightsModule
  ]
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' existing = {
  name: 'ag-${name}'
}

module defenderAlertsModule 'modules/defender-alerts.bicep' = if (defenderExport == 'workspace') {
  params: {
    name: name
    location: location
    tags: tags
    workspaceResourceId: workspaceResourceId
    actionGroupResourceIds: concat(empty(alertEmails) ? [] : [actionGroup.id], actionGroupResourceIds)
  }
  dependsOn: [alertsModule]
}

// ---- What a person or a script needs next

@description('Name of the function app, or of the container app.')
output appName string = underFunctions ? appName : name

@description('Account that data export writes to.')
output exportAccountName string = exportAccountName

@description('Account with the queue, the refused rows and the dead letters.')
output hostAccountName string = hostAccountName

@description('Vault with the Axiom token.')
output vaultName string = vaultName

@description('Event hub that the app reads, where other subscriptions export to; empty without one.')
output eventHubResourceId string = readsEventHub ? eventHubNamespace::hub.id : ''

@description('Principal id of the identity of the program. To it ThreatHunting.Read.All of Microsoft Graph is given for pulls from advanced hunting (docs/pulls.md).')
output principalId string = identity.properties.principalId

// ---- Types

@sealed()
@description('Settings of README.md that have no parameter of their own. An empty value is left out, and the default of the program holds.')
type settingsType = {
  @description('Create a dataset that is missing.')
  AXIOM_CREATE_DATASETS: ('true' | 'false')?

  @description('One dataset for all tables.')
  AXIOM_DATASET: string?

  @description('Datasets by table: `Table=dataset,...`.')
  AXIOM_DATASET_MAP: string?

  @description('Whole URL of the edge deployment; wins over `axiomEdge`.')
  AXIOM_EDGE_URL: string?

  @description('Add blob and offset as columns.')
  AXIOM_PROVENANCE: ('true' | 'false')?

  @description('Dataset for what the program tells of itself, a row for each visit and sweep.')
  AXIOM_TELEMETRY_DATASET: string?

  @description('Most bytes of raw lines in a batch.')
  BATCH_BYTES: int?

  @description('Most rows in a batch.')
  BATCH_ROWS: int?

  @description('Seconds that a visit holds a blob without renewing its claim; after a crash a blob waits that long.')
  CLAIM_FOR: int?

  @description('Container of rows of event hubs that wait.')
  EVENTS_CONTAINER: string?

  @description('Consumer group that is made for the program on the event hub.')
  EVENT_HUB_CONSUMER_GROUP: string?

  @description('Name of a new event hub.')
  EVENT_HUB_NAME: string?

  @description('Container of what `history` has done.')
  HISTORY_CONTAINER: string?

  @description('Queue of the slices that `history run --queue` leaves to the app.')
  HISTORY_QUEUE: string?

  @description('API of advanced hunting: Microsoft Graph (`graph`), or the older one of Defender XDR, which is being retired (`xdr`).')
  HUNTING_API: ('graph' | 'xdr')?

  @description('Hunting queries in a minute.')
  HUNTING_CALLS: int?

  @description('Address of the API of advanced hunting; Microsoft Graph of the cloud deployed to by default, with `xdr` that of the program.')
  HUNTING_URL: string?

  @description('Address of the query API of Log Analytics; that of the cloud deployed to by default.')
  LOG_ANALYTICS_URL: string?

  @description('Level of the logs.')
  LOG_LEVEL: ('error' | 'warn' | 'info' | 'debug' | 'trace')?

  @description('Dataset of a record of each run of each pull.')
  PULLS_AUDIT_DATASET: string?

  @description('Container of what pulls have reached.')
  PULLS_CONTAINER: string?

  @description('File with pulls in the package, such as `pulls/defender-tvm.toml`, instead of `pulls`.')
  PULLS_FILE: string?

  @description('NCRONTAB schedule of looking for pulls that are due, in UTC.')
  PULLS_SCHEDULE: string?

  @description('Container of what was delivered of each blob that is gone.')
  RECEIPTS_CONTAINER: string?

  @description('Container of the rows that were set aside.')
  REFUSED_CONTAINER: string?

  @description('Address of Azure Resource Manager, for `snapshot`.')
  RESOURCE_GRAPH_URL: string?

  @description('Largest row that is sent, in bytes.')
  ROW_BYTES: int?

  @description('Seconds between two sweeps; `hosting: container` only.')
  RUN_EVERY: int?

  @description('Quiet seconds before an append blob is deleted.')
  SETTLE_AFTER: int?

  @description('NCRONTAB schedule of the sweep, in UTC.')
  SWEEP_SCHEDULE: string?

  @description('Tables to ship, comma-separated; all when empty.')
  TABLES: string?

  @description('Tables to leave in their blobs, comma-separated.')
  TABLES_EXCEPT: string?

  @description('POSTs in flight per visit.')
  UPLOADS: int?

  @description('Seconds after which a visit stops shipping; below `functionTimeout` of host.json.')
  VISIT_DEADLINE: int?

  @description('Visits at a time in one process.')
  VISITS: int?

  @description('Queue that events are delivered to.')
  WORK_QUEUE: string?

  @description('Level of zstd, 1 to 19, or `auto`.')
  ZSTD_LEVEL: string?
}
