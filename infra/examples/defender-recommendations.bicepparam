using '../defender-export.bicep'

// Two recommendations by their ids, and whatever is found under them, to an event hub: "Machines should have vulnerability findings resolved" and "System updates should be installed on your machines".
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'two-recommendations-to-axiom'
    streaming: ['Assessments', 'SubAssessments']
    recommendations: ['1195afff-c881-495e-9bc5-1486211ae03f', '4ab6e3c5-74dd-8b35-9ab9-f61b30875b27']
  }
]
