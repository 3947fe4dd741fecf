"""Checks of the security posture of everything that a parameters file would deploy."""

import json
import re

STORAGE = "Microsoft.Storage/storageAccounts"
# The platform sets these itself on Flex Consumption, and rejects them from outside.
FLEX_REJECTS = (
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID",
    "WEBSITE_TIME_ZONE",
)


def each(snapshots, kind):
    """Every resource of a type, with the text that names it in a finding."""
    for snapshot in snapshots:
        for resource in snapshot.of(kind):
            yield snapshot, resource, f"{snapshot.name}: {resource['name']}"


def wrong(where, properties, wanted):
    """One finding for every property that is not as wanted; `a.b` is b inside of a."""
    for path, value in wanted.items():
        found = properties
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found != value:
            yield f"{where}: {path} is {json.dumps(found)}, not {json.dumps(value)}"


def check_two_accounts(snapshots):
    for snapshot in snapshots:
        kinds = [(account["kind"], account["sku"]["name"].split("_")[0]) for account in snapshot.of(STORAGE)]
        if kinds != [("StorageV2", "Standard")] * 2:
            yield f"{snapshot.name}: data export needs a standard StorageV2 account of its own beside the host's: {kinds}"


def check_shared_key_off(snapshots):
    for snapshot, account, where in each(snapshots, STORAGE):
        asked = snapshot.asks("allowSharedKeyAccess", "true") and account["name"].startswith("export")
        yield from wrong(where, account["properties"], {"allowSharedKeyAccess": asked, "defaultToOAuthAuthentication": True})


def check_storage_tls(snapshots):
    for _, account, where in each(snapshots, STORAGE):
        # Not 1.3 either: Azure Monitor writes with 1.2.
        yield from wrong(where, account["properties"], {"minimumTlsVersion": "TLS1_2", "supportsHttpsTrafficOnly": True})


def check_no_public_blobs(snapshots):
    for _, account, where in each(snapshots, STORAGE):
        yield from wrong(where, account["properties"], {"allowBlobPublicAccess": False, "allowCrossTenantReplication": False})
    for _, container, where in each(snapshots, f"{STORAGE}/blobServices/containers"):
        yield from wrong(where, container["properties"], {"publicAccess": "None"})


def check_storage_network(snapshots):
    for snapshot, account, where in each(snapshots, STORAGE):
        rule = "Deny" if snapshot.private else "Allow"
        # Azure Monitor and Event Grid come in as trusted services, by the public endpoint.
        wanted = {"networkAcls.bypass": "AzureServices", "networkAcls.defaultAction": rule, "publicNetworkAccess": "Enabled"}
        yield from wrong(where, account["properties"], wanted)


def check_no_versions_nor_soft_delete(snapshots):
    for snapshot in snapshots:
        service = snapshot.by_id[f"{snapshot.account('export')['id']}/blobServices/default"]["properties"]
        wanted = {"isVersioningEnabled": False, "deleteRetentionPolicy.enabled": False, "containerDeleteRetentionPolicy.enabled": True}
        yield from wrong(f"{snapshot.name}: export account", service, wanted)


def check_refused_rows_survive_a_slip(snapshots):
    for snapshot in snapshots:
        service = snapshot.by_id[f"{snapshot.account('host')['id']}/blobServices/default"]["properties"]
        wanted = {"deleteRetentionPolicy.enabled": True, "deleteRetentionPolicy.days": 7}
        yield from wrong(f"{snapshot.name}: host account", service, wanted)


def check_lifecycle(snapshots):
    for snapshot in snapshots:
        policy = snapshot.one(f"{STORAGE}/managementPolicies")
        if not policy["id"].startswith(f"{snapshot.account('export')['id']}/"):
            yield f"{snapshot.name}: the lifecycle rule is not on the export account"
        (rule,) = policy["properties"]["policy"]["rules"]
        wanted = {"filters.prefixMatch": ["am-"], "filters.blobTypes": ["appendBlob", "blockBlob"]}
        yield from wrong(f"{snapshot.name}: lifecycle", rule["definition"], wanted)
        actions = rule["definition"]["actions"]
        days = actions["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
        if list(actions) != ["baseBlob"] or list(actions["baseBlob"]) != ["delete"]:
            yield f"{snapshot.name}: append blobs know no action but delete: {actions}"
        # Late rows and retries of the export reach back two days and a half.
        if days < 3:
            yield f"{snapshot.name}: removes blobs after {days} days, before late rows are in"


def check_app_https_and_tls(snapshots):
    for _, site, where in each(snapshots, "Microsoft.Web/sites"):
        wanted = {"httpsOnly": True, "siteConfig.minTlsVersion": "1.2", "siteConfig.ftpsState": "Disabled", "siteConfig.remoteDebuggingEnabled": False}
        yield from wrong(where, site["properties"], wanted)


def check_no_publishing_passwords(snapshots):
    for snapshot in snapshots:
        policies = snapshot.of("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
        off = sorted(policy["name"].rsplit("/", 1)[1] for policy in policies if policy["properties"]["allow"] is False)
        if snapshot.under_functions and off != ["ftp", "scm"]:
            yield f"{snapshot.name}: publishing by password is off for {off}, not for ftp and scm"


def check_one_user_assigned_identity(snapshots):
    for snapshot in snapshots:
        identity = snapshot.one("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
        app = snapshot.one("Microsoft.Web/sites" if snapshot.under_functions else "Microsoft.App/containerApps")
        if app["identity"] != {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}:
            yield f"{snapshot.name}: the app signs in as {app['identity']}"
        if snapshot.under_functions and app["properties"]["keyVaultReferenceIdentity"] != identity:
            yield f"{snapshot.name}: the vault reference is read with another identity than the app's"


def check_identity_connections_only(snapshots):
    for snapshot in snapshots:
        settings = snapshot.settings()
        asked = any(name.startswith("HISTORY_STORAGE") for name in settings)
        for connection in ("AzureWebJobsStorage", "EXPORT_STORAGE", *(["HISTORY_STORAGE"] if asked else [])):
            if connection in settings:
                yield f"{snapshot.name}: {connection} is a connection string, not an identity"
            for part in ("blobServiceUri", "clientId"):
                if f"{connection}__{part}" not in settings:
                    yield f"{snapshot.name}: {connection}__{part} is missing"
        if snapshot.under_functions:
            if settings.get("AzureWebJobsStorage__credential") != "managedidentity":
                yield f"{snapshot.name}: the host would not sign in to its storage with the identity"
            if "Authorization=AAD" not in settings.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", ""):
                yield f"{snapshot.name}: telemetry is not sent with the identity"
        for name, value in settings.items():
            for sign in ("AccountKey=", "SharedAccess", "sig=", "listKeys"):
                if sign.lower() in str(value).lower():
                    yield f"{snapshot.name}: the setting {name} carries a key ({sign})"


def check_no_key_is_read(snapshots):
    for snapshot in snapshots:
        for resource in snapshot.resources:
            text = json.dumps(resource).lower()
            for call in ("listkeys(", "listaccountsas(", "listservicesas("):
                if call in text:
                    yield f"{snapshot.name}: {resource['name']} reads a key with {call}...)"


def check_flex_settings(snapshots):
    for snapshot in snapshots:
        if snapshot.hosting == "flex":
            for name in sorted(set(snapshot.settings()) & set(FLEX_REJECTS)):
                yield f"{snapshot.name}: Flex Consumption rejects the setting {name}"
        if snapshot.hosting == "premium":
            for name in ("FUNCTIONS_EXTENSION_VERSION", "FUNCTIONS_WORKER_RUNTIME", "WEBSITE_RUN_FROM_PACKAGE"):
                if name not in snapshot.settings():
                    yield f"{snapshot.name}: Elastic Premium needs the setting {name}"


def check_vault(snapshots):
    for snapshot in snapshots:
        vault = snapshot.one("Microsoft.KeyVault/vaults")["properties"]
        wanted = {
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "enablePurgeProtection": True,
            "publicNetworkAccess": "Disabled" if snapshot.private else "Enabled",
            "networkAcls.defaultAction": "Deny" if snapshot.private else "Allow",
        }
        yield from wrong(f"{snapshot.name}: vault", vault, wanted)


def check_token_is_in_the_vault_alone(snapshots):
    for snapshot in snapshots:
        holders = [each for each in snapshot.resources if "axiomtoken" in json.dumps(each).lower()]
        secret = snapshot.one("Microsoft.KeyVault/vaults/secrets")
        if holders != [secret] or secret["properties"]["value"] != "[parameters('axiomToken')]":
            yield f"{snapshot.name}: the token is in {[each['name'] for each in holders]}, not in the vault's secret alone"
        if "axiomtoken" in json.dumps(snapshot.outputs).lower():
            yield f"{snapshot.name}: an output gives the token away"
        for resource in snapshot.resources:
            if "xaat-" in json.dumps(resource) or "xapt-" in json.dumps(resource):
                yield f"{snapshot.name}: {resource['name']} holds a literal token"


def check_token_is_a_reference(snapshots):
    for snapshot in snapshots:
        vault, secret = snapshot.one("Microsoft.KeyVault/vaults/secrets")["name"].split("/")
        token = snapshot.settings()["AXIOM_TOKEN"]
        if snapshot.under_functions:
            if not ("@Microsoft.KeyVault(SecretUri=" in token and f"'{vault}'" in token and f"'{secret}'" in token):
                yield f"{snapshot.name}: AXIOM_TOKEN is {token}, not a reference to {vault}/{secret}"
            continue
        (reference,) = snapshot.one("Microsoft.App/containerApps")["properties"]["configuration"]["secrets"]
        if token != reference["name"] or f"'{vault}'" not in reference["keyVaultUrl"] or f"'{secret}'" not in reference["keyVaultUrl"]:
            yield f"{snapshot.name}: AXIOM_TOKEN is {token} = {reference}, not {vault}/{secret}"


def check_telemetry_needs_an_identity(snapshots):
    for snapshot in snapshots:
        component = snapshot.one("Microsoft.Insights/components")["properties"]
        yield from wrong(f"{snapshot.name}: Application Insights", component, {"DisableLocalAuth": True})


def check_roles_are_known(snapshots):
    for snapshot in snapshots:
        for role in snapshot.roles:
            if role.name is None:
                yield f"{snapshot.name}: {role.guid} on {role.scope} is no role of the table"
            if role.who not in ("program", "topic", "defender"):
                yield f"{snapshot.name}: {role.name} is given to {role.who}"
            if role.principal_type != "ServicePrincipal":
                yield f"{snapshot.name}: {role.name} for a {role.principal_type}; a fresh identity is found by ServicePrincipal only"


def check_each_role_on_one_resource(snapshots):
    for snapshot in snapshots:
        for role in snapshot.roles:
            if "/providers/" not in role.scope:
                yield f"{snapshot.name}: {role.name} for the {role.who} is given on {role.scope}, a whole group or subscription"
            # The workspace is there already, and the event hub may be; to be read, and to be written to, is all that they take.
            elif role.scope not in snapshot.by_id and (role.scope, role.name) not in outside(snapshot):
                yield f"{snapshot.name}: {role.name} for the {role.who} is given on {role.scope}, which is not deployed here"


def outside(snapshot):
    """What may be given on what is there already."""
    hub = snapshot.event_hub
    return {(snapshot.workspace, "Log Analytics Reader"), (hub, "Azure Event Hubs Data Receiver"), (hub, "Azure Event Hubs Data Sender")}


def expected_roles(snapshot):
    """Exactly what the program, the topic and Defender for Cloud may do, as names of roles and ends of resource ids."""
    export, host = snapshot.account("export")["id"], snapshot.account("host")["id"]
    common = {
        ("program", "Storage Blob Data Contributor", export),
        ("program", "Key Vault Secrets User", snapshot.one("Microsoft.KeyVault/vaults")["id"]),
        ("program", "Monitoring Metrics Publisher", snapshot.one("Microsoft.Insights/components")["id"]),
    }
    if not snapshot.asks("queryWorkspace", "false"):
        common.add(("program", "Log Analytics Reader", snapshot.workspace))
    if snapshot.event_hub:
        common.add(("program", "Azure Event Hubs Data Receiver", snapshot.event_hub))
        if re.search(r"^param defenderPrincipalId = ", snapshot.source, re.MULTILINE):
            common.add(("defender", "Azure Event Hubs Data Sender", snapshot.event_hub))
    if not snapshot.under_functions:
        return common | {("program", "Storage Blob Data Contributor", host)}
    queue = snapshot.settings()["WORK_QUEUE"]
    return common | {
        ("program", "Storage Blob Data Owner", host),
        ("program", "Storage Queue Data Contributor", host),
        ("program", "Storage Table Data Contributor", host),
        ("topic", "Storage Queue Data Message Sender", f"{host}/queueServices/default/queues/{queue}"),
        ("topic", "Storage Blob Data Contributor", f"{host}/blobServices/default/containers/dead-letters"),
    }


def check_roles_are_exactly_these(snapshots):
    for snapshot in snapshots:
        given = {(role.who, role.name, role.scope) for role in snapshot.roles}
        for who, name, scope in sorted(given - expected_roles(snapshot), key=str):
            yield f"{snapshot.name}: {name} for the {who} on {scope} is one role too many"
        for who, name, scope in sorted(expected_roles(snapshot) - given, key=str):
            yield f"{snapshot.name}: {name} for the {who} on {scope} is missing"


def check_kusto_roles_are_exactly_these(snapshots):
    """The program may ingest into the one database that was asked for, see its schema and, where asked, make tables; nothing on a cluster."""
    for snapshot in snapshots:
        asked = re.search(r"^param kustoDatabaseResourceId = '(.+)'$", snapshot.source, re.MULTILINE)
        roles = {"Ingestor", "Viewer"} | ({"User"} if snapshot.asks("kustoCreateTables", "true") else set())
        wanted = {(asked.group(1), role) for role in roles} if asked else set()
        given = set()
        identity = snapshot.one("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
        for each in [each for each in snapshot.resources if each["type"].startswith("Microsoft.Kusto/")]:
            scope, kind, _ = each["id"].rpartition("/principalAssignments/")
            if not kind:
                yield f"{snapshot.name}: makes {each['id']}; the database is there already"
                continue
            properties = each["properties"]
            given.add((scope, properties["role"]))
            yield from wrong(f"{snapshot.name}: {properties['role']}", properties, {"principalType": "App"})
            for name, end in (("principalId", ".clientId]"), ("tenantId", ".tenantId]")):
                if f"reference('{identity}'" not in properties[name] or not properties[name].endswith(end):
                    yield f"{snapshot.name}: {properties['role']} is given to {properties[name]} by {name}, not to {identity}"
        for scope, role in sorted(given - wanted):
            yield f"{snapshot.name}: {role} on {scope} is one role too many"
        for scope, role in sorted(wanted - given):
            yield f"{snapshot.name}: {role} on {scope} is missing"


def check_blobs_are_deleted_on_the_two_accounts_alone(snapshots):
    for snapshot in snapshots:
        accounts = (snapshot.account("export")["id"], snapshot.account("host")["id"])
        for role in snapshot.roles:
            may_delete = role.name in ("Storage Blob Data Contributor", "Storage Blob Data Owner")
            inside = role.scope in accounts or role.scope.startswith(tuple(f"{account}/" for account in accounts))
            if may_delete and not inside:
                yield f"{snapshot.name}: {role.name} on {role.scope} may delete blobs elsewhere"
            if role.who == "topic" and role.scope in accounts:
                yield f"{snapshot.name}: the topic has {role.name} on a whole account"
