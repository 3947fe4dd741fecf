metadata name = 'Private endpoints'
metadata description = 'Private addresses for the accounts, the vault and the event hub, and the zones that make their names resolve to them.'

import { eventHubSuffixes } from 'clouds.bicep'
import { tagsType } from 'types.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Resource id of the subnet of the endpoints.')
param subnetResourceId string

@description('Required. Resource id of the network that asks the zones.')
param networkResourceId string

@description('Required. Whether to create the private DNS zones; otherwise a policy or a hub network registers the endpoints.')
param createZones bool

@description('Required. The endpoints: a name, the resource and its sub-resource.')
param endpoints endpointType[]

@export()
@sealed()
@description('A private endpoint.')
type endpointType = {
  @description('Name of the endpoint.')
  name: string

  @description('Resource that is reached.')
  resourceId: string

  @description('Part of the resource that is reached.')
  group: 'blob' | 'namespace' | 'queue' | 'table' | 'vault'
}

var storageSuffix = environment().suffixes.storage
var zoneNames = {
  blob: 'privatelink.blob.${storageSuffix}'
  namespace: 'privatelink.${eventHubSuffixes[?environment().name] ?? 'servicebus.windows.net'}'
  queue: 'privatelink.queue.${storageSuffix}'
  table: 'privatelink.table.${storageSuffix}'
  vault: 'privatelink.vaultcore.azure.net'
}
var neededGroups = filter(objectKeys(zoneNames), group => contains(map(endpoints, endpoint => endpoint.group), group))
var createdGroups = createZones ? neededGroups : []

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for group in createdGroups: {
    name: zoneNames[group]
    location: 'global'
    tags: tags
  }
]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (group, index) in createdGroups: {
    parent: zones[index]
    name: 'link'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkResourceId
      }
    }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: endpoint.name
    location: location
    tags: tags
    properties: {
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            groupIds: [endpoint.group]
            // A parameter, only inside a list, which the rule does not see.
            #disable-next-line use-resource-id-functions
            privateLinkServiceId: endpoint.resourceId
          }
        }
      ]
      subnet: {
        id: subnetResourceId
      }
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, index) in endpoints: if (createZones) {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.group
          properties: {
            privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneNames[endpoint.group])
          }
        }
      ]
    }
    dependsOn: [zones]
  }
]
