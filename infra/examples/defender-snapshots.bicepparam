using '../defender-export.bicep'

// Only the state of everything once a week, to an event hub.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'snapshots-to-axiom'
    snapshots: [
      'Assessments'
      'AttackPaths'
      'RegulatoryComplianceAssessment'
      'SecureScoreControls'
      'SecureScores'
      'SubAssessments'
    ]
  }
]
