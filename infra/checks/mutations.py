"""Breaks things on purpose, one by one, in a copy of the repository, and sees the named check fail: the checks are checked."""

import os
import queue
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import bicep
import checkov
import costs
import messages
import templates
from report import named_checks

COPIES = bicep.ROOT / "target" / "infra-mutations"
WORKERS = 4
MODULES = "infra/modules"
EXPORT, HOST, VAULT = f"{MODULES}/export-account.bicep", f"{MODULES}/host-account.bicep", f"{MODULES}/vault.bicep"
EVENTS, APP, ALERTS = f"{MODULES}/events.bicep", f"{MODULES}/function-app.bicep", f"{MODULES}/alerts.bicep"
MAIN, FORM = "infra/main.bicep", "infra/createUiDefinition.json"
TRIGGER, SLICES = "function-blob-trigger/function.json", "function-history/function.json"
READER, DATABASE = f"{MODULES}/workspace-reader.bicep", f"{MODULES}/kusto-database.bicep"
HUB, HUB_READER, HUB_SENDER = f"{MODULES}/event-hub.bicep", f"{MODULES}/event-hub-reader.bicep", f"{MODULES}/event-hub-sender.bicep"
DEFENDER, RULES = f"{MODULES}/defender-export.bicep", f"{MODULES}/defender-rules.bicep"
OTHER, SCALE, EXAMPLES = "infra/defender-export.bicep", "infra/defender-at-scale.bicep", "infra/examples"

# The check that must fail, the file, what stands there, what is put in its place, and the parameters file that shows it.
MUTATIONS = [
    ("format", MAIN, "param hosting string =", "param hosting  string =", "small"),
    ("build-and-lint", MAIN, "var tokenSecretName =", "var unused = 'x'\nvar tokenSecretName =", "small"),
    ("build-and-lint", EXPORT, "supportsHttpsTrafficOnly", "supportsHttpsTrafic", "small"),
    ("parameters-files", "infra/small.bicepparam", "param tables", "param tabels", "small"),
    ("modules-are-used", MAIN, "'modules/alerts.bicep'", "'modules/../modules/alerts.bicep'", "small"),
    ("exceptions-have-reasons", APP, "  // The published type of this resource has no properties, the service takes them.\n", "", "small"),
    ("azuredeploy-is-fresh", MAIN, "param exportRetentionDays int = 30", "param exportRetentionDays int = 31", "small"),
    ("parameters-are-described", MAIN, "'Optional. Mail addresses", "'Mail addresses", "small"),
    ("outputs-hold-no-secret", MAIN, "output vaultName string = vaultName", "#disable-next-line outputs-should-not-contain-secrets\noutput vaultName string = axiomToken", "small"),
    ("form-outputs-equal-parameters", FORM, '"quietTableHours": "[int', '"quietHours": "[int', "small"),
    ("form-expressions-resolve", FORM, "[steps('axiom').edge]", "[steps('axiom').egde]", "small"),
    ("form-agrees-with-parameters", FORM, '"defaultValue": "40"', '"defaultValue": "50"', "small"),
    ("form-agrees-with-parameters", FORM, '"value": "premium"', '"value": "Premium"', "small"),
    ("release-is-this-version", MAIN, "/v0.1.0/", "/v0.0.9/", "small"),
    ("azd-project", "azure.yaml", "language: custom", "language: rust", "small"),
    ("deploy-button", "README.md", "azuredeploy.json", "main.bicep", "small"),
    ("snapshot-small", EXPORT, "days: 7", "days: 8", "small"),
    ("two-accounts", EXPORT, "kind: 'StorageV2'", "kind: 'BlockBlobStorage'", "small"),
    ("shared-key-off", HOST, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "small"),
    ("storage-tls", EXPORT, "'TLS1_2'", "'TLS1_0'", "small"),
    ("no-public-blobs", EXPORT, "allowBlobPublicAccess: false", "allowBlobPublicAccess: true", "small"),
    ("no-public-blobs", HOST, "publicAccess: 'None'", "publicAccess: 'Blob'", "small"),
    ("storage-network", EXPORT, "bypass: 'AzureServices'", "bypass: 'None'", "small"),
    ("storage-network", HOST, "denyPublicNetwork ? 'Deny' : 'Allow'", "denyPublicNetwork ? 'Allow' : 'Allow'", "small,private-network"),
    ("no-versions-nor-soft-delete", EXPORT, "isVersioningEnabled: false", "isVersioningEnabled: true", "small"),
    ("refused-rows-survive-a-slip", HOST, "      enabled: true\n      days: 7", "      enabled: true\n      days: 1", "small"),
    ("lifecycle", MAIN, "containerPrefix: exportContainerPrefix\n    identityName", "containerPrefix: 'insights-'\n    identityName", "small"),
    ("app-https-and-tls", APP, "httpsOnly: true", "httpsOnly: false", "small"),
    ("no-publishing-passwords", APP, "name: 'scm'\n  properties: {\n    allow: false", "name: 'scm'\n  properties: {\n    allow: true", "small"),
    ("one-user-assigned-identity", APP, "type: 'UserAssigned'", "type: 'SystemAssigned, UserAssigned'", "small"),
    ("identity-connections-only", MAIN, "EXPORT_STORAGE__clientId: identity.properties.clientId", "EXPORT_STORAGE: exportAccountName", "small"),
    ("identity-connections-only", MAIN, "HISTORY_STORAGE__clientId: identity.properties.clientId", "HISTORY_STORAGE: historyAccountName", "small,container"),
    ("identity-connections-only", MAIN, "AzureWebJobsStorage__credential: 'managedidentity'", "EXTRA: 'AccountKey=x'", "small"),
    ("no-key-is-read", MAIN, "EXPORT_STORAGE__clientId: identity", "KEY: exportAccount.listKeys().keys[0].value\n  EXPORT_STORAGE__clientId: identity", "small"),
    ("flex-settings", MAIN, "AXIOM_TOKEN: '@Micro", "FUNCTIONS_WORKER_RUNTIME: 'custom'\n  AXIOM_TOKEN: '@Micro", "small"),
    ("flex-settings", APP, "  FUNCTIONS_WORKER_RUNTIME: 'custom'\n", "", "small,premium"),
    ("vault", VAULT, "enablePurgeProtection: true", "enablePurgeProtection: null", "small"),
    ("token-is-in-the-vault-alone", MAIN, "AXIOM_TOKEN: '@Microsoft.KeyVault(SecretUri=${tokenSecretUri})'", "AXIOM_TOKEN: axiomToken", "small"),
    ("token-is-a-reference", MAIN, "/secrets/${tokenSecretName}'", "/secrets/other-token'", "small"),
    ("token-is-a-reference", f"{MODULES}/container-app.bicep", "secretRef: 'axiom-token'", "secretRef: 'axiom'", "small,container"),
    ("telemetry-needs-an-identity", f"{MODULES}/insights.bicep", "DisableLocalAuth: true", "DisableLocalAuth: false", "small"),
    ("roles-are-known", f"{MODULES}/roles.bicep", "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "ba92f5b4-2d11-453d-a403-e96b0029c9ff", "small"),
    ("each-role-on-one-resource", EXPORT, "  scope: account\n  name: guid", "  name: guid", "small"),
    ("roles-are-exactly-these", MAIN, "roles.storageQueueDataContributor, ", "", "small"),
    ("each-role-on-one-resource", READER, "  scope: workspace\n", "", "small"),
    ("each-role-on-one-resource", READER, "roles.logAnalyticsReader)\n  }", "roles.storageBlobDataContributor)\n  }", "small"),
    ("roles-are-exactly-these", MAIN, "= if (queryWorkspace)", "= if (!queryWorkspace)", "small"),
    ("roles-are-exactly-these", f"{MODULES}/roles.bicep", "73c42c96-874c-492b-b04d-ab87d138a893", "92aaf0da-9dab-42b6-94a3-d43ce8d16293", "small"),
    ("roles-are-exactly-these", f"{MODULES}/roles.bicep", "4633458b-17de-408a-b874-0445c86b69e6", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "small"),
    ("blobs-are-deleted-on-the-two-accounts-alone", f"{MODULES}/insights.bicep", "roles.monitoringMetricsPublisher", "roles.storageBlobDataContributor", "small"),
    ("blobs-are-deleted-on-the-two-accounts-alone", EVENTS, "scope: hostAccount::blobService::deadLetters", "scope: hostAccount", "small"),
    ("export-rule", MAIN, "exportAccountResourceId: exportAccount.id", "exportAccountResourceId: hostAccount.id", "small"),
    ("own-logs-are-not-exported", "infra/checks/cases/existing-topic.bicepparam", "param tables = ['SigninLogs']", "param tables = ['AppTraces']\nparam logWorkspaceResourceId = workspaceResourceId", "small,existing-topic"),
    ("event-filter", EVENTS, "containers/${containerPrefix}", "containers/x-${containerPrefix}", "small"),
    ("event-filter", EVENTS, "Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted", "small"),
    ("events-reach-the-queue", EVENTS, "queueName: queueName", "queueName: 'other'", "small"),
    ("events-reach-the-queue", EVENTS, "604800", "60", "small"),
    ("dead-letters", EVENTS, "blobContainerName: deadLetterContainerName", "blobContainerName: 'lost'", "small"),
    ("topic", EVENTS, "type: 'SystemAssigned'\n  }\n  properties", "type: 'None'\n  }\n  properties", "small"),
    ("settings-name-the-two-accounts", MAIN, "EXPORT_STORAGE__blobServiceUri: 'https://${exportAccountName}", "EXPORT_STORAGE__blobServiceUri: 'https://${hostAccountName}", "small"),
    ("refused-container", MAIN, "          refusedContainerName\n", "", "small"),
    ("history-container", MAIN, "          historyContainerName\n", "", "small"),
    ("pulls-container", MAIN, "          pullsContainerName\n", "", "small"),
    ("pulls-container", MAIN, ", historyContainerName, pullsContainerName, ", ", historyContainerName, ", "small,container"),
    ("pulls-are-given-once", MAIN, "  PULLS: pulls\n", "  PULLS: take(pulls, 0)\n", "small,large"),
    ("pulls-are-given-once", "infra/checks/cases/premium.bicepparam", "param queryWorkspace", "param pulls = '[[pull]]\\n'\nparam queryWorkspace", "small,premium"),
    ("pulls-are-given-once", MAIN, "  PULLS: pulls\n", "  PULLS: replace(pulls, '\\n', ' ')\n", "small,large"),
    ("pulls-sign-in-as-the-program", MAIN, "PULLS_CLIENT_ID: identity.properties.clientId", "PULLS_CLIENT_ID: identity.properties.principalId", "small"),
    ("hunting-address", MAIN, "'https://graph.microsoft.us'", "'https://graph.microsoft.com'", "small"),
    ("hunting-address", MAIN, "?? 'https://graph.microsoft.com'", "?? 'https://graph.microsoft.us'", "small"),
    ("hunting-address", MAIN, "'xdr' ? {} :", "'graph' ? {} :", "small,premium"),
    ("hunting-address", MAIN, "settings.?HUNTING_URL ?? graphUrls", "graphUrls", "small,existing-topic"),
    ("kusto-roles-are-exactly-these", DATABASE, "createTables ? [", "!createTables ? [", "small,container"),
    ("kusto-roles-are-exactly-these", DATABASE, "'User']", "'Admin']", "small,container"),
    ("kusto-roles-are-exactly-these", DATABASE, "principalType: 'App'", "principalType: 'User'", "small,premium"),
    ("kusto-roles-are-exactly-these", MAIN, "clientId: identity.properties.clientId\n    tenantId", "clientId: identity.properties.principalId\n    tenantId", "small,premium"),
    ("kusto-roles-are-exactly-these", MAIN, "kustoIdParts[?2] ?? ", "kustoIdParts[?99] ?? ", "small,container"),
    ("kusto-roles-are-exactly-these", MAIN, "databaseName: last(kustoIdParts)", "databaseName: 'other'", "small,premium"),
    ("history-asks-the-exported-workspace", MAIN, "exportWorkspace.properties.customerId", "exportWorkspace.name", "small"),
    ("history-asks-the-exported-workspace", MAIN, "LOG_ANALYTICS_RESOURCE_ID: workspaceResourceId", "LOG_ANALYTICS_RESOURCE_ID: logWorkspaceId", "small"),
    ("history-asks-the-exported-workspace", MAIN, "LOG_ANALYTICS_CLIENT_ID: identity.properties.clientId", "LOG_ANALYTICS_CLIENT_ID: identity.properties.principalId", "small"),
    ("history-storage", MAIN, "'https://${historyAccountName}.", "'https://${exportAccountName}.", "small,container"),
    ("poison-queue", MAIN, "-poison'", "-dead'", "small"),
    ("poison-queue", MAIN, ", '${historyQueueName}-poison'", "", "small"),
    ("flex-app", APP, "name: 'custom'", "name: 'python'", "small"),
    ("flex-app", MAIN, "var queueFunctionName = 'function-blob-trigger'", "var queueFunctionName = 'function-blob'", "small,large"),
    ("premium-app", APP, "'ElasticPremium'", "'Dynamic'", "small,premium"),
    ("container-app", f"{MODULES}/container-app.bicep", "['run']", "['serve']", "small,container"),
    ("code-comes-along", APP, "flex && !empty(packageUri)", "flex && empty(packageUri)", "small"),
    ("keep-mode", MAIN, "AFTER_DELIVERY: afterDelivery", "AFTER_DELIVERY: afterDelivery == 'keep' ? 'delete' : 'delete'", "small,premium"),
    ("private-network", MAIN, "  { name: 'pe-${hostAccountName}-table', resourceId: hostAccount.id, group: 'table' }\n", "", "small,private-network"),
    ("app-is-in-the-network", MAIN, "var appSubnetId = !privateNetwork ? ''", "var appSubnetId = privateNetwork ? ''", "small,private-network"),
    ("alerts-are-exactly-these", ALERTS, "name: 'queue-age'", "name: 'age'", "small"),
    ("alerts-tell-somebody", ALERTS, "        actionGroups: actionGroups", "        actionGroups: []", "small"),
    ("alerts-watch-what-is-deployed", MAIN, "topicResourceId: topic.id", "topicResourceId: '${topic.id}x'", "small"),
    ("alerts-are-in-the-docs", "docs/troubleshooting.md", "### `queue-age`", "### `queue-old`", "small"),
    ("error-messages-are-in-the-docs", "src/axiom/outcome.rs", '"compress rows"', '"squeeze rows"', "small"),
    ("error-messages-are-in-the-docs", "docs/troubleshooting.md", "| `a slice is done` |", "| `a slice was done` |", "small"),
    ("costs-follow-the-formula", "docs/deploy.md", "**4,400**", "**4,800**", "small"),
    ("costs-follow-the-formula", "docs/deploy.md", "json x 0.10", "json x 0.12", "small"),
    ("templates-are-sealed", EXPORT, "days: 7", "days: 8", "small"),
    ("app-settings-are-known", MAIN, "  WORK_QUEUE: workQueueName", "  WORK_QEUE: workQueueName\n  WORK_QUEUE: workQueueName", "small"),
    ("templates-are-sealed", "pulls/defender-tvm.toml", "[[pull]]", "[[pull]] ", "small"),
    ("settings-can-be-set", "infra/checks/cases/container.bicepparam", "  ZSTD_LEVEL: '3'\n", "", "small,container,premium"),
    ("setting-parameters-are-the-table", MAIN, "  ZSTD_LEVEL: string?", "  ZSTD: string?", "small"),
    ("setting-defaults", MAIN, "'https://api.loganalytics.azure.com'", "'https://api.loganalytics.io'", "small"),
    ("setting-defaults", MAIN, "settings.?PULLS_CONTAINER ?? 'pulls'", "settings.?PULLS_CONTAINER ?? 'pulled'", "small"),
    ("setting-defaults", MAIN, "settings.?REFUSED_CONTAINER ?? 'refused'", "settings.?REFUSED_CONTAINER ?? 'rejected'", "small"),
    ("example-settings", "local.settings.json.example", '"EXPORT_STORAGE"', '"EXPORT_STORE"', "small"),
    ("example-settings", "local.settings.json.example", '"HISTORY_QUEUE"', '"HISTORY_CONTAINER"', "small"),
    ("readme-settings", "README.md", "`EXPORT_STORAGE`", "`EXPORT_STORE`", "small"),
    ("functions-exist", MAIN, "var sweepFunctionName = 'function-sweep'", "var sweepFunctionName = 'sweep'", "small"),
    ("functions-are-known-to-the-program", "src/wake/mod.rs", '"function-history"', '"function-slices"', "small"),
    ("queue-triggers-read-queues-that-are-made", MAIN, ", historyQueueName, '${historyQueueName}-poison'", "", "small"),
    ("queue-triggers-read-queues-that-are-made", SLICES, "AzureWebJobsStorage", "HISTORY_STORAGE", "small"),
    ("trigger-reads-the-queue-of-the-events", TRIGGER, "%WORK_QUEUE%", "blob-created", "small"),
    ("function-variables-are-set", SLICES, "%HISTORY_QUEUE%", "%SLICES%", "small"),
    ("function-variables-are-set", MAIN, "  PULLS_SCHEDULE: settings.?PULLS_SCHEDULE ?? '0 */5 * * * *'\n", "", "small"),
    ("function-variables-are-set", "function-sweep/function.json", "%SWEEP_SCHEDULE%", "%SCHEDULE%", "small"),
    ("container-prefix", MAIN, "var exportContainerPrefix = 'am-'", "var exportContainerPrefix = 'an-'", "small"),
    ("report-fields", ALERTS, "report.rows", "report.row_count", "small"),
    ("report-fields", "src/log.rs", "flatten_event(true)", "flatten_event(false)", "small"),
    ("executable", "host.json", '"defaultExecutablePath": "', '"defaultExecutablePath": "./', "small"),
    ("visits-end-before-the-host-ends-them", "host.json", '"functionTimeout": "00:30:00"', '"functionTimeout": "00:20:00"', "small"),
    ("host-keeps-the-lines-that-alerts-read", "host.json", '"Function": "Information"', '"Function": "Warning"', "small"),
    ("picture-is-fresh", MAIN, "param axiomUrl string = 'https://api.axiom.co'", "param axiomUrl string = 'https://api.eu.axiom.co'", "small"),
    ("event-hub-takes-identities-only", HUB, "disableLocalAuth: true", "disableLocalAuth: false", "small,defender"),
    ("event-hub-takes-identities-only", HUB, "denyPublicNetwork ? 'Disabled'", "denyPublicNetwork ? 'Enabled'", "small,defender-private"),
    ("event-hub-lets-defender-in", HUB, "trustedServiceAccessEnabled: true", "trustedServiceAccessEnabled: false", "small,defender-private"),
    ("event-hub-keeps-messages-for-a-week", HUB, "retentionTimeInHours: 168", "retentionTimeInHours: 24", "small,defender"),
    ("event-hub-is-read-where-it-is-written", MAIN, "  EVENT_HUB_NAME: eventHubName\n", "  EVENT_HUB_NAME: 'other'\n", "small,defender"),
    ("event-hub-is-read-where-it-is-written", MAIN, "consumerGroupName: eventHubConsumerGroupName", "consumerGroupName: 'other'", "small,defender"),
    ("event-hub-is-read-where-it-is-written", MAIN, "EVENT_HUB__credential: 'managedidentity'", "EVENT_HUB: 'a-connection-string'", "small,defender"),
    ("event-hub-is-read-where-it-is-written", MAIN, "'${eventHubNamespaceName}.${eventHubSuffix}'", "'other.${eventHubSuffix}'", "small,premium"),
    ("functions-that-run", MAIN, "'function-history', 'function-pull', ", "'function-history', ", "small"),
    ("functions-that-run", MAIN, "  ...(readsEventHub\n", "  ...(!readsEventHub\n", "small"),
    ("setting-names-are-allowed", MAIN, "'AzureFunctionsJobHost__functions__${index}'", "'AzureWebJobs_${functionNamesWithoutEventHub[index]}_Disabled'", "small"),
    ("defender-writes-as-a-trusted-service", DEFENDER, "isTrustedServiceEnabled: true", "isTrustedServiceEnabled: false", "small,defender"),
    ("defender-writes-as-a-trusted-service", MAIN, "eventHubAccess: 'trustedService'", "eventHubAccess: 'connectionString'", "small,defender"),
    ("defender-writes-as-a-trusted-service", MAIN, "== 'workspace' ? workspaceResourceId : eventHub", "== 'workspace' ? logWorkspaceId : eventHub", "small,container"),
    ("connection-string-is-in-the-action-alone", DEFENDER, "configuration.?description ?? 'Continuous export for Axiom.'", "eventHubConnectionString", "small,defender-connection-string"),
    ("sources-of-configurations", RULES, "union(kinds, ['Assessments'])", "kinds", "small,defender-findings"),
    ("all-sources-can-be-exported", RULES, "'${kind}${ending}'", "kind", "small,defender"),
    ("filters-make-these-rules", RULES, "operator: 'LesserThan'", "operator: 'GreaterThan'", "small,defender-secure-score"),
    ("filters-make-these-rules", RULES, "padLeft(percent!, 2, '0')", "string(percent!)", "small,defender-private"),
    ("filters-make-these-rules", RULES, "'/assessments/${id}/'", "id", "small,defender-findings"),
    ("filters-make-these-rules", RULES, "concat(recommendations(configuration), oneOf('name', 'Contains', configuration.?findingsOf ?? []))", "recommendations(configuration)", "small,defender-findings-of"),
    ("scopes-are-of-the-subscription", DEFENDER, "/resourceGroups/${resourceGroupName}'", "/providers/${resourceGroupName}'", "small,defender-resource-groups"),
    ("each-filter-has-an-example", f"{EXAMPLES}/defender-standards.bicepparam", "    standards: ", "    // standards: ", "small"),
    ("examples-are-in-the-docs", "docs/defender.md", "`defender-standards`", "`defender-norms`", "small"),
    ("roles-of-other-templates", SCALE, "'Microsoft.Authorization/roleDefinitions', roles.contributor", "'Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner", "small,defender-at-scale"),
    ("roles-of-other-templates", OTHER, "if (toEventHub && !empty(", "if (!toEventHub && !empty(", "small,defender-several"),
    ("policy-assignments", SCALE, "af9f6c70-", "bf9f6c70-", "small,defender-at-scale"),
    ("policy-assignments", SCALE, "  eventHub: 'eventHubDetails'", "  eventHub: 'eventHub'", "small,defender-at-scale"),
    ("policy-assignments", SCALE, "if (each.?remediate ?? true)", "if (each.?remediate ?? false)", "small,defender-at-scale"),
    ("policy-assignments", SCALE, "if (each.to == 'workspace')", "if (each.to == 'eventHub')", "small,defender-at-scale"),
    ("alerts-of-the-workspace", OTHER, "if (!toEventHub && alerts)", "if (toEventHub && alerts)", "small,defender-workspace"),
    ("alerts-are-exactly-these", MAIN, "'modules/defender-alerts.bicep' = if (defenderExport == ", "'modules/defender-alerts.bicep' = if (defenderExport != ", "small,container"),
    ("roles-are-exactly-these", MAIN, "'modules/event-hub-reader.bicep' = if (readsEventHub)", "'modules/event-hub-reader.bicep' = if (!readsEventHub)", "small,defender"),
    ("roles-are-exactly-these", MAIN, "eventHubIdParts[?4] ?? ", "eventHubIdParts[?99] ?? ", "small,premium"),
    ("roles-are-exactly-these", HUB_SENDER, "'Microsoft.Authorization/roleDefinitions', roles.azureEventHubsDataSender", "'Microsoft.Authorization/roleDefinitions', roles.azureEventHubsDataReceiver", "small,defender"),
    ("each-role-on-one-resource", HUB_READER, "  scope: namespace::hub\n", "", "small,defender"),
    ("private-network", MAIN, "makesEventHub ? eventHubEndpoints : []", "makesEventHub ? [] : eventHubEndpoints", "small,defender-private"),
    ("events-container", MAIN, "          eventsContainerName\n", "", "small"),
    ("events-container", MAIN, ": [eventsContainerName, ", ": [", "small,container"),
    # What the templates refuse.
    ("snapshot-container", "infra/checks/cases/container.bicepparam", "defenderExport = 'workspace'", "defenderExport = 'eventHub'", "small,container"),
    ("snapshot-defender", "infra/defender.bicepparam", "param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID')\n", "", "small,defender"),
    ("snapshot-defender-at-scale", f"{EXAMPLES}/defender-at-scale.bicepparam", "'rg-defender-export-old'\n", "'rg-defender-export'\n", "small,defender-at-scale"),
    ("form-agrees-with-parameters", FORM, '\\"AttackPaths\\", ', "", "small"),
    ("checkov", VAULT, "enablePurgeProtection: true", "enablePurgeProtection: null", "small,premium"),
    ("checkov", "infra/checks/checkov-skips.txt", "CKV_AZURE_41 ", "CKV_AZURE_40 ", "small,premium"),
]


def copy(folder):
    """A copy of the repository as it stands: what git knows or would take, without what is gone."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=bicep.ROOT, capture_output=True, text=True, check=True).stdout.split()
    for file in filter(lambda file: (bicep.ROOT / file).is_file(), files):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(bicep.ROOT / file, folder / file)
    (folder / "target" / "ci-tools").mkdir(parents=True)
    (folder / "target" / "ci-tools" / "checkov").symlink_to(checkov.ENVIRONMENT)
    return folder


def try_one(mutation, folder, environment):
    """Breaks one thing in the copy, runs the check, mends it again; whether it was seen, and what to print."""
    check, file, old, new, parameters = mutation
    path = folder / file
    text = path.read_text() if path.is_file() else ""
    if old not in text:
        return False, f"UNSEEN  {check}: {file} has no {old!r}"
    path.write_text(text.replace(old, new))
    without_snapshots = {"format", "build-and-lint", "parameters-files", "templates-are-sealed", *named_checks(templates), *named_checks(messages), *named_checks(costs)}
    parameters = "none" if check in without_snapshots else parameters
    run = [sys.executable, "-B", str(folder / "infra" / "checks" / "check.py"), check, f"--parameters={parameters}"]
    output = subprocess.run(run, capture_output=True, text=True, env=environment).stdout
    path.write_text(text)
    if f"FAIL  {check}\n" not in output:
        return False, f"UNSEEN  {check}: {old!r} -> {new!r} in {file}\n{output}"
    finding = output.split(f"FAIL  {check}\n")[1].splitlines()[0].strip()
    return True, f"seen    {check}: {finding}"


def main(only):
    """Runs every mutation, or those of the checks whose name contains `only`; gives 1 when one of them goes unseen."""
    found = bicep.find()
    if found is None:
        print("NO BICEP COMPILER: nothing can be broken on purpose without it")
        return 1
    command, origin = found
    print(f"Bicep compiler: {origin}")
    checkov.install()
    environment = {**os.environ, "PATH": f"{os.path.dirname(command[0])}:{os.environ['PATH']}"}
    shutil.rmtree(COPIES, ignore_errors=True)
    folders = queue.Queue()
    for number in range(WORKERS):
        folders.put(copy(COPIES / str(number) / "repository"))

    def work(mutation):
        folder = folders.get()
        try:
            return try_one(mutation, folder, environment)
        finally:
            folders.put(folder)

    wanted = [mutation for mutation in MUTATIONS if not only or only in mutation[0]]
    seen = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for good, text in pool.map(work, wanted):
            seen += good
            print(text, flush=True)
    print(f"{seen} seen, {len(wanted) - seen} unseen")
    return 1 if seen < len(wanted) or not seen else 0
