using '../../main.bicep'

// An event hub in a private network, under other names, with one configuration of its own.
param axiomToken = readEnvironmentVariable('AXIOM_TOKEN')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param tables = ['SigninLogs']
param defenderConfigurations = [
  {
    name: 'alerts-to-axiom'
    streaming: ['Alerts', 'SecureScoreControls']
    alertSeverities: ['high']
    secureScoreControlsBelow: 5
  }
]
param defenderExport = 'eventHub'
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param eventHubSku = 'Premium'
param privateNetwork = true
param settings = {
  EVENTS_CONTAINER: 'waiting'
  EVENT_HUB_CONSUMER_GROUP: 'axiom'
  EVENT_HUB_NAME: 'findings'
}
