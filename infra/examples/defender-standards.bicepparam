using '../defender-export.bicep'

// Two regulatory standards, as they change and every week, to an event hub.
param destinationResourceId = readEnvironmentVariable('EVENT_HUB_RESOURCE_ID')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')
param configurations = [
  {
    name: 'standards-to-axiom'
    streaming: ['RegulatoryComplianceAssessment']
    snapshots: ['RegulatoryComplianceAssessment']
    standards: ['Microsoft-cloud-security-benchmark', 'PCI-DSS-4']
  }
]
