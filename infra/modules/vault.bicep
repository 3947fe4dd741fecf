metadata name = 'Vault'
metadata description = 'The Key Vault that holds the Axiom token, the one secret of the system.'

import { tagsType } from 'types.bicep'
import { roles } from 'roles.bicep'

@description('Required. Name of the vault.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Name of the secret.')
param secretName string

@description('Required. The Axiom token.')
@secure()
param axiomToken string

@description('Required. Whether only private endpoints reach the vault.')
param denyPublicNetwork bool

@description('Required. Name of the identity of the program; makes the name of its role assignment.')
param identityName string

@description('Required. Principal id of the identity of the program.')
param principalId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: denyPublicNetwork ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: denyPublicNetwork ? 'Deny' : 'Allow'
    }
  }
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: secretName
  properties: {
    contentType: 'text/plain'
    value: axiomToken
  }
}

// Read the values of secrets; not their list, not the vault.
resource secretsUser 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identityName, roles.keyVaultSecretsUser)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}
