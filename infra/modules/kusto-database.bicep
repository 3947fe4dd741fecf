metadata name = 'Azure Data Explorer database'
metadata description = 'Lets the program put pulled rows into an existing database of an existing cluster, possibly in another resource group.'

@description('Required. Name of the existing cluster.')
param clusterName string

@description('Required. Name of the existing database.')
param databaseName string

@description('Required. Whether the program may make tables.')
param createTables bool

@description('Required. Resource id of the identity of the program; makes the names of its assignments.')
param identityResourceId string

@description('Required. Client id of the identity of the program, by which the cluster knows it.')
param clientId string

@description('Required. Tenant of the identity of the program.')
param tenantId string

resource cluster 'Microsoft.Kusto/clusters@2024-04-13' existing = {
  name: clusterName

  resource database 'databases' existing = {
    name: databaseName
  }
}

// Viewer: whether the columns of a table fit is seen in its schema.
var databaseRoles = createTables ? ['Ingestor', 'Viewer', 'User'] : ['Ingestor', 'Viewer']

// One after the other: a cluster takes one change of its databases at a time.
@batchSize(1)
resource assignments 'Microsoft.Kusto/clusters/databases/principalAssignments@2024-04-13' = [
  for role in databaseRoles: {
    parent: cluster::database
    name: guid(cluster::database.id, identityResourceId, role)
    properties: {
      principalId: clientId
      principalType: 'App'
      role: role
      tenantId: tenantId
    }
  }
]
