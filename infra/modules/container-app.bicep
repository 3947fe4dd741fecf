metadata name = 'Container app'
metadata description = 'The program as a plain loop in a container, without the Functions host: `sentinel-axiom run`.'

import { appSettingsType, tagsType } from 'types.bicep'

@description('Required. Name of the container app.')
param name string

@description('Required. Name of the environment.')
param environmentName string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Image with the program.')
param image string

@description('Required. Settings of the program, without the token.')
param settings appSettingsType

@description('Required. Address of the secret that holds the Axiom token.')
param tokenSecretUri string

@description('Required. Name of the setting that carries the token.')
param tokenSettingName string

@description('Required. Resource id of the identity of the program.')
param identityResourceId string

@description('Required. Resource id of the workspace that keeps the logs.')
param logWorkspaceResourceId string

@description('Required. Resource id of the subnet of the environment, or empty.')
param subnetResourceId string

var environmentVariables = [
  for setting in items(settings): {
    name: setting.key
    value: setting.value
  }
]

resource environment 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: environmentName
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: {
      // By way of the diagnostic setting below; the other way needs the key of the workspace.
      destination: 'azure-monitor'
    }
    vnetConfiguration: empty(subnetResourceId)
      ? null
      : {
          infrastructureSubnetId: subnetResourceId
          internal: true
        }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

resource environmentLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: environment
  name: 'logs'
  properties: {
    workspaceId: logWorkspaceResourceId
    logs: [
      {
        category: 'ContainerAppConsoleLogs'
        enabled: true
      }
      {
        category: 'ContainerAppSystemLogs'
        enabled: true
      }
    ]
  }
}

resource app 'Microsoft.App/containerApps@2025-01-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityResourceId}': {}
    }
  }
  properties: {
    environmentId: environment.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      // No ingress: nothing ever calls the program.
      secrets: [
        {
          name: 'axiom-token'
          keyVaultUrl: tokenSecretUri
          identity: identityResourceId
        }
      ]
    }
    template: {
      containers: [
        {
          name: 'sentinel-axiom'
          image: image
          args: ['run']
          env: concat(environmentVariables, [
            {
              name: tokenSettingName
              secretRef: 'axiom-token'
            }
          ])
          resources: {
            cpu: json('1.0')
            memory: '2Gi'
          }
        }
      ]
      scale: {
        // One loop sees all the work; a second would only race it for claims.
        minReplicas: 1
        maxReplicas: 1
      }
    }
  }
}
