using '../defender-export.bicep'

// Two controls of the secure score, "Apply system updates" and "Remediate vulnerabilities", whenever they change and are below half of what they could be, to an event hub.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'controls-to-axiom'
    streaming: ['SecureScoreControls']
    secureScoreControls: ['61702b76-1fab-41f2-bcbc-50b7870dcf38', '51f06dec-3bf4-4ac6-90b1-5c8b7e5a4ea1']
    secureScoreControlsBelow: 50
  }
]
