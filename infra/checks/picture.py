"""Makes docs/deployment.md, the picture of what is deployed and who may do what to whom, from the snapshot of the small deployment."""

from bicep import ROOT

FILE = ROOT / "docs" / "deployment.md"

# What a role is for here, and what happens without it.
PURPOSE = {
    ("program", "Storage Blob Data Contributor", "export"): (
        "list containers, read blobs, set their metadata, delete them after delivery",
        "nothing is shipped; rows stay in the export account until `exportRetentionDays`; alert `invocations-failing`",
    ),
    ("program", "Storage Blob Data Owner", "host"): (
        "take the package, keep the host's locks and its places in an event hub, set refused rows aside, keep rows that wait, keep account of history and pulls",
        "the app does not start; rows wait in the export account; alert `stopped`",
    ),
    ("program", "Storage Queue Data Contributor", "host"): (
        "take and delete messages, add those of the sweep and of history, move poisoned ones",
        "no function is triggered; rows wait in the export account; alert `queue-length`",
    ),
    ("program", "Storage Table Data Contributor", "host"): (
        "write the host's own diagnostic events",
        "the host logs a warning now and then; rows are shipped as before",
    ),
    ("program", "Key Vault Secrets User", "vault"): (
        "read the Axiom token",
        "the app keeps the token it has until it restarts, then refuses to start with exit 64; alert `stopped`",
    ),
    ("program", "Log Analytics Reader", "workspace"): (
        "ask the workspace for what it held before the export (`history`), and for what cannot be exported (pulls); with `queryWorkspace = false` it is not given",
        "`history` and pulls from the workspace fail and say so; new rows are exported and shipped as before",
    ),
    ("program", "Monitoring Metrics Publisher", "insights"): (
        "send telemetry",
        "rows are shipped as before, but nobody sees it: alert `stopped`",
    ),
    ("topic", "Storage Queue Data Message Sender", "queue"): (
        "put a message for each new blob",
        "the sweep finds the blobs, up to a minute later; alert `dead-letters`",
    ),
    ("topic", "Storage Blob Data Contributor", "deadletters"): (
        "set aside events that it could not deliver",
        "such events are dropped, and the sweep finds the blobs; alert `dropped-events`",
    ),
}


def node(snapshot, scope):
    """The node of the picture that a resource belongs to."""
    if "/queues/" in scope:
        return "queue"
    if scope == snapshot.workspace:
        return "workspace"
    if scope.endswith("/containers/dead-letters"):
        return "deadletters"
    if scope == snapshot.account("export")["id"]:
        return "export"
    if scope == snapshot.account("host")["id"]:
        return "host"
    if "Microsoft.KeyVault/vaults/" in scope:
        return "vault"
    if "Microsoft.Insights/components/" in scope:
        return "insights"
    raise LookupError(f"the picture has no place for {scope}")


def render(snapshot):
    """The whole file."""
    rule = snapshot.one("Microsoft.OperationalInsights/workspaces/dataExports")
    subscription = snapshot.one("Microsoft.EventGrid/systemTopics/eventSubscriptions")["properties"]
    delivery = subscription["deliveryWithResourceIdentity"]["destination"]["properties"]
    letters = subscription["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
    prefix = subscription["filter"]["subjectBeginsWith"].rsplit("/", 1)[1]
    settings = snapshot.settings()
    (lifecycle,) = snapshot.one("Microsoft.Storage/storageAccounts/managementPolicies")["properties"]["policy"]["rules"]
    days = lifecycle["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
    plan = snapshot.one("Microsoft.Web/serverfarms")["sku"]["tier"]
    kept = sorted(snapshot.names("Microsoft.Storage/storageAccounts/blobServices/containers") - {letters["blobContainerName"]})
    alerts = len(snapshot.of("Microsoft.Insights/scheduledQueryRules")) + len(snapshot.of("Microsoft.Insights/metricAlerts"))

    lines = [
        "# What is deployed, and who may do what to whom",
        "",
        "Made by `infra/check.sh --bless` from what `infra/small.bicepparam` would deploy; do not edit. `infra/check.sh` fails when it is stale.",
        "Thick arrows are the way of a row, thin arrows the way of a hint or a secret, dotted arrows what an identity may do.",
        "",
        "```mermaid",
        "flowchart LR",
        '  workspace[("Log Analytics workspace, existing")]',
        f'  export[("export account<br/>{prefix}*, removed after {days} days")]',
        '  topic["Event Grid system topic<br/>(its own identity)"]',
        '  subgraph hostaccount["host account"]',
        f'    host[("containers {", ".join(kept)}")]',
        f'    queue["queue {delivery["queueName"]}"]',
        f'    slices["queue {settings["HISTORY_QUEUE"]}"]',
        f'    deadletters[("container {letters["blobContainerName"]}")]',
        "  end",
        f'  app["function app, {plan}<br/>sentinel-axiom"]',
        '  program(["identity of the program"])',
        '  vault["Key Vault<br/>secret axiom-token"]',
        '  insights["Application Insights<br/>and its workspace"]',
        f'  alerts["{alerts} alerts"]',
        f'  axiom[("Axiom<br/>{settings["AXIOM_URL"]}")]',
        "",
        f'  workspace ==>|"export rule, {len(rule["properties"]["tableNames"])} tables"| export',
        "  export ==> app",
        "  app ==> axiom",
        '  export -->|"blob created"| topic',
        "  topic --> queue",
        "  topic -->|undeliverable| deadletters",
        "  queue --> app",
        '  workspace ==>|"history, by queries"| app',
        "  slices --> app",
        '  vault -->|"token, by reference"| app',
        "  app -->|telemetry| insights",
        "  insights --> alerts",
        '  app ---|"runs as"| program',
        "",
    ]
    roles = sorted(snapshot.roles, key=lambda role: (role.who, role.name, role.scope))
    for role in roles:
        lines.append(f'  {role.who} -.->|"{role.name}"| {node(snapshot, role.scope)}')
    lines += [
        "```",
        "",
        "## Roles, each on one resource",
        "",
        "| who | role | on | so that it can | if it is removed |",
        "|---|---|---|---|---|",
    ]
    titles = {"program": "identity of the program", "topic": "identity of the topic"}
    places = {
        "export": "the export account",
        "host": "the host account",
        "queue": f"the queue `{delivery['queueName']}` alone",
        "deadletters": f"the container `{letters['blobContainerName']}` alone",
        "vault": "the vault",
        "insights": "the Application Insights component",
        "workspace": "the workspace that is exported",
    }
    for role in roles:
        place = node(snapshot, role.scope)
        purpose, without = PURPOSE[role.who, role.name, place]
        lines.append(f"| {titles[role.who]} | {role.name} | {places[place]} | {purpose} | {without} |")
    lines += [
        "",
        "Azure Monitor writes to the export account, and Event Grid reads its events, as trusted services of the platform: no role is given for that.",
        "Nobody else is given anything: not the deployer, not the workspace, no person.",
        "",
        "Where `kustoDatabaseResourceId` names a database of Azure Data Explorer, the identity of the program gets Ingestor and Viewer on that database alone, and with",
        "`kustoCreateTables` User. ThreatHunting.Read.All of Microsoft Graph, for pulls from advanced hunting, is given by hand after the deployment: docs/pulls.md.",
        "",
        "With `defenderExport = 'eventHub'` the identity gets Azure Event Hubs Data Receiver, and Defender for Cloud (\"Windows Azure Security Resource Provider\") Azure Event Hubs Data Sender, both on",
        "the one event hub: defender.md.",
        "",
        "If the identity of the program itself is removed, all of its roles go with it: nothing is shipped, rows wait in the export account, alert `stopped`.",
        "Deploying again makes a new one, after the roles of the old one were deleted (troubleshooting.md, `RoleAssignmentUpdateNotPermitted`).",
        "",
        "## Resources",
        "",
        "| resource | type |",
        "|---|---|",
    ]
    skipped = ("Microsoft.Authorization/roleAssignments",)
    for each in sorted(snapshot.resources, key=lambda each: (each["type"], each["name"])):
        if each["type"] not in skipped:
            lines.append(f"| `{each['name']}` | {each['type']} |")
    return "\n".join(lines) + "\n"


def small(snapshots):
    (found,) = [each for each in snapshots if each.name == "small"]
    return found


def bless(snapshots):
    """Renews the file."""
    FILE.write_text(render(small(snapshots)))


def findings(snapshots):
    """The file is what the template says now."""
    if FILE.read_text() != render(small(snapshots)):
        yield "docs/deployment.md is stale: run `infra/check.sh --bless`"
