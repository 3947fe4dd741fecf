using '../defender-export.bicep'

// Several configurations of one subscription, to one event hub; one is kept, switched off, for later.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'alerts-to-axiom'
    description: 'All alerts, for the security operations centre.'
    streaming: ['Alerts']
  }
  {
    name: 'posture-to-axiom'
    description: 'Recommendations of high severity and the scores, for the owners.'
    streaming: ['Assessments', 'SecureScores', 'SecureScoreControls']
    recommendationSeverities: ['High']
  }
  {
    name: 'inventory-to-axiom'
    enabled: false
    snapshots: ['Assessments', 'SubAssessments']
  }
]
