using '../defender-export.bicep'

// All recommendations of high severity; findings only of "Machines should have vulnerability findings resolved", which comes along although its own severity may be lower.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'machine-findings-to-axiom'
    streaming: ['Assessments', 'SubAssessments']
    recommendationSeverities: ['High']
    findingsOf: ['1195afff-c881-495e-9bc5-1486211ae03f']
  }
]
