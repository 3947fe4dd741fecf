metadata name = 'Policy contributor of an event hub'
metadata description = 'Lets the identity of a policy assignment name an event hub as destination of the exports that it makes.'

import { roles } from 'roles.bicep'

@description('Required. Name of the namespace.')
param namespaceName string

@description('Required. Name of the event hub.')
param name string

@description('Required. Resource id of the policy assignment; makes the name of its role assignment.')
param assignmentResourceId string

@description('Required. Principal id of the identity of the policy assignment.')
param principalId string

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: namespaceName

  resource hub 'eventhubs' existing = {
    name: name
  }
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: namespace::hub
  name: guid(namespace::hub.id, assignmentResourceId, roles.contributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.contributor)
  }
}
