metadata name = 'Event hub reader'
metadata description = 'Lets the program read an event hub, possibly in another resource group, in a consumer group of its own.'

import { roles } from 'roles.bicep'

@description('Required. Name of the namespace.')
param namespaceName string

@description('Required. Name of the event hub.')
param name string

@description('Required. Name of the consumer group: others that read the hub have places of their own in it.')
param consumerGroupName string

@description('Required. Resource id of the identity of the program; makes the name of its role assignment.')
param identityResourceId string

@description('Required. Principal id of the identity of the program.')
param principalId string

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: namespaceName

  resource hub 'eventhubs' existing = {
    name: name
  }
}

resource consumerGroup 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: namespace::hub
  name: consumerGroupName
  properties: {}
}

resource receiver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: namespace::hub
  // By the whole id of the identity: other deployments may read the same hub, with identities of the same name.
  name: guid(namespace::hub.id, identityResourceId, roles.azureEventHubsDataReceiver)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.azureEventHubsDataReceiver
    )
  }
}
