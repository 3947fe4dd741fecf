metadata name = 'sentinel-axiom: export of Defender for Cloud'
metadata description = 'Continuous export of one subscription to an event hub or a workspace that are there already. Deployed to a resource group of that subscription; infra/main.bicep does the same for its own (docs/defender.md).'

targetScope = 'resourceGroup'

import { configurationType } from 'modules/defender-types.bicep'
import { tagsType } from 'modules/types.bicep'

@description('Required. The configurations; each is a resource of its own in this resource group.')
@minLength(1)
param configurations configurationType[]

@description('Required. Resource id of the event hub, or of the Log Analytics workspace, that all of them write to; also in another subscription, and a workspace in another tenant (docs/defender.md).')
@minLength(100)
param destinationResourceId string

@description('Optional. Object id of the service principal "Windows Azure Security Resource Provider" in this tenant, to give it the role Azure Event Hubs Data Sender on the event hub: `az ad sp list --display-name "Windows Azure Security Resource Provider" --query "[].id" --output tsv`. Empty where it has the role.')
param defenderPrincipalId string = ''

@description('Optional. How Defender for Cloud writes to an event hub: as a trusted service, without a secret, or with `eventHubConnectionString`, only where it cannot be given a role on the event hub, as in another tenant.')
@allowed(['trustedService', 'connectionString'])
param eventHubAccess string = 'trustedService'

@description('Optional. Connection string of the event hub. It is kept by Defender for Cloud, which shows it to nobody.')
@secure()
param eventHubConnectionString string = ''

@description('Optional. Alert on what arrives in the workspace: alerts and recommendations of high severity. The resource group must then be in the tenant of the workspace.')
param alerts bool = false

@description('Optional. Resource ids of existing action groups that get the alerts.')
param actionGroupResourceIds string[] = []

@description('Optional. Region; with `alerts` that of the workspace.')
param location string = resourceGroup().location

@description('Optional. Beginning of the names of the alerts.')
@minLength(4)
@maxLength(40)
param name string = 'sentinel-axiom'

@description('Optional. Tags of every resource.')
param tags tagsType = {}

var destinationIdParts = split(destinationResourceId, '/')
var toEventHub = toLower(destinationIdParts[6]) == 'microsoft.eventhub'

module senderModule 'modules/event-hub-sender.bicep' = if (toEventHub && !empty(defenderPrincipalId)) {
  scope: resourceGroup(destinationIdParts[2], destinationIdParts[4])
  params: {
    namespaceName: destinationIdParts[8]
    name: last(destinationIdParts)
    defenderPrincipalId: defenderPrincipalId
  }
}

module defenderExportModule 'modules/defender-export.bicep' = {
  params: {
    location: location
    tags: tags
    configurations: configurations
    destinationResourceId: destinationResourceId
    eventHubAccess: eventHubAccess
    eventHubConnectionString: eventHubConnectionString
  }
  dependsOn: [senderModule]
}

module defenderAlertsModule 'modules/defender-alerts.bicep' = if (!toEventHub && alerts) {
  params: {
    name: name
    location: location
    tags: tags
    workspaceResourceId: destinationResourceId
    actionGroupResourceIds: actionGroupResourceIds
  }
}
