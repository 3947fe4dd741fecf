metadata name = 'Types of the export of Defender for Cloud'
metadata description = 'What one configuration of continuous export sends.'

@export()
@sealed()
@description('One configuration of continuous export. What is left out filters nothing.')
type configurationType = {
  @description('Name, unique in the resource group.')
  @minLength(1)
  @maxLength(80)
  name: string

  @description('Whether it exports; true when left out.')
  enabled: bool?

  @description('What it is for.')
  description: string?

  @description('Names of resource groups of the subscription that alone are exported; the whole subscription when left out.')
  @minLength(1)
  resourceGroups: string[]?

  @description('What is sent whenever it changes.')
  streaming: (
    | 'Alerts'
    | 'Assessments'
    | 'AttackPaths'
    | 'RegulatoryComplianceAssessment'
    | 'SecureScoreControls'
    | 'SecureScores'
    | 'SubAssessments')[]?

  @description('What is sent whole, once a week. There are no snapshots of alerts.')
  snapshots: (
    | 'Assessments'
    | 'AttackPaths'
    | 'RegulatoryComplianceAssessment'
    | 'SecureScoreControls'
    | 'SecureScores'
    | 'SubAssessments')[]?

  @description('Severities of alerts that are sent.')
  @minLength(1)
  alertSeverities: ('high' | 'informational' | 'low' | 'medium')[]?

  @description('Severities of recommendations (assessments) that are sent.')
  @minLength(1)
  recommendationSeverities: ('High' | 'Low' | 'Medium')[]?

  @description('Ids of recommendations that are sent: the names of their assessments. Their findings alone are sent, too, unless `findingsOf` says otherwise.')
  @minLength(1)
  recommendations: string[]?

  @description('Ids of recommendations whose findings (sub-assessments) are sent. The recommendations themselves come along.')
  @minLength(1)
  findingsOf: string[]?

  @description('Severities of findings that are sent.')
  @minLength(1)
  findingSeverities: ('High' | 'Low' | 'Medium')[]?

  @description('Secure scores of a subscription that are below so many percent are sent.')
  @minValue(1)
  @maxValue(99)
  secureScoreBelow: int?

  @description('Ids of controls of the secure score that are sent.')
  @minLength(1)
  secureScoreControls: string[]?

  @description('Controls of the secure score that are below so many percent are sent.')
  @minValue(1)
  @maxValue(99)
  secureScoreControlsBelow: int?

  @description('Names of regulatory standards that are sent, such as `Microsoft-cloud-security-benchmark`.')
  @minLength(1)
  standards: string[]?

  @description('Rules on any other property, each of which must hold for all that is sent of its kind.')
  @minLength(1)
  rules: ruleType[]?
}

@export()
@sealed()
@description('A rule on one property.')
type ruleType = {
  @description('What the rule is about, streamed or in snapshots.')
  kind:
    | 'Alerts'
    | 'Assessments'
    | 'AttackPaths'
    | 'RegulatoryComplianceAssessment'
    | 'SecureScoreControls'
    | 'SecureScores'
    | 'SubAssessments'

  @description('Path of the property, such as `properties.resourceDetails.source`.')
  property: string

  @description('How it is compared; without regard to case.')
  operator:
    | 'Contains'
    | 'EndsWith'
    | 'Equals'
    | 'GreaterThan'
    | 'GreaterThanOrEqualTo'
    | 'LesserThan'
    | 'LesserThanOrEqualTo'
    | 'NotEquals'
    | 'StartsWith'

  @description('What it is compared with.')
  value: string

  @description('What the property holds; text when left out.')
  type: ('Boolean' | 'Integer' | 'Number' | 'String')?
}
