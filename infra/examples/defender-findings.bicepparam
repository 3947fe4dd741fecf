using '../defender-export.bicep'

// What vulnerability assessment finds on SQL servers and in SQL databases, of medium severity and above, to a workspace. Their two recommendations come along.
param destinationResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID')
param configurations = [
  {
    name: 'sql-findings-to-axiom'
    streaming: ['SubAssessments']
    recommendations: ['f97aa83c-9b63-4f9a-99f6-b22c4398f936', '82e20e14-edc5-4373-bfc4-f13121257c37']
    findingSeverities: ['High', 'Medium']
  }
]
