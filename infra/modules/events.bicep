metadata name = 'Events'
metadata description = 'Tells the work queue of every blob that data export creates. The topic signs in as itself; nothing here depends on code being deployed.'

import { tagsType } from 'types.bicep'
import { roles } from 'roles.bicep'

@description('Required. Name of the system topic.')
param topicName string

@description('Required. Whether the topic exists already, with a system-assigned identity. A storage account has at most one.')
param topicExists bool

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Name of the event subscription.')
param subscriptionName string

@description('Required. Name of the account whose blobs are watched.')
param exportAccountName string

@description('Required. Beginning of the names of the containers that data export creates.')
param containerPrefix string

@description('Required. Name of the account that holds the queue and the dead letters.')
param hostAccountName string

@description('Required. Name of the work queue.')
param queueName string

@description('Required. Name of the container for events that could not be delivered.')
param deadLetterContainerName string

resource exportAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: exportAccountName
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName

  resource blobService 'blobServices' existing = {
    name: 'default'

    resource deadLetters 'containers' existing = {
      name: deadLetterContainerName
    }
  }

  resource queueService 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: queueName
    }
  }
}

resource newTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (!topicExists) {
  name: topicName
  location: location
  tags: tags
  // System-assigned, because only such an identity passes the firewall of a storage account as a trusted service.
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: exportAccount.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

// The one that was just made or the one that was there: everything below treats both alike.
resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

// On the one queue and the one container, not on the account: the package lies in the same account.
resource messageSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount::queueService::queue
  name: guid(hostAccount::queueService::queue.id, topicName, roles.storageQueueDataMessageSender)
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataMessageSender
    )
  }
  dependsOn: [newTopic]
}

resource deadLetterContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount::blobService::deadLetters
  name: guid(hostAccount::blobService::deadLetters.id, topicName, roles.storageBlobDataContributor)
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
  }
  dependsOn: [newTopic]
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: subscriptionName
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${containerPrefix}'
      subjectEndsWith: '.json'
    }
    deliveryWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: hostAccount.id
          queueName: queueName
          // A week, the queue's own limit by default: an app that is stopped over a weekend loses no hint.
          queueMessageTimeToLiveInSeconds: 604800
        }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: hostAccount.id
          blobContainerName: deadLetterContainerName
        }
      }
    }
    retryPolicy: {
      eventTimeToLiveInMinutes: 1440
      maxDeliveryAttempts: 30
    }
  }
  // Event Grid tries the destination when the subscription is made.
  dependsOn: [
    newTopic
    messageSender
    deadLetterContributor
  ]
}
