using '../defender-export.bicep'

// All alerts of high severity to an event hub.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'high-alerts-to-axiom'
    streaming: ['Alerts']
    alertSeverities: ['high']
  }
]
