"""Checks that the parts of a deployment meet: rule, account, events, queue, app, alerts, network."""

import re

from bicep import ROOT
from posture import STORAGE, wrong

FUNCTION_ALERTS = {"no-rows", "rows-set-aside", "invocations-failing", "stopped", "queue-age", "poison-messages"}
FUNCTION_METRIC_ALERTS = {"export-failures", "dead-letters", "dropped-events", "queue-length"}
CONTAINER_ALERTS = {"no-rows", "rows-set-aside", "errors", "stopped"}
CONTAINER_METRIC_ALERTS = {"export-failures"}
WORKSPACE_ALERTS = {"defender-alert", "defender-recommendation"}


def check_export_rule(snapshots):
    for snapshot in snapshots:
        rule = snapshot.one("Microsoft.OperationalInsights/workspaces/dataExports")
        wanted = {"enable": True, "destination.resourceId": snapshot.account("export")["id"]}
        yield from wrong(f"{snapshot.name}: export rule", rule["properties"], wanted)
        tables = rule["properties"]["tableNames"]
        if not tables or len(set(tables)) != len(tables):
            yield f"{snapshot.name}: exports {tables}"
        name = rule["name"].rsplit("/", 1)[1]
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]+[A-Za-z0-9]", name) or not 4 <= len(name) <= 63:
            yield f"{snapshot.name}: {name} is no name for an export rule"


def check_own_logs_are_not_exported(snapshots):
    for snapshot in snapshots:
        rule = snapshot.one("Microsoft.OperationalInsights/workspaces/dataExports")
        workspace = rule["id"].rsplit("/dataExports/", 1)[0]
        loops = [table for table in rule["properties"]["tableNames"] if re.match(r"App[A-Z]|ContainerApp", table)]
        own = snapshot.one("Microsoft.Insights/components")["properties"]["WorkspaceResourceId"]
        if own == workspace and loops:
            yield f"{snapshot.name}: the reports of the system are exported by the system: {loops}"


def check_event_filter(snapshots):
    for snapshot in snapshots:
        for subscription in snapshot.of("Microsoft.EventGrid/systemTopics/eventSubscriptions"):
            wanted = {
                "eventDeliverySchema": "EventGridSchema",
                "filter": {
                    "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
                    "subjectBeginsWith": "/blobServices/default/containers/am-",
                    "subjectEndsWith": ".json",
                },
            }
            yield from wrong(f"{snapshot.name}: event subscription", subscription["properties"], wanted)


def check_events_reach_the_queue(snapshots):
    for snapshot in snapshots:
        subscriptions = snapshot.of("Microsoft.EventGrid/systemTopics/eventSubscriptions")
        if len(subscriptions) != (1 if snapshot.under_functions else 0):
            yield f"{snapshot.name}: {len(subscriptions)} event subscriptions"
        for subscription in subscriptions:
            host = snapshot.account("host")["id"]
            wanted = {
                "deliveryWithResourceIdentity.identity.type": "SystemAssigned",
                "deliveryWithResourceIdentity.destination.endpointType": "StorageQueue",
                "deliveryWithResourceIdentity.destination.properties.resourceId": host,
                "deliveryWithResourceIdentity.destination.properties.queueName": snapshot.settings()["WORK_QUEUE"],
                "destination": None,
            }
            yield from wrong(f"{snapshot.name}: event subscription", subscription["properties"], wanted)
            destination = subscription["properties"]["deliveryWithResourceIdentity"]["destination"]["properties"]
            if destination["queueName"] not in snapshot.names(f"{STORAGE}/queueServices/queues"):
                yield f"{snapshot.name}: events go to the queue {destination['queueName']}, which nobody makes"
            if destination["queueMessageTimeToLiveInSeconds"] < 7 * 86400:
                yield f"{snapshot.name}: events leave the queue before a week is over"


def check_dead_letters(snapshots):
    for snapshot in snapshots:
        for subscription in snapshot.of("Microsoft.EventGrid/systemTopics/eventSubscriptions"):
            wanted = {
                "deadLetterWithResourceIdentity.identity.type": "SystemAssigned",
                "deadLetterWithResourceIdentity.deadLetterDestination.properties.resourceId": snapshot.account("host")["id"],
            }
            yield from wrong(f"{snapshot.name}: event subscription", subscription["properties"], wanted)
            letters = subscription["properties"]["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
            if letters["blobContainerName"] not in snapshot.names(f"{STORAGE}/blobServices/containers"):
                yield f"{snapshot.name}: dead letters go to {letters['blobContainerName']}, which nobody makes"


def check_topic(snapshots):
    for snapshot in snapshots:
        topics = snapshot.of("Microsoft.EventGrid/systemTopics")
        existing = "param existingSystemTopicName = " in snapshot.source
        if len(topics) != (1 if snapshot.under_functions and not existing else 0):
            yield f"{snapshot.name}: makes {len(topics)} system topics"
        for topic in topics:
            yield from wrong(f"{snapshot.name}: topic", topic["properties"], {"source": snapshot.account("export")["id"]})
            # Only such an identity passes the firewall of the destination.
            if topic["identity"]["type"] != "SystemAssigned":
                yield f"{snapshot.name}: the topic signs in as {topic['identity']}"


def check_settings_name_the_two_accounts(snapshots):
    for snapshot in snapshots:
        settings = snapshot.settings()
        for setting, account in (("EXPORT_STORAGE", "export"), ("AzureWebJobsStorage", "host")):
            name = snapshot.account(account)["name"]
            for key, value in settings.items():
                if key.startswith(f"{setting}__") and key.endswith("Uri") and f"'{name}'" not in value:
                    yield f"{snapshot.name}: {key} is {value}, not on {name}"


def check_refused_container(snapshots):
    for snapshot in snapshots:
        container = snapshot.settings()["REFUSED_CONTAINER"]
        if container not in snapshot.names(f"{STORAGE}/blobServices/containers"):
            yield f"{snapshot.name}: refused rows go to the container {container}, which nobody makes"


def check_history_container(snapshots):
    for snapshot in snapshots:
        container = snapshot.settings()["HISTORY_CONTAINER"]
        if container not in snapshot.names(f"{STORAGE}/blobServices/containers"):
            yield f"{snapshot.name}: history is kept account of in the container {container}, which nobody makes"


def check_pulls_container(snapshots):
    for snapshot in snapshots:
        container = snapshot.settings()["PULLS_CONTAINER"]
        if container not in snapshot.names(f"{STORAGE}/blobServices/containers"):
            yield f"{snapshot.name}: pulls are kept account of in the container {container}, which nobody makes"


def check_events_container(snapshots):
    for snapshot in snapshots:
        container = snapshot.settings()["EVENTS_CONTAINER"]
        if container not in snapshot.names(f"{STORAGE}/blobServices/containers"):
            yield f"{snapshot.name}: rows of event hubs wait in the container {container}, which nobody makes"


def check_pulls_are_given_once(snapshots):
    """The program refuses to start with both; a text that was asked for arrives, and nothing is pulled unasked."""
    for snapshot in snapshots:
        given = {name for name in ("PULLS", "PULLS_FILE") if snapshot.settings().get(name)}
        asked = {setting for sign, setting in ((r"^param pulls = ", "PULLS"), (r"^  PULLS_FILE: ", "PULLS_FILE")) if re.search(sign, snapshot.source, re.MULTILINE)}
        if given != asked or len(given) > 1:
            yield f"{snapshot.name}: pulls come from {sorted(given)}, and {sorted(asked)} were asked for, of which there may be one"
        if "PULLS" in given and "[[pull]]\n" not in snapshot.settings()["PULLS"]:
            yield f"{snapshot.name}: PULLS does not arrive as it was written: {snapshot.settings()['PULLS'][:60]!r}"


def check_pulls_sign_in_as_the_program(snapshots):
    for snapshot in snapshots:
        identity = snapshot.one("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
        client = snapshot.settings()["PULLS_CLIENT_ID"]
        if f"reference('{identity}'" not in client or not client.endswith(".clientId]"):
            yield f"{snapshot.name}: pulls sign in as {client}, not as {identity}"


def check_hunting_address(snapshots):
    """Microsoft Graph of the cloud, unless somebody chose an address, or the older API, whose address the program knows."""
    for snapshot in snapshots:
        chosen = re.search(r"^  HUNTING_URL: '(.+)'$", snapshot.source, re.MULTILINE)
        older = re.search(r"^  HUNTING_API: 'xdr'$", snapshot.source, re.MULTILINE)
        address = snapshot.settings().get("HUNTING_URL")
        if chosen or older:
            wanted = chosen.group(1) if chosen else None
            if address != wanted:
                yield f"{snapshot.name}: HUNTING_URL is {address}, not {wanted}"
            continue
        for url in ("https://graph.microsoft.us", "https://microsoftgraph.chinacloudapi.cn"):
            if f"'{url}'" not in str(address):
                yield f"{snapshot.name}: HUNTING_URL is {address}, without {url}"
        if not str(address).endswith(", 'https://graph.microsoft.com')]"):
            yield f"{snapshot.name}: HUNTING_URL is {address}, which does not fall back on https://graph.microsoft.com"


def check_history_asks_the_exported_workspace(snapshots):
    for snapshot in snapshots:
        settings, workspace = snapshot.settings(), snapshot.workspace
        if settings["LOG_ANALYTICS_RESOURCE_ID"] != workspace:
            yield f"{snapshot.name}: LOG_ANALYTICS_RESOURCE_ID is {settings['LOG_ANALYTICS_RESOURCE_ID']}, and {workspace} is exported"
        asked = settings["LOG_ANALYTICS_WORKSPACE"]
        # The query API knows a workspace by its GUID.
        if f"reference('{workspace}'" not in asked or not asked.endswith(".customerId]"):
            yield f"{snapshot.name}: LOG_ANALYTICS_WORKSPACE is {asked}, not the GUID of {workspace}"
        identity = snapshot.one("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
        client = settings["LOG_ANALYTICS_CLIENT_ID"]
        if f"reference('{identity}'" not in client or not client.endswith(".clientId]"):
            yield f"{snapshot.name}: the workspace is asked as {client}, not as {identity}"


def check_history_storage(snapshots):
    for snapshot in snapshots:
        asked = re.search(r"^param historyAccountName = '(.+)'$", snapshot.source, re.MULTILINE)
        address = snapshot.settings().get("HISTORY_STORAGE__blobServiceUri")
        if (address is not None) != bool(asked) or (asked and f"'{asked.group(1)}'" not in address):
            yield f"{snapshot.name}: history may be written to {address}, and {asked and asked.group(1)} was asked for"


def check_poison_queue(snapshots):
    for snapshot in snapshots:
        queues = {value for name, value in snapshot.settings().items() if name.endswith("_QUEUE")}
        wanted = queues | {f"{queue}-poison" for queue in queues} if snapshot.under_functions else set()
        if snapshot.names(f"{STORAGE}/queueServices/queues") != wanted:
            yield f"{snapshot.name}: the queues are {snapshot.names(f'{STORAGE}/queueServices/queues')}, not {wanted}"


def check_flex_app(snapshots):
    for snapshot in snapshots:
        if snapshot.hosting != "flex":
            continue
        plan = snapshot.one("Microsoft.Web/serverfarms")
        if plan["sku"] != {"name": "FC1", "tier": "FlexConsumption"} or plan["properties"]["reserved"] is not True:
            yield f"{snapshot.name}: the plan is {plan['sku']}"
        config = snapshot.one("Microsoft.Web/sites")["properties"]["functionAppConfig"]
        wanted = {
            "runtime": {"name": "custom", "version": "1.0"},
            "deployment.storage.type": "blobContainer",
            "deployment.storage.authentication.type": "UserAssignedIdentity",
        }
        yield from wrong(f"{snapshot.name}: app", config, wanted)
        container = re.search(r"'([^']+)'\)\]$", config["deployment"]["storage"]["value"]).group(1)
        if container not in snapshot.names(f"{STORAGE}/blobServices/containers"):
            yield f"{snapshot.name}: the package is taken from {container}, which nobody makes"
        for ready in config["scaleAndConcurrency"]["alwaysReady"]:
            folder = ready["name"].removeprefix("function:")
            if not (ROOT / folder / "function.json").is_file():
                yield f"{snapshot.name}: keeps {ready['name']} warm, and there is no folder {folder}"


def check_premium_app(snapshots):
    for snapshot in snapshots:
        if snapshot.hosting != "premium":
            continue
        plan = snapshot.one("Microsoft.Web/serverfarms")
        if plan["sku"] != {"name": "EP1", "tier": "ElasticPremium"} or plan["properties"]["reserved"] is not True:
            yield f"{snapshot.name}: the plan is {plan['sku']}"
        if snapshot.settings()["FUNCTIONS_WORKER_RUNTIME"] != "custom":
            yield f"{snapshot.name}: the runtime is not custom"


def check_container_app(snapshots):
    for snapshot in snapshots:
        if snapshot.hosting != "container":
            continue
        app = snapshot.one("Microsoft.App/containerApps")["properties"]
        wanted = {"template.scale": {"minReplicas": 1, "maxReplicas": 1}, "configuration.ingress": None}
        yield from wrong(f"{snapshot.name}: container app", app, wanted)
        if app["template"]["containers"][0]["args"] != ["run"]:
            yield f"{snapshot.name}: the container does not run the loop"


def check_code_comes_along(snapshots):
    """The template installs the package, unless the parameters file says that somebody else brings it."""
    for snapshot in snapshots:
        brings = snapshot.hosting == "flex" and not snapshot.asks("packageUri", "''")
        installed = snapshot.of("Microsoft.Web/sites/extensions")
        if len(installed) != (1 if brings else 0):
            yield f"{snapshot.name}: {len(installed)} packages are installed"
        for package in installed:
            if not package["properties"]["packageUri"].startswith("https://"):
                yield f"{snapshot.name}: installs {package['properties']['packageUri']}"


def check_keep_mode(snapshots):
    for snapshot in snapshots:
        asked = "keep" if snapshot.asks("afterDelivery", "'keep'") else "delete"
        if snapshot.settings()["AFTER_DELIVERY"] != asked:
            yield f"{snapshot.name}: AFTER_DELIVERY is {snapshot.settings()['AFTER_DELIVERY']}, not {asked}"


def check_private_network(snapshots):
    for snapshot in snapshots:
        endpoints = snapshot.of("Microsoft.Network/privateEndpoints")
        if not snapshot.private:
            if endpoints:
                yield f"{snapshot.name}: has private endpoints that nobody asked for"
            continue
        reached = set()
        for endpoint in endpoints:
            (connection,) = endpoint["properties"]["privateLinkServiceConnections"]
            target = connection["properties"]["privateLinkServiceId"].rsplit("/", 1)[1]
            reached.add((re.match(r"evhns|export|host|kv", target).group(), *connection["properties"]["groupIds"]))
        wanted = {("export", "blob"), ("host", "blob"), ("kv", "vault")}
        if snapshot.under_functions:
            wanted |= {("host", "queue"), ("host", "table")}
        if snapshot.of("Microsoft.EventHub/namespaces"):
            wanted |= {("evhns", "namespace")}
        if reached != wanted:
            yield f"{snapshot.name}: private endpoints lead to {sorted(reached)}, not to {sorted(wanted)}"
        zones = len(snapshot.of("Microsoft.Network/privateDnsZones"))
        groups = len({group for _, group in wanted})
        if zones != (0 if snapshot.asks("createPrivateDnsZones", "false") else groups):
            yield f"{snapshot.name}: makes {zones} private DNS zones"


def check_app_is_in_the_network(snapshots):
    for snapshot in snapshots:
        if snapshot.under_functions:
            subnet = snapshot.one("Microsoft.Web/sites")["properties"]["virtualNetworkSubnetId"]
        else:
            network = snapshot.one("Microsoft.App/managedEnvironments")["properties"]["vnetConfiguration"]
            subnet = network and network["infrastructureSubnetId"]
        if bool(subnet) != snapshot.private:
            yield f"{snapshot.name}: the app sends from {subnet}"
        for network in snapshot.of("Microsoft.Network/virtualNetworks"):
            (app,) = [each for each in network["properties"]["subnets"] if subnet.endswith(f"/subnets/{each['name']}")]
            delegation = app["properties"]["delegations"][0]["properties"]["serviceName"]
            wanted = "Microsoft.Web/serverFarms" if snapshot.hosting == "premium" else "Microsoft.App/environments"
            if delegation != wanted:
                yield f"{snapshot.name}: the subnet of the app is delegated to {delegation}"
            if not app["properties"].get("natGateway"):
                yield f"{snapshot.name}: the app has no way to Axiom"


def alerts(snapshot, kind):
    """Names of the alerts of a kind, without the name of the system."""
    system = re.search(r"^param name = '(.+)'$", snapshot.source, re.MULTILINE)
    beginning = f"{system.group(1) if system else 'sentinel-axiom'}-"
    return {each["name"].removeprefix(beginning): each for each in snapshot.of(kind)}


def check_alerts_are_exactly_these(snapshots):
    for snapshot in snapshots:
        queries = set(alerts(snapshot, "Microsoft.Insights/scheduledQueryRules"))
        metrics = set(alerts(snapshot, "Microsoft.Insights/metricAlerts"))
        functions = snapshot.under_functions
        exported = WORKSPACE_ALERTS if snapshot.asks("defenderExport", "'workspace'") else set()
        if queries != (FUNCTION_ALERTS if functions else CONTAINER_ALERTS) | exported:
            yield f"{snapshot.name}: alerts by query are {sorted(queries)}"
        if metrics != (FUNCTION_METRIC_ALERTS if functions else CONTAINER_METRIC_ALERTS):
            yield f"{snapshot.name}: alerts by metric are {sorted(metrics)}"


def check_alerts_tell_somebody(snapshots):
    for snapshot in snapshots:
        asked = "param alertEmails = " in snapshot.source or "param actionGroupResourceIds = " in snapshot.source
        for name, alert in alerts(snapshot, "Microsoft.Insights/scheduledQueryRules").items():
            if asked and not alert["properties"]["actions"]["actionGroups"]:
                yield f"{snapshot.name}: {name} tells nobody"
        for name, alert in alerts(snapshot, "Microsoft.Insights/metricAlerts").items():
            if asked and not alert["properties"]["actions"]:
                yield f"{snapshot.name}: {name} tells nobody"


def check_alerts_watch_what_is_deployed(snapshots):
    for snapshot in snapshots:
        rule = snapshot.one("Microsoft.OperationalInsights/workspaces/dataExports")["id"]
        outside = {rule.rsplit("/dataExports/", 1)[0]}
        outside |= {snapshot.one("Microsoft.Insights/components")["properties"]["WorkspaceResourceId"]}
        outside |= {each["id"].rsplit("/eventSubscriptions/", 1)[0] for each in snapshot.of("Microsoft.EventGrid/systemTopics/eventSubscriptions")}
        for kind in ("Microsoft.Insights/scheduledQueryRules", "Microsoft.Insights/metricAlerts"):
            for name, alert in alerts(snapshot, kind).items():
                for scope in alert["properties"]["scopes"]:
                    if scope not in snapshot.by_id and scope not in outside:
                        yield f"{snapshot.name}: {name} watches {scope}, which is not part of this"


def check_alerts_are_in_the_docs(snapshots):
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    headings = set(re.findall(r"^### `([a-z-]+)`", text, re.MULTILINE))
    named = set()
    for snapshot in snapshots:
        named |= set(alerts(snapshot, "Microsoft.Insights/scheduledQueryRules"))
        named |= set(alerts(snapshot, "Microsoft.Insights/metricAlerts"))
    for name in sorted(named - headings):
        yield f"docs/troubleshooting.md has no section `{name}`"
    for name in sorted(headings - named):
        yield f"docs/troubleshooting.md has a section `{name}`, which is no alert"
