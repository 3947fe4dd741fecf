using '../defender-export.bicep'

// Everything to a workspace, from which data export carries it on, and alerts on what is of high severity.
param destinationResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param alerts = true
param actionGroupResourceIds = [
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-monitor/providers/Microsoft.Insights/actionGroups/ag-soc'
]
param configurations = [
  {
    name: 'export-to-axiom'
    streaming: [
      'Alerts'
      'Assessments'
      'AttackPaths'
      'RegulatoryComplianceAssessment'
      'SecureScoreControls'
      'SecureScores'
      'SubAssessments'
    ]
  }
]
