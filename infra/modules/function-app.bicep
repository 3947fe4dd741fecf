metadata name = 'Function app'
metadata description = 'The program as a custom handler of Azure Functions, on a Flex Consumption or an Elastic Premium plan.'

import { appSettingsType, tagsType } from 'types.bicep'

@description('Required. Name of the app.')
param name string

@description('Required. Name of the plan.')
param planName string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Flex Consumption (`flex`) or Elastic Premium (`premium`).')
@allowed(['flex', 'premium'])
param plan string

@description('Required. Memory of one Flex Consumption instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('Required. Most instances at a time.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Required. Instances that are kept warm.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int

@description('Required. Folder name of the function that takes messages from the work queue.')
param queueFunctionName string

@description('Required. All settings of the app; a deployment replaces the whole collection.')
param settings appSettingsType

@description('Required. URL of the container that Flex Consumption takes the package from.')
param packageContainerUrl string

@description('Required. URL of the package to install, or empty when azd or Core Tools bring the code.')
param packageUri string

@description('Required. Name of the package in its container, where Elastic Premium finds it when no URL is given.')
param packageBlobName string

@description('Required. Resource id of the identity of the program.')
param identityResourceId string

@description('Required. Resource id of the subnet the app sends from, or empty.')
param subnetResourceId string

var flex = plan == 'flex'

resource servicePlan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: flex ? 'functionapp' : 'elastic'
  sku: flex
    ? {
        name: 'FC1'
        tier: 'FlexConsumption'
      }
    : {
        name: 'EP1'
        tier: 'ElasticPremium'
      }
  properties: {
    maximumElasticWorkerCount: flex ? null : min(maximumInstanceCount, 100)
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  // azd finds the app by this tag.
  tags: union(tags, { 'azd-service-name': 'forwarder' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityResourceId}': {}
    }
  }
  properties: {
    httpsOnly: true
    keyVaultReferenceIdentity: identityResourceId
    serverFarmId: servicePlan.id
    virtualNetworkSubnetId: empty(subnetResourceId) ? null : subnetResourceId
    outboundVnetRouting: empty(subnetResourceId) ? null : { allTraffic: true }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      minimumElasticInstanceCount: flex ? null : max(alwaysReadyInstances, 1)
      remoteDebuggingEnabled: false
    }
    functionAppConfig: flex
      ? {
          deployment: {
            storage: {
              type: 'blobContainer'
              value: packageContainerUrl
              authentication: {
                type: 'UserAssignedIdentity'
                userAssignedIdentityResourceId: identityResourceId
              }
            }
          }
          runtime: {
            name: 'custom'
            version: '1.0'
          }
          scaleAndConcurrency: {
            alwaysReady: alwaysReadyInstances == 0
              ? []
              : [
                  {
                    name: 'function:${queueFunctionName}'
                    instanceCount: alwaysReadyInstances
                  }
                ]
            instanceMemoryMB: instanceMemoryMB
            maximumInstanceCount: maximumInstanceCount
          }
        }
      : null
  }
}

// On Flex Consumption the platform sets these by itself and rejects them from outside.
var premiumSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'custom'
  WEBSITE_RUN_FROM_PACKAGE: empty(packageUri) ? '${packageContainerUrl}/${packageBlobName}' : packageUri
  // The package in our own container is read with the identity of the program; a public URL needs none.
  ...(empty(packageUri) ? { WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID: identityResourceId } : {})
}

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: flex ? settings : { ...settings, ...premiumSettings }
}

// Publishing by password, off. One after the other in words: the types do not follow a loop over the names.
resource ftpCredentials 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmCredentials 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource package 'Microsoft.Web/sites/extensions@2024-11-01' = if (flex && !empty(packageUri)) {
  parent: app
  name: 'onedeploy'
  // The published type of this resource has no properties, the service takes them.
  #disable-next-line BCP187
  properties: {
    packageUri: packageUri
    remoteBuild: false
  }
  // A deployment of code restarts the app, and so does a change of settings: the settings go first.
  dependsOn: [appSettings]
}
