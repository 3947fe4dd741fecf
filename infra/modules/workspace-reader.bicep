metadata name = 'Workspace reader'
metadata description = 'Lets the program query the existing workspace, possibly in another resource group: history is read by queries.'

import { roles } from 'roles.bicep'

@description('Required. Name of the existing workspace.')
param workspaceName string

@description('Required. Resource id of the identity of the program; makes the name of its role assignment.')
param identityResourceId string

@description('Required. Principal id of the identity of the program.')
param principalId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource logAnalyticsReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  // By the whole id of the identity: other deployments may read the same workspace, with identities of the same name.
  name: guid(workspace.id, identityResourceId, roles.logAnalyticsReader)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.logAnalyticsReader)
  }
}
