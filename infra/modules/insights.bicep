metadata name = 'Insights'
metadata description = 'Where the system reports on itself. A workspace of its own, so that its logs are neither exported to Axiom in a loop nor billed as security data.'

import { tagsType } from 'types.bicep'
import { roles } from 'roles.bicep'

@description('Required. Name of the Application Insights component.')
param name string

@description('Required. Whether the workspace is created here.')
param createWorkspace bool

@description('Required. Name of the workspace, where it is created.')
param workspaceName string

@description('Required. Resource id of the workspace, created or existing.')
param workspaceResourceId string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Name of the identity of the program; makes the name of its role assignment.')
param identityName string

@description('Required. Principal id of the identity of the program.')
param principalId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = if (createWorkspace) {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    features: {
      disableLocalAuth: true
    }
    retentionInDays: 30
    sku: {
      name: 'PerGB2018'
    }
    // About a hundred times what a day of reports needs; a fault that logs without end must not become a bill.
    workspaceCapping: {
      dailyQuotaGb: 5
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    // Telemetry is accepted from the identity alone; the connection string is an address, not a key.
    DisableLocalAuth: true
    WorkspaceResourceId: workspaceResourceId
  }
  dependsOn: [workspace]
}

resource metricsPublisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, identityName, roles.monitoringMetricsPublisher)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}

@description('Address for telemetry; not a secret, since local authentication is off.')
output connectionString string = component.properties.ConnectionString
