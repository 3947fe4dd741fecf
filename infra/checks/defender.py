"""Checks of what carries the findings of Defender for Cloud: configurations, event hub or workspace, roles, policies."""

import json
import re

from bicep import ENVIRONMENT, INFRA, MANAGEMENT_GROUP, ROOT, SUBSCRIPTION
from posture import each, wrong
from snapshot import EVENT_HUB

AUTOMATIONS = "Microsoft.Security/automations"
ASSIGNMENTS = "Microsoft.Authorization/policyAssignments"
EVENT_HUB_FUNCTION = "function-event-hub"
# From Microsoft's reference of automations, 2023-12-01-preview. Written out a second time on purpose.
STREAMING = {"Alerts", "Assessments", "AttackPaths", "RegulatoryComplianceAssessment", "SecureScoreControls", "SecureScores", "SubAssessments"}
SOURCES = STREAMING | {f"{kind}Snapshot" for kind in STREAMING - {"Alerts"}}
# From Azure/azure-policy, built-in-policies/policyDefinitions/Security Center: the parameters without a default, and the others that are set.
POLICIES = {
    "af9f6c70-eb74-4189-8d15-e4f11a7ebfd4": "eventHubDetails",
    "cdfcce10-4578-4ecd-9703-530938e4abcb": "eventHubDetails",
    "ffb6f416-7bd2-4488-8828-56585fef2be9": "workspaceResourceId",
}
POLICY_PARAMETERS = {
    "alertSeverities",
    "createResourceGroup",
    "exportedDataTypes",
    "isSecurityFindingsEnabled",
    "recommendationNames",
    "recommendationSeverities",
    "regulatoryComplianceStandardsNames",
    "resourceGroupLocation",
    "resourceGroupName",
    "secureScoreControlsNames",
}


def mains(snapshots):
    return [snapshot for snapshot in snapshots if snapshot.template == "main"]


def check_event_hub_takes_identities_only(snapshots):
    for snapshot, namespace, where in each(snapshots, "Microsoft.EventHub/namespaces"):
        access = "Disabled" if snapshot.private else "Enabled"
        wanted = {"disableLocalAuth": True, "minimumTlsVersion": "1.2", "publicNetworkAccess": access}
        yield from wrong(where, namespace["properties"], wanted)
        if namespace["sku"]["tier"] == "Basic":
            yield f"{where}: the tier Basic has no consumer group for the program"
        if snapshot.of("Microsoft.EventHub/namespaces/authorizationRules") or snapshot.of(f"{EVENT_HUB}/authorizationRules"):
            yield f"{where}: has a rule with keys"


def check_event_hub_lets_defender_in(snapshots):
    for snapshot, rules, where in each(snapshots, "Microsoft.EventHub/namespaces/networkRuleSets"):
        wanted = {"trustedServiceAccessEnabled": True, "defaultAction": "Deny" if snapshot.private else "Allow"}
        yield from wrong(where, rules["properties"], wanted)
    for snapshot in snapshots:
        if len(snapshot.of("Microsoft.EventHub/namespaces")) != len(snapshot.of("Microsoft.EventHub/namespaces/networkRuleSets")):
            yield f"{snapshot.name}: a namespace has no network rules"


def check_event_hub_keeps_messages_for_a_week(snapshots):
    for _, hub, where in each(snapshots, EVENT_HUB):
        yield from wrong(where, hub["properties"], {"retentionDescription": {"cleanupPolicy": "Delete", "retentionTimeInHours": 168}})


def check_event_hub_is_read_where_it_is_written(snapshots):
    """The settings name the hub that is made or given, in the consumer group that is made, and the host signs in with the identity."""
    for snapshot in mains(snapshots):
        settings, hub = snapshot.settings(), snapshot.event_hub
        connection = {name: value for name, value in settings.items() if name.startswith("EVENT_HUB_") and "__" in name}
        if hub is None:
            if connection:
                yield f"{snapshot.name}: reads no event hub, and has {sorted(connection)}"
            continue
        parts = hub.split("/")
        if settings["EVENT_HUB_NAME"] != parts[10]:
            yield f"{snapshot.name}: reads the event hub {settings['EVENT_HUB_NAME']}, and {hub} is meant"
        group = f"{hub}/consumergroups/{settings['EVENT_HUB_CONSUMER_GROUP']}"
        if group not in snapshot.by_id:
            yield f"{snapshot.name}: nobody makes the consumer group {group}"
        namespace = connection.get("EVENT_HUB__fullyQualifiedNamespace", "")
        if f"'{parts[8]}'" not in namespace or not namespace.endswith(", 'servicebus.windows.net'))]"):
            yield f"{snapshot.name}: the event hub is looked for in {namespace}, and it is in {parts[8]}"
        identity = snapshot.one("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
        client = connection.get("EVENT_HUB__clientId", "")
        if f"reference('{identity}'" not in client or not client.endswith(".clientId]"):
            yield f"{snapshot.name}: the event hub is read as {client}, not as {identity}"
        if connection.get("EVENT_HUB__credential") != "managedidentity" or "EVENT_HUB" in settings:
            yield f"{snapshot.name}: the event hub is not read with the identity"


def check_functions_that_run(snapshots):
    """All of them; without an event hub all but the one that would read it."""
    folders = {file.parent.name for file in ROOT.glob("function-*/function.json")}
    for snapshot in mains(snapshots):
        listed = [value for name, value in snapshot.settings().items() if name.startswith("AzureFunctionsJobHost__functions__")]
        wanted = folders - {EVENT_HUB_FUNCTION} if snapshot.under_functions and not snapshot.event_hub else set()
        if set(listed) != wanted:
            yield f"{snapshot.name}: the host runs {sorted(listed) or 'all'}, not {sorted(wanted) or 'all'}"


def check_setting_names_are_allowed(snapshots):
    """On Linux the name of an app setting has letters, digits, periods and underscores; one with a hyphen is refused, and the deployment with it."""
    for snapshot in mains(snapshots):
        for name in snapshot.settings():
            if not re.fullmatch(r"\w+", name):
                yield f"{snapshot.name}: {name} is no name for an app setting on Linux"


def check_defender_writes_as_a_trusted_service(snapshots):
    for snapshot, automation, where in each(snapshots, AUTOMATIONS):
        (action,) = automation["properties"]["actions"]
        hub = snapshot.event_hub if snapshot.template == "main" else asked(snapshot, "destinationResourceId")
        if snapshot.asks("eventHubAccess", "'connectionString'"):
            wanted = {"actionType": "EventHub", "eventHubResourceId": hub, "connectionString": "[parameters('eventHubConnectionString')]"}
        elif hub and "/Microsoft.EventHub/" in hub:
            wanted = {"actionType": "EventHub", "eventHubResourceId": hub, "isTrustedServiceEnabled": True}
        else:
            wanted = {"actionType": "Workspace", "workspaceResourceId": hub or snapshot.workspace}
        if action != wanted:
            yield f"{where}: does {json.dumps(action)}, not {json.dumps(wanted)}"


def asked(snapshot, parameter):
    """The value of a parameter: a literal, or a variable of the environment."""
    literal = re.search(rf"^param {parameter} = '(.+)'$", snapshot.source, re.MULTILINE)
    variable = re.search(rf"^param {parameter} = readEnvironmentVariable\('(\w+)'\)$", snapshot.source, re.MULTILINE)
    return literal.group(1) if literal else ENVIRONMENT[variable.group(1)] if variable else None


def check_connection_string_is_in_the_action_alone(snapshots):
    for snapshot in snapshots:
        for resource in snapshot.resources:
            properties = {key: value for key, value in resource.get("properties", {}).items() if (resource["type"], key) != (AUTOMATIONS, "actions")}
            text = json.dumps({**resource, "properties": properties})
            if ENVIRONMENT["EVENT_HUB_CONNECTION_STRING"] in json.dumps(resource) or "eventHubConnectionString" in text:
                yield f"{snapshot.name}: {resource['name']} holds the connection string"


def check_sources_of_configurations(snapshots):
    for snapshot, automation, where in each(snapshots, AUTOMATIONS):
        sources = [source["eventSource"] for source in automation["properties"]["sources"]]
        if not sources or len(set(sources)) != len(sources) or set(sources) - SOURCES:
            yield f"{where}: exports {sources}"
        for ending in ("", "Snapshot"):
            if f"SubAssessments{ending}" in sources and f"Assessments{ending}" not in sources:
                yield f"{where}: exports SubAssessments{ending} without Assessments{ending}, which they belong to"
        for source in automation["properties"]["sources"]:
            for rules in source["ruleSets"] or []:
                if not rules["rules"]:
                    yield f"{where}: {source['eventSource']} has a set without a rule"


def check_all_sources_can_be_exported(snapshots):
    shown = {source["eventSource"] for _, automation, _ in each(snapshots, AUTOMATIONS) for source in automation["properties"]["sources"]}
    for source in sorted(SOURCES - shown):
        yield f"nothing shows that {source} can be exported"


def check_filters_make_these_rules(snapshots):
    """What the examples ask for, in the form that Microsoft's own policies write."""
    wanted = {
        "defender-alert-severities": "Alerts: Severity Equals high",
        "defender-recommendation-severities": "Assessments: type Contains Microsoft.Security/assessments and properties.metadata.severity Equals Medium",
        "defender-recommendations": "Assessments: name Contains 1195afff-c881-495e-9bc5-1486211ae03f",
        "defender-findings": "SubAssessments: id Contains /assessments/82e20e14-edc5-4373-bfc4-f13121257c37/ and properties.status.severity Equals Medium",
        "defender-findings-of": "Assessments: name Contains 1195afff-c881-495e-9bc5-1486211ae03f",
        "defender-secure-score": "SecureScores: properties.score.percentage LesserThan 0.80",
        "defender-private": "SecureScoreControls: properties.score.percentage LesserThan 0.05",
        "defender-secure-score-controls": "SecureScoreControls: name Equals 61702b76-1fab-41f2-bcbc-50b7870dcf38 and properties.score.percentage LesserThan 0.50",
        "defender-standards": "RegulatoryComplianceAssessmentSnapshot: id Contains PCI-DSS-4",
        "defender-attack-paths": "AttackPaths: everything",
        "defender-rules": "Alerts: Severity Equals medium and AlertDisplayName Contains crypto",
    }
    for snapshot in snapshots:
        rules = set()
        for automation in snapshot.of(AUTOMATIONS):
            for source in automation["properties"]["sources"]:
                for one in source["ruleSets"] or [{"rules": []}]:
                    text = " and ".join(f"{rule['propertyJPath']} {rule['operator']} {rule['expectedValue']}" for rule in one["rules"])
                    rules.add(f"{source['eventSource']}: {text or 'everything'}")
        rule = wanted.get(snapshot.name)
        if rule and rule not in rules:
            yield f"{snapshot.name}: no rule `{rule}` among {sorted(rules)}"


def check_scopes_are_of_the_subscription(snapshots):
    for snapshot, automation, where in each(snapshots, AUTOMATIONS):
        scopes = [scope["scopePath"] for scope in automation["properties"]["scopes"]]
        groups = re.search(r"^ +resourceGroups: \[(.+)\]$", snapshot.source, re.MULTILINE)
        wanted = [f"/subscriptions/{SUBSCRIPTION}"]
        if groups:
            wanted = [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}" for name in re.findall(r"'([^']+)'", groups.group(1))]
        if scopes != wanted:
            yield f"{where}: is about {scopes}, not about {wanted}"


def check_each_filter_has_an_example(_snapshots):
    types = (INFRA / "modules" / "defender-types.bicep").read_text().split("type configurationType = {")[1].split("\n}")[0]
    examples = "".join(file.read_text() for file in INFRA.glob("examples/*.bicepparam"))
    for name in re.findall(r"^  (\w+): ", types, re.MULTILINE):
        if not re.search(rf"^ +{name}: ", examples, re.MULTILINE):
            yield f"infra/examples shows no {name}"


def check_examples_are_in_the_docs(_snapshots):
    text = (ROOT / "docs" / "defender.md").read_text()
    for file in sorted(INFRA.glob("examples/*.bicepparam")):
        if f"`{file.stem}`" not in text:
            yield f"docs/defender.md does not name {file.name}"
    for name in sorted(set(re.findall(r"`(defender-[a-z-]+)` \|$", text, re.MULTILINE))):
        if not (INFRA / "examples" / f"{name}.bicepparam").is_file():
            yield f"docs/defender.md names {name}, which is no example"


def check_roles_of_other_templates(snapshots):
    """Defender for Cloud may send to the event hub; an assignment may make exports below the management group, and name their destinations."""
    group = f"/providers/Microsoft.Management/managementGroups/{MANAGEMENT_GROUP}"
    hub, workspace = ENVIRONMENT["EVENT_HUB_RESOURCE_ID"], ENVIRONMENT["WORKSPACE_RESOURCE_ID"]
    for snapshot in snapshots:
        if snapshot.template == "main":
            continue
        wanted = {("defender", "Azure Event Hubs Data Sender", hub)} if "param defenderPrincipalId = " in snapshot.source else set()
        if snapshot.template == "defender-at-scale":
            wanted |= {("policy", "Contributor", group), ("policy", "Contributor", hub), ("policy", "Contributor", workspace)}
        given = {(role.who, role.name, role.scope) for role in snapshot.roles}
        for who, name, scope in sorted(given - wanted, key=str):
            yield f"{snapshot.name}: {name} for {who} on {scope} is one role too many"
        for who, name, scope in sorted(wanted - given, key=str):
            yield f"{snapshot.name}: {name} for {who} on {scope} is missing"


def check_policy_assignments(snapshots):
    (snapshot,) = [each for each in snapshots if each.template == "defender-at-scale"]
    assignments = snapshot.of(ASSIGNMENTS)
    seen = set()
    for assignment in assignments:
        properties, where = assignment["properties"], f"{snapshot.name}: {assignment['name']}"
        policy = properties["policyDefinitionId"].rsplit("/", 1)[1]
        seen.add(policy)
        if policy not in POLICIES or set(properties["parameters"]) != POLICY_PARAMETERS | {POLICIES[policy]}:
            yield f"{where}: assigns {policy} with {sorted(properties['parameters'])}"
            continue
        if assignment.get("identity") != {"type": "SystemAssigned"} or not assignment.get("location"):
            yield f"{where}: has no identity to make exports with"
        given = [role for role in snapshot.roles if f"/policyAssignments/{assignment['name']}'" in json.dumps(snapshot.by_id[role.id])]
        if sorted("/managementGroups/" in role.scope for role in given) != [False, True]:
            yield f"{where}: its identity has roles on {[role.scope for role in given]}, not on the management group and on the destination"
    for policy in sorted(set(POLICIES) - seen):
        yield f"nothing shows that the policy {policy} can be assigned"
    remediated = {each["properties"]["policyAssignmentId"] for each in snapshot.of("Microsoft.PolicyInsights/remediations")}
    wanted = {each["id"] for each in assignments if each["name"] != "defender-to-old-hub"}
    if remediated != wanted:
        yield f"{snapshot.name}: remediates {sorted(remediated)}, not {sorted(wanted)}"


def check_alerts_of_the_workspace(snapshots):
    """The example with alerts watches the workspace that it exports to, and tells somebody."""
    for snapshot in snapshots:
        rules = snapshot.of("Microsoft.Insights/scheduledQueryRules") if snapshot.template == "defender-export" else []
        if len(rules) != (2 if snapshot.asks("alerts", "true") else 0):
            yield f"{snapshot.name}: makes {len(rules)} alerts"
        for rule in rules:
            if rule["properties"]["scopes"] != [asked(snapshot, "destinationResourceId")] or not rule["properties"]["actions"]["actionGroups"]:
                yield f"{snapshot.name}: {rule['name']} watches {rule['properties']['scopes']} and tells {rule['properties']['actions']}"
