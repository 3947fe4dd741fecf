using '../defender-export.bicep'

// Rules on other properties: alerts whose name says crypto mining, and recommendations for resources of other clouds.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'by-property-to-axiom'
    streaming: ['Alerts', 'Assessments']
    alertSeverities: ['high', 'medium']
    rules: [
      { kind: 'Alerts', property: 'AlertDisplayName', operator: 'Contains', value: 'crypto' }
      { kind: 'Assessments', property: 'properties.resourceDetails.source', operator: 'NotEquals', value: 'Azure' }
    ]
  }
]
