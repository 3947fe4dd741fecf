metadata name = 'Host account'
metadata description = 'The storage account of the system itself: package, work queue, refused rows, dead letters, state of the Functions host.'

import { tagsType } from 'types.bicep'

@description('Required. Name of the account.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Replication of the account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param skuName string

@description('Required. Whether only private endpoints and trusted Azure services reach the account.')
param denyPublicNetwork bool

@description('Required. Names of the blob containers.')
param containerNames string[]

@description('Required. Names of the queues.')
param queueNames string[]

@description('Required. Ids of the roles that the program holds on this account.')
param roleIds string[]

@description('Required. Name of the identity of the program; makes the names of its role assignments.')
param identityName string

@description('Required. Principal id of the identity of the program.')
param principalId string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    networkAcls: {
      // Event Grid delivers events and dead letters as a trusted service.
      bypass: 'AzureServices'
      defaultAction: denyPublicNetwork ? 'Deny' : 'Allow'
    }
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: false
    // Refused rows and dead letters exist nowhere else: a slip of the hand can be undone for a week.
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }

  resource containers 'containers' = [
    for containerName in containerNames: {
      name: containerName
      properties: {
        publicAccess: 'None'
      }
    }
  ]
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'

  resource queues 'queues' = [
    for queueName in queueNames: {
      name: queueName
    }
  ]
}

resource roleAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for roleId in roleIds: {
    scope: account
    name: guid(account.id, identityName, roleId)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    }
  }
]
