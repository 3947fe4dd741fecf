using '../defender-export.bicep'

// Attack paths as they change and every week, to an event hub. They need the plan Defender CSPM.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'attack-paths-to-axiom'
    streaming: ['AttackPaths']
    snapshots: ['AttackPaths']
  }
]
