using '../defender-export.bicep'

// To a workspace of another tenant: whoever deploys must be known there, by Azure Lighthouse or as a guest (docs/defender.md). No alerts, which belong into the tenant of the workspace.
param destinationResourceId = '/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/rg-sentinel/providers/Microsoft.OperationalInsights/workspaces/law-sentinel'
param configurations = [
  {
    name: 'export-to-axiom'
    streaming: ['Alerts', 'Assessments', 'SubAssessments']
  }
]
