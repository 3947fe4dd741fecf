metadata name = 'Event hub'
metadata description = 'A namespace of Event Hubs with one event hub, to which Defender for Cloud exports and from which the app reads. Entra identities alone sign in.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the namespace.')
@minLength(6)
@maxLength(50)
param namespaceName string

@description('Required. Name of the event hub.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Tier of the namespace: Basic has no consumer groups of one\'s own.')
@allowed(['Standard', 'Premium'])
param skuName string

@description('Required. Whether only private endpoints and trusted Azure services reach the namespace.')
param denyPublicNetwork bool

var publicNetworkAccess = denyPublicNetwork ? 'Disabled' : 'Enabled'

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: namespaceName
  location: location
  tags: tags
  sku: {
    name: skuName
    tier: skuName
    capacity: 1
  }
  properties: {
    // No connection strings: Defender for Cloud writes as a trusted service, the app reads with its identity.
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicNetworkAccess
  }
}

resource networkRules 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = {
  parent: namespace
  name: 'default'
  properties: {
    defaultAction: denyPublicNetwork ? 'Deny' : 'Allow'
    publicNetworkAccess: publicNetworkAccess
    // Defender for Cloud comes in past the rule above.
    trustedServiceAccessEnabled: true
  }
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: name
  properties: {
    // As many instances as there are partitions can read at a time. A namespace of the tier Standard cannot add any later.
    partitionCount: 4
    retentionDescription: {
      cleanupPolicy: 'Delete'
      // A week, the most that the tier Standard keeps: messages outlive a long weekend without the app.
      retentionTimeInHours: 168
    }
  }
}
