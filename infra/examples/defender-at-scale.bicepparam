using '../defender-at-scale.bicep'

// Every subscription below a management group: everything to an event hub; besides, alerts to the workspace of the security operations centre, and one old event hub that still takes keys.
param location = 'westeurope'
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param assignments = [
  {
    name: 'defender-to-axiom'
    to: 'eventHub'
    destinationResourceId: readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
    resourceGroupName: 'rg-defender-export'
  }
  {
    name: 'defender-alerts-to-soc'
    to: 'workspace'
    destinationResourceId: readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
    resourceGroupName: 'rg-defender-export'
    exportedDataTypes: ['Security alerts']
    alertSeverities: ['High', 'Medium']
    securityFindings: false
  }
  {
    name: 'defender-to-old-hub'
    to: 'eventHubByKey'
    destinationResourceId: '${readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')}/authorizationRules/defender-sends'
    resourceGroupName: 'rg-defender-export-old'
    createResourceGroup: false
    exportedDataTypes: ['Security recommendations', 'Security recommendations - snapshot']
    recommendations: ['1195afff-c881-495e-9bc5-1486211ae03f']
    recommendationSeverities: ['High']
    notScopes: ['/subscriptions/00000000-0000-0000-0000-000000000008']
    remediate: false
  }
]
