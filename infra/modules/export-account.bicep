metadata name = 'Export account'
metadata description = 'The storage account that Azure Monitor exports to, and nothing else writes to. It holds the only copy of rows that are not in Axiom yet.'

import { tagsType } from 'types.bicep'
import { roles } from 'roles.bicep'

@description('Required. Name of the account.')
param name string

@description('Required. Region; data export demands that of the workspace.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Replication of the account; data export does not accept premium accounts.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param skuName string

@description('Required. Whether account keys are accepted. The system never uses one.')
param allowSharedKeyAccess bool

@description('Required. Days after its last change at which a blob is removed even if nobody shipped it.')
@minValue(3)
param retentionDays int

@description('Required. Whether only private endpoints and trusted Azure services reach the account.')
param denyPublicNetwork bool

@description('Required. Beginning of the names of the containers that data export creates.')
param containerPrefix string

@description('Required. Name of the identity of the program; makes the name of its role assignment.')
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
    allowSharedKeyAccess: allowSharedKeyAccess
    defaultToOAuthAuthentication: true
    // Azure Monitor speaks TLS 1.2 to its destinations; 1.3 as the minimum would shut it out.
    minimumTlsVersion: 'TLS1_2'
    networkAcls: {
      // Azure Monitor writes as a trusted service.
      bypass: 'AzureServices'
      defaultAction: denyPublicNetwork ? 'Deny' : 'Allow'
    }
    // Not `Disabled` even with private endpoints: trusted services come in by the public endpoint, past the rule above.
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    // Versioning and soft delete would keep, and bill, every blob that was shipped and deleted.
    isVersioningEnabled: false
    deleteRetentionPolicy: {
      enabled: false
    }
    // A container that somebody deletes by hand can be had back for a week; the program deletes none but those, empty, that `check` makes for its probe.
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'remove-what-nobody-shipped'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              // Delete is the only action that append blobs support.
              blobTypes: ['appendBlob', 'blockBlob']
              prefixMatch: [containerPrefix]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: retentionDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

// Read, write metadata, delete: the whole visit of a blob. No narrower built-in role can delete.
resource blobContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, identityName, roles.storageBlobDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
  }
}
