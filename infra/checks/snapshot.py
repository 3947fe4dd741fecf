"""A snapshot as the checks see it: resources by type, resources by id, the app and its settings, the roles."""

import re

from bicep import ENVIRONMENT

# Azure built-in roles, from Microsoft's list "Azure built-in roles". Written out a second time on purpose: a slip in the template cannot repeat itself here.
ROLE_NAMES = {
    "a638d3c7-ab3a-418d-83e6-5f17a39d4fde": "Azure Event Hubs Data Receiver",
    "2b629674-e913-4c01-ae53-ef4638d8f975": "Azure Event Hubs Data Sender",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
}

EVENT_HUB = "Microsoft.EventHub/namespaces/eventhubs"
PROVIDER = re.compile(r"^(.*)/providers/Microsoft\.Authorization/roleAssignments/[^/]+$")


class Role:
    """Who (`program`, `topic`, `defender` or `policy`) may do what (the name of a role) on which resource (its id)."""

    def __init__(self, assignment):
        properties = assignment["properties"]
        self.id = assignment["id"]
        self.scope = PROVIDER.match(self.id).group(1)
        self.guid = properties["roleDefinitionId"].rsplit("/", 1)[1]
        self.name = ROLE_NAMES.get(self.guid)
        self.principal_type = properties.get("principalType")
        principal = properties["principalId"]
        identity = "Microsoft.ManagedIdentity/userAssignedIdentities/" in principal
        topic = "Microsoft.EventGrid/systemTopics" in principal
        policy = "Microsoft.Authorization/policyAssignments" in principal
        defender = principal == ENVIRONMENT["DEFENDER_PRINCIPAL_ID"]
        self.who = "program" if identity else "topic" if topic else "policy" if policy else "defender" if defender else principal


class Snapshot:
    """What one parameters file would deploy."""

    def __init__(self, name, template, source, document):
        self.name = name
        # The name of the template: `main`, or another.
        self.template = template
        # The text of the parameters file: what was asked for.
        self.source = source
        self.resources = document["predictedResources"]
        self.outputs = document.get("outputs", {})
        self.by_id = {each["id"]: each for each in self.resources}
        self.roles = [Role(each) for each in self.of("Microsoft.Authorization/roleAssignments")]

    def of(self, kind):
        """Resources of a type."""
        return [each for each in self.resources if each["type"].lower() == kind.lower()]

    def one(self, kind):
        """The only resource of a type."""
        found = self.of(kind)
        if len(found) != 1:
            raise LookupError(f"{self.name} has {len(found)} resources of type {kind}, not one")
        return found[0]

    def asks(self, parameter, value):
        """Whether the parameters file sets a parameter to this literal."""
        return re.search(rf"^param {parameter} = {re.escape(value)}$", self.source, re.MULTILINE) is not None

    @property
    def hosting(self):
        """`flex`, `premium` or `container`, as the parameters file asks."""
        asked = re.search(r"^param hosting = '(\w+)'$", self.source, re.MULTILINE)
        return asked.group(1) if asked else "flex"

    @property
    def under_functions(self):
        return self.hosting != "container"

    @property
    def workspace(self):
        """The id of the workspace that is exported: it exists before, and outside."""
        return self.one("Microsoft.OperationalInsights/workspaces/dataExports")["id"].rsplit("/dataExports/", 1)[0]

    @property
    def private(self):
        return self.asks("privateNetwork", "true")

    @property
    def event_hub(self):
        """The id of the event hub that the app reads, made here or existing, or `None`."""
        existing = re.search(r"^param eventHubResourceId = '(.+)'$", self.source, re.MULTILINE)
        if existing:
            return existing.group(1)
        return self.one(EVENT_HUB)["id"] if self.asks("defenderExport", "'eventHub'") else None

    def account(self, beginning):
        """The storage account whose name begins so: `export` or `host`."""
        found = [each for each in self.of("Microsoft.Storage/storageAccounts") if each["name"].startswith(beginning)]
        if len(found) != 1:
            raise LookupError(f"{self.name} has {len(found)} accounts {beginning}*, not one")
        return found[0]

    def settings(self):
        """The environment of the program, by name."""
        if self.under_functions:
            found = [each for each in self.of("Microsoft.Web/sites/config") if each["name"].endswith("/appsettings")]
            return found[0]["properties"]
        containers = self.one("Microsoft.App/containerApps")["properties"]["template"]["containers"]
        return {each["name"]: each.get("value", each.get("secretRef")) for each in containers[0]["env"]}

    def names(self, kind):
        """Last parts of the names of the resources of a type."""
        return {each["name"].rsplit("/", 1)[1] for each in self.of(kind)}
