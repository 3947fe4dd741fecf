using '../defender-export.bicep'

// To an event hub with a key, where Defender for Cloud cannot be given a role: in another tenant. The rule of the key should have the claim Send, on this event hub alone.
param destinationResourceId = '/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/rg-hubs/providers/Microsoft.EventHub/namespaces/evhns-security/eventhubs/defender-for-cloud'
param eventHubAccess = 'connectionString'
param eventHubConnectionString = readEnvironmentVariable('EVENT_HUB_CONNECTION_STRING')
param configurations = [
  {
    name: 'export-to-axiom'
    streaming: ['Alerts', 'Assessments', 'SubAssessments']
  }
]
