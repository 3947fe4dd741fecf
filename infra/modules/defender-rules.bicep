metadata name = 'Rules of the export of Defender for Cloud'
metadata description = 'Makes the sources of an automation from a configuration: which events, and by which rules.'

// Properties and operators are those that Microsoft's own policies write (Azure/azure-policy, "Security Center", ASC_ExportToEventHubAsTrustedService_DINE.json).
// Those that no policy writes are named below, with where they come from.

import { configurationType } from 'defender-types.bicep'

// Of one source, sets of rules are alternatives, and the rules of a set must all hold.
type ruleSetType = {
  propertyJPath: string
  propertyType: string
  operator: string
  expectedValue: string
}[]

type sourceType = {
  eventSource: string
  ruleSets: { rules: ruleSetType }[]?
}

@description('One set for each value: the property is any of them. No values, no sets: everything.')
func oneOf(property string, operator string, values string[]) ruleSetType[] =>
  map(values, value => [
    {
      propertyJPath: property
      propertyType: 'String'
      operator: operator
      expectedValue: value
    }
  ])

@description('A score below so many percent. Messages carry a fraction of four digits, 0.8 for 80 % (sample of elastic/integrations, REST API "Secure Scores").')
func below(percent int?) ruleSetType[] =>
  percent == null
    ? []
    : [
        [
          {
            propertyJPath: 'properties.score.percentage'
            propertyType: 'Number'
            operator: 'LesserThan'
            expectedValue: '0.${padLeft(percent!, 2, '0')}'
          }
        ]
      ]

@description('All hold: each set of the one with each set of the other. What has no sets filters nothing.')
func all(filters ruleSetType[][]) ruleSetType[] =>
  reduce(
    filter(filters, sets => !empty(sets)),
    [],
    (one, other) => empty(one) ? other : flatten(map(one, left => map(other, right => concat(left, right))))
  )

@description('The rules that a configuration has itself for a kind.')
func own(configuration configurationType, kind string) ruleSetType[] =>
  filter(
    [
      map(filter(configuration.?rules ?? [], rule => rule.kind == kind), rule => {
        propertyJPath: rule.property
        propertyType: rule.?type ?? 'String'
        operator: rule.operator
        expectedValue: rule.value
      })
    ],
    rules => !empty(rules)
  )

func recommendations(configuration configurationType) ruleSetType[] =>
  all([
    empty(configuration.?recommendations ?? []) && !empty(configuration.?recommendationSeverities ?? [])
      ? oneOf('type', 'Contains', ['Microsoft.Security/assessments'])
      : oneOf('name', 'Contains', configuration.?recommendations ?? [])
    oneOf('properties.metadata.severity', 'Equals', configuration.?recommendationSeverities ?? [])
    own(configuration, 'Assessments')
  ])

@description('Recommendations by the filters, and past them those that findings are asked of: a finding means nothing without its recommendation.')
func recommendationsWithFindings(configuration configurationType) ruleSetType[] =>
  empty(recommendations(configuration))
    ? []
    : concat(recommendations(configuration), oneOf('name', 'Contains', configuration.?findingsOf ?? []))

@description('The path of the severity is that of the REST API ("Sub Assessments"); no policy filters by it.')
func findings(configuration configurationType) ruleSetType[] =>
  all([
    oneOf(
      'id',
      'Contains',
      map(configuration.?findingsOf ?? configuration.?recommendations ?? [], id => '/assessments/${id}/')
    )
    oneOf('properties.status.severity', 'Equals', configuration.?findingSeverities ?? [])
    own(configuration, 'SubAssessments')
  ])

@description('The sets of rules of a kind; none sends everything.')
func ruleSets(configuration configurationType, kind string, withFindings bool) ruleSetType[] =>
  kind == 'Alerts'
    ? all([oneOf('Severity', 'Equals', configuration.?alertSeverities ?? []), own(configuration, kind)])
    : kind == 'Assessments'
        ? (withFindings ? recommendationsWithFindings(configuration) : recommendations(configuration))
        : kind == 'SubAssessments'
            ? findings(configuration)
            : kind == 'SecureScores'
                ? all([below(configuration.?secureScoreBelow), own(configuration, kind)])
                : kind == 'SecureScoreControls'
                    ? all([
                        oneOf('name', 'Equals', configuration.?secureScoreControls ?? [])
                        below(configuration.?secureScoreControlsBelow)
                        own(configuration, kind)
                      ])
                    : kind == 'RegulatoryComplianceAssessment'
                        ? all([oneOf('id', 'Contains', configuration.?standards ?? []), own(configuration, kind)])
                        : own(configuration, kind)

@description('Findings bring their recommendations along, as Microsoft asks ("Set up continuous export with REST API").')
func withParents(kinds string[]) string[] => contains(kinds, 'SubAssessments') ? union(kinds, ['Assessments']) : kinds

func sourcesOfOneWay(configuration configurationType, kinds string[], ending string) sourceType[] =>
  map(kinds, kind => {
    eventSource: '${kind}${ending}'
    ruleSets: empty(ruleSets(configuration, kind, contains(kinds, 'SubAssessments')))
      ? null
      : map(ruleSets(configuration, kind, contains(kinds, 'SubAssessments')), rules => { rules: rules })
  })

@export()
@description('All sources of a configuration.')
func sources(configuration configurationType) sourceType[] =>
  concat(
    sourcesOfOneWay(configuration, withParents(configuration.?streaming ?? []), ''),
    sourcesOfOneWay(configuration, withParents(configuration.?snapshots ?? []), 'Snapshot')
  )
