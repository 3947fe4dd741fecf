metadata name = 'Policy contributor of a workspace'
metadata description = 'Lets the identity of a policy assignment name a workspace as destination of the exports that it makes.'

import { roles } from 'roles.bicep'

@description('Required. Name of the workspace.')
param name string

@description('Required. Resource id of the policy assignment; makes the name of its role assignment.')
param assignmentResourceId string

@description('Required. Principal id of the identity of the policy assignment.')
param principalId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: name
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  name: guid(workspace.id, assignmentResourceId, roles.contributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.contributor)
  }
}
