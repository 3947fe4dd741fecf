metadata name = 'Data export rule'
metadata description = 'The rule on an existing workspace, possibly in another resource group, that makes Azure Monitor append new rows to blobs.'

@description('Required. Name of the rule. The same name on every deployment: a deployment replaces the whole rule, so adding a table is deploying again.')
param name string

@description('Required. Name of the existing workspace.')
param workspaceName string

@description('Required. Tables to export; each must exist in the workspace, or the whole rule is refused.')
param tables string[]

@description('Required. Resource id of the export account; a workspace accepts an account in one rule only.')
param exportAccountResourceId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource rule 'Microsoft.OperationalInsights/workspaces/dataExports@2025-02-01' = {
  parent: workspace
  name: name
  properties: {
    destination: {
      resourceId: exportAccountResourceId
    }
    enable: true
    tableNames: tables
  }
}
