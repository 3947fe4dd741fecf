metadata name = 'Export of Defender for Cloud'
metadata description = 'Continuous export of Defender for Cloud to one event hub or one workspace, by any number of configurations. They are about the subscription of their resource group.'

import { sources } from 'defender-rules.bicep'
import { configurationType } from 'defender-types.bicep'
import { tagsType } from 'types.bicep'

@description('Required. Region of the configurations.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. The configurations; each is a resource of its own.')
param configurations configurationType[]

@description('Required. Resource id of the event hub, or of the Log Analytics workspace, that all of them write to.')
@minLength(100)
param destinationResourceId string

@description('Required. How Defender for Cloud writes to an event hub: as a trusted service, or with a connection string.')
@allowed(['trustedService', 'connectionString'])
param eventHubAccess string

@description('Required. The connection string; empty for a trusted service.')
@secure()
param eventHubConnectionString string

var toEventHub = contains(toLower(destinationResourceId), '/providers/microsoft.eventhub/')

resource automations 'Microsoft.Security/automations@2023-12-01-preview' = [
  for configuration in configurations: {
    name: configuration.name
    location: location
    tags: tags
    properties: {
      description: configuration.?description ?? 'Continuous export for Axiom.'
      isEnabled: configuration.?enabled ?? true
      scopes: empty(configuration.?resourceGroups ?? [])
        ? [
            {
              description: 'the subscription'
              scopePath: subscription().id
            }
          ]
        : map(configuration.?resourceGroups ?? [], resourceGroupName => {
            description: 'the resource group ${resourceGroupName}'
            scopePath: '${subscription().id}/resourceGroups/${resourceGroupName}'
          })
      sources: sources(configuration)
      actions: [
        !toEventHub
          ? {
              actionType: 'Workspace'
              workspaceResourceId: destinationResourceId
            }
          : eventHubAccess == 'trustedService'
              ? {
                  actionType: 'EventHub'
                  eventHubResourceId: destinationResourceId
                  isTrustedServiceEnabled: true
                }
              : {
                  actionType: 'EventHub'
                  eventHubResourceId: destinationResourceId
                  connectionString: eventHubConnectionString
                }
      ]
    }
  }
]
