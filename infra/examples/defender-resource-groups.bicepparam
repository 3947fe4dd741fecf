using '../defender-export.bicep'

// Alerts and recommendations of two resource groups of the subscription, to an event hub.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'payments-to-axiom'
    resourceGroups: ['rg-payments', 'rg-payments-data']
    streaming: ['Alerts', 'Assessments']
  }
]
