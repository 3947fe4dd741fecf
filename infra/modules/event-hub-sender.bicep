metadata name = 'Event hub sender'
metadata description = 'Lets Defender for Cloud write to an event hub, possibly in another resource group, as a trusted service: without a key.'

import { roles } from 'roles.bicep'

@description('Required. Name of the namespace.')
param namespaceName string

@description('Required. Name of the event hub.')
param name string

@description('Required. Object id of the service principal "Windows Azure Security Resource Provider", another in each tenant.')
param defenderPrincipalId string

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: namespaceName

  resource hub 'eventhubs' existing = {
    name: name
  }
}

// The role and the name are those of Microsoft's "Set up continuous export to an event hub behind a firewall".
resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: namespace::hub
  name: guid(namespace::hub.id, defenderPrincipalId, roles.azureEventHubsDataSender)
  properties: {
    principalId: defenderPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.azureEventHubsDataSender)
  }
}
