metadata name = 'Alerts'
metadata description = 'Wakes somebody when rows stop moving. docs/troubleshooting.md has a section for each alert, under its name.'

import { tagsType } from 'types.bicep'

@description('Required. Beginning of the names of the alerts.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags tagsType

@description('Required. Whether the program runs under the Functions host (otherwise as a container).')
param underFunctions bool

@description('Required. Mail addresses that are told; none makes alerts that only show in the portal.')
param emails string[]

@description('Required. Resource ids of action groups that are told as well.')
param actionGroupResourceIds string[]

@description('Required. Resource id of the Application Insights component.')
param componentResourceId string

@description('Required. Resource id of the workspace that keeps the logs of the system.')
param logWorkspaceResourceId string

@description('Required. Resource id of the workspace that is exported.')
param exportWorkspaceResourceId string

@description('Required. Region of that workspace.')
param exportWorkspaceLocation string

@description('Required. Resource id of the host account.')
param hostAccountResourceId string

@description('Required. Resource id of the system topic.')
param topicResourceId string

@description('Required. Folder name of the function that sweeps.')
param sweepFunctionName string

@description('Required. Folder name of the function that takes messages from the work queue.')
param queueFunctionName string

@description('Required. Hours without a row after which a table that had rows is reported.')
@minValue(1)
@maxValue(40)
param quietTableHours int

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: take(name, 12)
    emailReceivers: [
      for (email, index) in emails: {
        name: 'mail-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

var actionGroups = concat(empty(emails) ? [] : [actionGroup.id], actionGroupResourceIds)

// One report per visit is a JSON line on standard output; the host makes a trace of it, a container a console log.
var reports = underFunctions
  ? 'traces | extend at = timestamp, report = parse_json(message)'
  : 'ContainerAppConsoleLogs | extend at = TimeGenerated, report = parse_json(Log)'
var logScope = underFunctions ? componentResourceId : logWorkspaceResourceId

var commonQueries = [
  {
    name: 'no-rows'
    description: 'A table that had rows in the last two days has had none for ${quietTableHours} hours.'
    severity: 2
    query: $'''
      ${reports}
      | extend table = tostring(report.table), rows = tolong(report.rows)
      | where isnotempty(table) and rows > 0
      | summarize last = max(at) by table
      | where last < ago(${quietTableHours}h)
    '''
    dimension: 'table'
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT1H'
    windowSize: 'P2D'
  }
  {
    name: 'rows-set-aside'
    description: 'Axiom refused rows, or they are no rows: they were set aside in the refused container.'
    severity: 3
    query: '${reports} | where tolong(report.set_aside) > 0 | extend table = tostring(report.table)'
    dimension: 'table'
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
  }
]
var functionQueries = [
  {
    name: 'invocations-failing'
    description: 'More than five invocations failed within a quarter of an hour.'
    severity: 2
    query: 'requests | where success == false'
    dimension: 'operation_Name'
    operator: 'GreaterThan'
    threshold: 5
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'stopped'
    description: 'The sweep, which runs every minute, has not run for half an hour: the app does not start.'
    severity: 1
    // Traces, not requests: host.json records only the requests that failed.
    query: 'traces | where operation_Name =~ "${sweepFunctionName}"'
    dimension: ''
    operator: 'LessThan'
    threshold: 1
    evaluationFrequency: 'PT10M'
    windowSize: 'PT30M'
  }
  {
    name: 'queue-age'
    description: 'Messages wait longer than half an hour before they are taken: Axiom or the app is slower than the export.'
    severity: 2
    query: $'''
      traces
      | where operation_Name =~ "${queueFunctionName}" and message startswith "Trigger Details:"
      | extend inserted = todatetime(extract("InsertionTime: ([^,]+)", 1, message))
      | where timestamp - inserted > 30m
    '''
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'poison-messages'
    description: 'A message that the program cannot read, or that crashed it five times, was moved to the poison queue.'
    severity: 2
    query: 'traces | where message has "MaxDequeueCount" and message has "Moving message to queue"'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
]
var containerQueries = [
  {
    name: 'errors'
    description: 'The program wrote more than five errors within a quarter of an hour.'
    severity: 2
    query: '${reports} | where tostring(report.level) =~ "ERROR"'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 5
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'stopped'
    description: 'The program has not written a line for half an hour: the container does not start.'
    severity: 1
    query: 'ContainerAppConsoleLogs'
    dimension: ''
    operator: 'LessThan'
    threshold: 1
    evaluationFrequency: 'PT10M'
    windowSize: 'PT30M'
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in concat(commonQueries, underFunctions ? functionQueries : containerQueries): {
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
      scopes: [logScope]
      evaluationFrequency: alert.evaluationFrequency
      windowSize: alert.windowSize
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: alert.operator
            threshold: alert.threshold
            dimensions: empty(alert.dimension)
              ? []
              : [
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
        actionGroups: actionGroups
      }
      // A component without telemetry has no table yet; the rule must not fail on the first day.
      skipQueryValidation: true
    }
  }
]

var exportMetrics = [
  {
    name: 'export-failures'
    description: 'Azure Monitor failed to write to the export account. It retries for twelve hours and then drops the rows.'
    severity: 1
    scope: exportWorkspaceResourceId
    scopeType: 'Microsoft.OperationalInsights/workspaces'
    scopeLocation: exportWorkspaceLocation
    metric: 'ExportFailed'
    aggregation: 'Total'
    threshold: 0
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
]
var eventMetrics = [
  {
    name: 'dead-letters'
    description: 'Event Grid gave up on delivering an event and set it aside. The sweep finds the blob; the cause remains.'
    severity: 2
    scope: topicResourceId
    scopeType: 'Microsoft.EventGrid/systemTopics'
    scopeLocation: location
    metric: 'DeadLetteredCount'
    aggregation: 'Total'
    threshold: 0
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'dropped-events'
    description: 'Event Grid dropped an event that it could neither deliver nor set aside.'
    severity: 2
    scope: topicResourceId
    scopeType: 'Microsoft.EventGrid/systemTopics'
    scopeLocation: location
    metric: 'DroppedEventCount'
    aggregation: 'Total'
    threshold: 0
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'queue-length'
    description: 'More than a thousand messages wait, poison queue included. The platform counts them once an hour.'
    severity: 2
    scope: '${hostAccountResourceId}/queueServices/default'
    scopeType: 'Microsoft.Storage/storageAccounts/queueServices'
    scopeLocation: location
    metric: 'QueueMessageCount'
    aggregation: 'Average'
    threshold: 1000
    evaluationFrequency: 'PT1H'
    windowSize: 'PT1H'
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in concat(exportMetrics, underFunctions ? eventMetrics : []): {
    name: '${name}-${alert.name}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      autoMitigate: true
      scopes: [alert.scope]
      targetResourceType: alert.scopeType
      targetResourceRegion: alert.scopeLocation
      evaluationFrequency: alert.evaluationFrequency
      windowSize: alert.windowSize
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: alert.name
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: alert.scopeType
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: 'GreaterThan'
            threshold: alert.threshold
            // A metric that never had a value is unknown to the validator on the first day.
            skipMetricValidation: true
          }
        ]
      }
      actions: [
        for actionGroupId in actionGroups: {
          actionGroupId: actionGroupId
        }
      ]
    }
  }
]
