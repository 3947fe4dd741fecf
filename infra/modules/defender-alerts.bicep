metadata name = 'Alerts of Defender for Cloud'
metadata description = 'Tells somebody what continuous export writes to a workspace: alerts and recommendations of high severity. docs/troubleshooting.md has a section for each, under its name.'

import { tagsType } from 'types.bicep'

@description('Required. Beginning of the names of the alerts.')
param name string

@description('Required. Region, that of the workspace.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Resource id of the workspace that is exported to.')
param workspaceResourceId string

@description('Required. Resource ids of the action groups that are told; none makes alerts that only show in the portal.')
param actionGroupResourceIds string[]

// Columns: Microsoft's reference of the tables SecurityAlert and SecurityRecommendation.
var alerts = [
  {
    name: 'defender-alert'
    description: 'Defender for Cloud raised an alert of high severity, or it changed.'
    severity: 1
    // A workspace of Microsoft Sentinel holds the alerts of other products, too.
    query: '''
      SecurityAlert
      | where ProductName has_any ("Defender for Cloud", "Security Center") and AlertSeverity =~ "High"
      | summarize arg_max(TimeGenerated, *) by SystemAlertId
      | where Status !in~ ("Resolved", "Dismissed")
    '''
    dimension: 'AlertName'
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'defender-recommendation'
    description: 'A resource no longer follows a recommendation of high severity.'
    severity: 2
    // A snapshot repeats once a week what is known.
    query: '''
      SecurityRecommendation
      | where RecommendationSeverity =~ "High" and not(coalesce(IsSnapshot, false))
      | summarize arg_max(TimeGenerated, *) by AssessedResourceId, RecommendationId
      | where RecommendationState !in~ ("Healthy", "NotApplicable")
    '''
    dimension: 'RecommendationDisplayName'
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: '${name}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${name}: ${alert.name}'
      description: alert.description
      severity: alert.severity
      enabled: true
      autoMitigate: true
      scopes: [workspaceResourceId]
      evaluationFrequency: alert.evaluationFrequency
      windowSize: alert.windowSize
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [
              {
                name: alert.dimension
                operator: 'Include'
                values: ['*']
              }
            ]
            failingPeriods: {
              minFailingPeriodsToAlert: 1
              numberOfEvaluationPeriods: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: actionGroupResourceIds
      }
      // The tables are made with the first row that is exported.
      skipQueryValidation: true
    }
  }
]
