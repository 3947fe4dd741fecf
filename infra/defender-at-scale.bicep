metadata name = 'sentinel-axiom: export of Defender for Cloud, at scale'
metadata description = 'Continuous export of every subscription below a management group, by the policies that Microsoft publishes for it: assignments with their identities and roles, and remediation of the subscriptions that are there (docs/defender.md).'

targetScope = 'managementGroup'

import { roles } from 'modules/roles.bicep'

@description('Required. The assignments.')
@minLength(1)
param assignments assignmentType[]

@description('Optional. Object id of the service principal "Windows Azure Security Resource Provider" in this tenant, to give it the role Azure Event Hubs Data Sender on the event hubs: `az ad sp list --display-name "Windows Azure Security Resource Provider" --query "[].id" --output tsv`. Empty where it has the role.')
param defenderPrincipalId string = ''

@description('Optional. Region of the assignments and of their identities.')
param location string = deployment().location

// Azure/azure-policy, built-in-policies/policyDefinitions/Security Center. The ids are the same in every cloud.
var policyIds = {
  eventHub: 'af9f6c70-eb74-4189-8d15-e4f11a7ebfd4'
  eventHubByKey: 'cdfcce10-4578-4ecd-9703-530938e4abcb'
  workspace: 'ffb6f416-7bd2-4488-8828-56585fef2be9'
}
var destinationParameters = {
  eventHub: 'eventHubDetails'
  eventHubByKey: 'eventHubDetails'
  workspace: 'workspaceResourceId'
}

var allDataTypes = [
  'Security recommendations'
  'Security alerts'
  'Overall secure score'
  'Secure score controls'
  'Regulatory compliance'
  'Overall secure score - snapshot'
  'Secure score controls - snapshot'
  'Regulatory compliance - snapshot'
  'Security recommendations - snapshot'
  'Security findings - snapshot'
]

// The policies name what they make `exportToEventHub` and `exportToWorkspace`: two assignments to one group would undo each other for ever.
var places = [
  for each in assignments: '${each.to == 'workspace' ? 'exportToWorkspace' : 'exportToEventHub'} in ${each.resourceGroupName}'
]
var distinctAssignments = length(union(places, [])) == length(assignments) ? assignments : fail('Two assignments make the same export in the same resource group: give each a resourceGroupName of its own.')

resource policyAssignments 'Microsoft.Authorization/policyAssignments@2025-03-01' = [
  for each in distinctAssignments: {
    name: each.name
    location: location
    identity: {
      type: 'SystemAssigned'
    }
    properties: {
      displayName: each.?displayName ?? 'Defender for Cloud to ${each.to == 'workspace' ? 'a workspace' : 'an event hub'}, for Axiom'
      policyDefinitionId: tenantResourceId('Microsoft.Authorization/policyDefinitions', policyIds[each.to])
      notScopes: each.?notScopes ?? []
      parameters: {
        resourceGroupName: {
          value: each.resourceGroupName
        }
        resourceGroupLocation: {
          value: each.?resourceGroupLocation ?? location
        }
        createResourceGroup: {
          value: each.?createResourceGroup ?? true
        }
        exportedDataTypes: {
          value: each.?exportedDataTypes ?? allDataTypes
        }
        isSecurityFindingsEnabled: {
          value: each.?securityFindings ?? true
        }
        recommendationNames: {
          value: each.?recommendations ?? []
        }
        recommendationSeverities: {
          value: each.?recommendationSeverities ?? ['High', 'Medium', 'Low']
        }
        alertSeverities: {
          value: each.?alertSeverities ?? ['High', 'Medium', 'Low']
        }
        secureScoreControlsNames: {
          value: each.?secureScoreControls ?? []
        }
        regulatoryComplianceStandardsNames: {
          value: each.?standards ?? []
        }
        '${destinationParameters[each.to]}': {
          value: each.destinationResourceId
        }
      }
    }
  }
]

// What the policies ask for (`roleDefinitionIds`): they make a resource group and an export in each subscription.
resource contributors 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (each, index) in distinctAssignments: {
    name: guid(managementGroup().id, each.name, roles.contributor)
    properties: {
      principalId: policyAssignments[index].identity.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: tenantResourceId('Microsoft.Authorization/roleDefinitions', roles.contributor)
    }
  }
]

// And the policies ask for the same on the destination (`assignPermissions`), which may lie elsewhere.
module hubContributorModules 'modules/policy-contributor-hub.bicep' = [
  for (each, index) in distinctAssignments: if (each.to != 'workspace') {
    scope: resourceGroup(split(each.destinationResourceId, '/')[2], split(each.destinationResourceId, '/')[4])
    params: {
      namespaceName: split(each.destinationResourceId, '/')[8]
      name: split(each.destinationResourceId, '/')[?10] ?? ''
      assignmentResourceId: policyAssignments[index].id
      principalId: policyAssignments[index].identity.principalId
    }
  }
]

module workspaceContributorModules 'modules/policy-contributor-workspace.bicep' = [
  for (each, index) in distinctAssignments: if (each.to == 'workspace') {
    scope: resourceGroup(split(each.destinationResourceId, '/')[2], split(each.destinationResourceId, '/')[4])
    params: {
      name: split(each.destinationResourceId, '/')[8]
      assignmentResourceId: policyAssignments[index].id
      principalId: policyAssignments[index].identity.principalId
    }
  }
]

// One after the other: assignments may share a hub.
@batchSize(1)
module senderModules 'modules/event-hub-sender.bicep' = [
  for each in distinctAssignments: if (each.to == 'eventHub' && !empty(defenderPrincipalId)) {
    scope: resourceGroup(split(each.destinationResourceId, '/')[2], split(each.destinationResourceId, '/')[4])
    params: {
      namespaceName: split(each.destinationResourceId, '/')[8]
      name: split(each.destinationResourceId, '/')[?10] ?? ''
      defenderPrincipalId: defenderPrincipalId
    }
  }
]

// A policy acts by itself on subscriptions that come later; those that are there already are remediated.
resource remediations 'Microsoft.PolicyInsights/remediations@2024-10-01' = [
  for (each, index) in distinctAssignments: if (each.?remediate ?? true) {
    name: each.name
    properties: {
      policyAssignmentId: policyAssignments[index].id
      // The only mode that a management group has.
      resourceDiscoveryMode: 'ExistingNonCompliant'
    }
    dependsOn: [
      contributors[index]
      hubContributorModules[index]
      workspaceContributorModules[index]
    ]
  }
]

// ---- Types

@sealed()
@description('An assignment of one of the three policies. Names of what is exported are those of the policies. None of them exports attack paths, sets thresholds or has scopes smaller than a subscription: infra/defender-export.bicep does.')
type assignmentType = {
  @description('Name of the assignment and of its remediation.')
  @minLength(1)
  @maxLength(24)
  name: string

  @description('To an event hub as a trusted service, to an event hub with the key of an authorization rule, or to a workspace.')
  to: 'eventHub' | 'eventHubByKey' | 'workspace'

  @description('Resource id of the event hub, of an authorization rule with the claim Send of an event hub (`eventHubByKey`), or of the workspace.')
  @minLength(100)
  destinationResourceId: string

  @description('Name of the resource group that the export is kept in, in each subscription.')
  @minLength(1)
  @maxLength(90)
  resourceGroupName: string

  @description('Region of that resource group; that of the deployment when left out.')
  resourceGroupLocation: string?

  @description('Whether the resource group is made where it is missing; true when left out. Where it is there, its tags are set anew.')
  createResourceGroup: bool?

  @description('What the assignment is called in the portal.')
  displayName: string?

  @description('Resource ids of management groups and subscriptions that are left out.')
  notScopes: string[]?

  @description('What is exported; everything when left out.')
  @minLength(1)
  exportedDataTypes: (
    | 'Overall secure score'
    | 'Overall secure score - snapshot'
    | 'Regulatory compliance'
    | 'Regulatory compliance - snapshot'
    | 'Secure score controls'
    | 'Secure score controls - snapshot'
    | 'Security alerts'
    | 'Security findings - snapshot'
    | 'Security recommendations'
    | 'Security recommendations - snapshot')[]?

  @description('Whether findings (sub-assessments) are streamed with their recommendations; true when left out.')
  securityFindings: bool?

  @description('Ids of recommendations that are sent; all when left out.')
  recommendations: string[]?

  @description('Severities of recommendations that are sent.')
  @minLength(1)
  recommendationSeverities: ('High' | 'Low' | 'Medium')[]?

  @description('Severities of alerts that are sent. The policies know no informational ones.')
  @minLength(1)
  alertSeverities: ('High' | 'Low' | 'Medium')[]?

  @description('Ids of controls of the secure score that are sent; all when left out.')
  secureScoreControls: string[]?

  @description('Names of regulatory standards that are sent; all when left out.')
  standards: string[]?

  @description('Whether the subscriptions that are there already are remediated; true when left out.')
  remediate: bool?
}
