using '../defender-export.bicep'

// The secure score of the subscription whenever it changes and is below 80 %, to a workspace.
param destinationResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param configurations = [
  {
    name: 'low-score-to-axiom'
    streaming: ['SecureScores']
    secureScoreBelow: 80
  }
]
