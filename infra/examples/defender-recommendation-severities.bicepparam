using '../defender-export.bicep'

// Recommendations of high and medium severity, with their findings, to an event hub.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'recommendations-to-axiom'
    streaming: ['Assessments', 'SubAssessments']
    recommendationSeverities: ['High', 'Medium']
  }
]
