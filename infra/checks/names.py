"""Checks that the templates and the rest of the repository call things by the same names."""

import json
import re

from bicep import INFRA, ROOT

# What a connection may be made of, after the two underscores (Functions' rule for identity-based connections).
CONNECTION_PARTS = {"blobServiceUri", "clientId", "credential", "fullyQualifiedNamespace", "queueServiceUri", "tableServiceUri"}
# Read by the platform or the host, never by the program.
PLATFORM_SETTINGS = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    *(f"AzureFunctionsJobHost__functions__{number}" for number in range(5)),
    "EVENT_HUB",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID",
}
# Parameters of main.bicep that carry one setting each.
PARAMETER_SETTINGS = {
    "afterDelivery": "AFTER_DELIVERY",
    "axiomDatasetPrefix": "AXIOM_DATASET_PREFIX",
    "axiomEdge": "AXIOM_EDGE",
    "axiomOrgId": "AXIOM_ORG_ID",
    "axiomToken": "AXIOM_TOKEN",
    "axiomUrl": "AXIOM_URL",
    "historyAccountName": "HISTORY_STORAGE",
    "pulls": "PULLS",
}
THEN = "then run `infra/check.sh --bless` and review the difference"
# Made by the template, not chosen by anybody.
WIRED_SETTINGS = {
    "AzureWebJobsStorage",
    "EXPORT_STORAGE",
    "LOG_ANALYTICS_CLIENT_ID",
    "LOG_ANALYTICS_RESOURCE_ID",
    "LOG_ANALYTICS_WORKSPACE",
    "PULLS_CLIENT_ID",
    "RESOURCE_GRAPH_CLIENT_ID",
}


def settings_table():
    """The settings table of the program: name -> (required, default)."""
    files = [ROOT / "src" / "settings.rs", *sorted((ROOT / "src" / "settings").glob("*.rs"))]
    text = "".join(file.read_text() for file in files if file.is_file())
    entry = r'\b(required|optional|default)\(\s*"([A-Za-z_]+)",\s*"([^"]*)"'
    table = {name: (kind == "required", value if kind == "default" else None) for kind, name, value in re.findall(entry, text)}
    for name, value in re.findall(r'\bname: "([A-Za-z_]+)",\s*default: (?:Some\("([^"]*)"\)|None)', text):
        table[name] = (False, value or None)
    if len(table) < 20:
        raise LookupError(f"the settings table of the program was not found in src/settings: {sorted(table)}")
    return table


def base(name):
    """`EXPORT_STORAGE__clientId` is a part of the setting `EXPORT_STORAGE`."""
    setting, _, part = name.partition("__")
    return setting if part in CONNECTION_PARTS or not part else name


def check_app_settings_are_known(snapshots):
    known = set(settings_table())
    for snapshot in snapshots:
        for name in snapshot.settings():
            if base(name) not in known | PLATFORM_SETTINGS:
                yield f"{snapshot.name}: the app setting {name} is not in the settings table"


def check_settings_can_be_set(snapshots):
    """Every setting of the table reaches the program from some parameters file, so from the template."""
    given = {base(name) for snapshot in snapshots for name in snapshot.settings()}
    for name in sorted(set(settings_table()) - given):
        yield f"nothing shows that the template can set {name}: set it under `param settings` of infra/checks/cases/container.bicepparam, {THEN}"


def check_setting_parameters_are_the_table(_snapshots):
    text = (INFRA / "main.bicep").read_text()
    settings_type = text[text.index("type settingsType = {") :]
    typed = set(re.findall(r"^  ([A-Z_]+): ", settings_type, re.MULTILINE))
    parameters = set(re.findall(r"^param (\w+) ", text, re.MULTILINE))
    for parameter in sorted(set(PARAMETER_SETTINGS) - parameters):
        yield f"main.bicep has no parameter {parameter}"
    covered = typed | set(PARAMETER_SETTINGS.values()) | WIRED_SETTINGS
    table = set(settings_table())
    for name in sorted(table - covered):
        yield f"main.bicep offers no way to set {name}: add `{name}: string?` (`int?` for a number) under an @description to settingsType in infra/main.bicep, {THEN}"
    for name in sorted(covered - table):
        yield f"main.bicep offers {name}, which is not in the settings table: take it out of settingsType in infra/main.bicep, {THEN}"
    for name in sorted(typed & set(PARAMETER_SETTINGS.values())):
        yield f"main.bicep has two ways to set {name}"


def check_setting_defaults(snapshots):
    """Where the template says a value aloud that nobody chose, it is the program's own default."""
    (small,) = [each for each in snapshots if each.name == "small"]
    table = settings_table()
    for name, value in small.settings().items():
        # What depends on the cloud falls back on it.
        if name in table and table[name][1] is not None and value != table[name][1] and not value.endswith(f", '{table[name][1]}')]"):
            yield f"small: {name} is {value!r}, and the default of the program is {table[name][1]!r}"


def check_example_settings(_snapshots):
    values = json.loads((ROOT / "local.settings.json.example").read_text())["Values"]
    table = settings_table()
    for name in values:
        if base(name) not in set(table) | PLATFORM_SETTINGS:
            yield f"local.settings.json.example has {name}, which is not in the settings table"
    for name, (required, _) in table.items():
        if required and name not in {base(each) for each in values}:
            yield f"local.settings.json.example lacks {name}, without which the program does not start"
    for folder, binding in bindings().items():
        for name in sorted(set(re.findall(r"%(\w+)%", json.dumps(binding))) - set(values)):
            yield f"local.settings.json.example lacks {name}, without which the host does not take {folder}"


def check_readme_settings(_snapshots):
    text = (ROOT / "README.md").read_text()
    table = settings_table()
    for name, (required, _) in table.items():
        if required and f"`{name}`" not in text:
            yield f"README.md does not name {name}, without which the program does not start"
    marked = re.search(r"<!-- settings -->(.*?)<!-- /settings -->", text, re.DOTALL)
    if not marked:
        if "src/settings/table.rs" not in text:
            yield "README.md has no table between <!-- settings --> and <!-- /settings -->, and does not lead to src/settings/table.rs"
        return
    rows = [line for line in marked.group(1).splitlines() if re.match(r"\| *`[A-Z]", line)]
    named = {name for row in rows for name in re.findall(r"`([A-Z][A-Za-z_]*)`", row.split("|")[1])}
    for name in sorted(set(table) - named):
        yield f"the settings table of README.md lacks {name}"
    for name in sorted(named - set(table)):
        yield f"the settings table of README.md has {name}, which the program does not know"


def bindings():
    """The trigger of each function by its folder."""
    found = {}
    for file in sorted(ROOT.glob("function-*/function.json")):
        every = json.loads(file.read_text())["bindings"]
        (binding,) = [binding for binding in every if binding["type"].endswith("Trigger")]
        found[file.parent.name] = binding
    if not found:
        raise LookupError("no function-*/function.json")
    return found


def template_variable(name):
    """A literal variable of main.bicep."""
    return re.search(rf"^var {name} = '([^']+)'$", (INFRA / "main.bicep").read_text(), re.MULTILINE).group(1)


def check_functions_exist(_snapshots):
    for variable, kind in (("queueFunctionName", "queueTrigger"), ("sweepFunctionName", "timerTrigger")):
        folder = template_variable(variable)
        binding = bindings().get(folder)
        if binding is None or binding["type"] != kind:
            yield f"main.bicep names the function {folder}, and there is no {kind} in such a folder"


def check_functions_are_known_to_the_program(_snapshots):
    text = (ROOT / "src" / "wake" / "mod.rs").read_text()
    known = set(re.findall(r'^pub const \w+: &str = "(function-[\w-]+)";$', text, re.MULTILINE))
    for name in sorted(known ^ set(bindings())):
        yield f"{name} is a folder that src/wake/mod.rs does not know, or the other way round"


def check_queue_triggers_read_queues_that_are_made(snapshots):
    for folder, binding in bindings().items():
        if binding["type"] != "queueTrigger":
            continue
        if binding["connection"] != "AzureWebJobsStorage":
            yield f"{folder} reads by the connection {binding['connection']}, the queues are in AzureWebJobsStorage"
        for snapshot in snapshots:
            queue = snapshot.settings().get(binding["queueName"].strip("%"))
            if snapshot.under_functions and queue not in snapshot.names("Microsoft.Storage/storageAccounts/queueServices/queues"):
                yield f"{snapshot.name}: {folder} reads the queue {binding['queueName']}, which is {queue}, and nobody makes it"


def check_trigger_reads_the_queue_of_the_events(snapshots):
    binding = bindings()[template_variable("queueFunctionName")]
    if binding["queueName"] != "%WORK_QUEUE%":
        yield f"function.json reads the queue {binding['queueName']}, events go to %WORK_QUEUE%"
    for snapshot in snapshots:
        queue = snapshot.settings()["WORK_QUEUE"]
        for subscription in snapshot.of("Microsoft.EventGrid/systemTopics/eventSubscriptions"):
            target = subscription["properties"]["deliveryWithResourceIdentity"]["destination"]["properties"]["queueName"]
            if target != queue:
                yield f"{snapshot.name}: events go to {target}, the trigger reads {queue}"


def check_function_variables_are_set(snapshots):
    for folder, binding in bindings().items():
        for variable in re.findall(r"%(\w+)%", json.dumps(binding)):
            for snapshot in snapshots:
                if snapshot.under_functions and variable not in snapshot.settings():
                    yield f"{snapshot.name}: {folder} needs %{variable}%, and no such app setting is given"


def check_container_prefix(_snapshots):
    """Where the program lists containers and where it parses their names, it means the prefix of the template."""
    wanted = template_variable("exportContainerPrefix")
    for file in ("src/wake/export_blob.rs", "src/source/sweep.rs"):
        code = (ROOT / file).read_text().split("#[cfg(test)]")[0]
        meant = set(re.findall(r'(?:strip_prefix|containers)\("([^"]*-)"\)', code))
        if meant != {wanted}:
            yield f"{file} means containers {sorted(meant)}, the template {wanted}"


def check_executable(_snapshots):
    host = json.loads((ROOT / "host.json").read_text())
    path = host["customHandler"]["description"]["defaultExecutablePath"]
    package = re.search(r'^\[package\]\nname = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    if path != package:
        yield f"host.json starts {path}, and the binary is {package}"
    if "/" in path:
        yield f"host.json starts {path}; only a bare name keeps its executable bit in Core Tools"


def seconds(time):
    """`00:30:00` in seconds."""
    hours, minutes, rest = (int(each) for each in time.split(":"))
    return hours * 3600 + minutes * 60 + rest


def check_visits_end_before_the_host_ends_them(_snapshots):
    host = json.loads((ROOT / "host.json").read_text())
    deadline = int(settings_table()["VISIT_DEADLINE"][1])
    limit = seconds(host["functionTimeout"])
    if deadline + 60 > limit:
        yield f"VISIT_DEADLINE is {deadline} s, functionTimeout {limit} s: less than a minute to commit"


def check_host_keeps_the_lines_that_alerts_read(_snapshots):
    host = json.loads((ROOT / "host.json").read_text())["logging"]
    levels = host.get("logLevel", {})
    order = ["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"]
    for category, least in (("Function", "Information"), ("Host.Function.Console", "Information"), ("Host.Results", "Error")):
        level = levels.get(category, levels.get("default", "Information"))
        if order.index(level) > order.index(least):
            yield f"host.json logs {category} from {level} on; alerts read its lines of {least}"


def check_report_fields(_snapshots):
    """The alerts read fields of the report of a visit, and find them at the top of the JSON line."""
    files = [ROOT / "src" / "report.rs", *sorted((ROOT / "src" / "report").glob("*.rs"))]
    text = "".join(file.read_text() for file in files if file.is_file())
    read = set(re.findall(r"\breport\.(\w+)", (INFRA / "modules" / "alerts.bicep").read_text())) - {"level"}
    for field in sorted(read):
        if not re.search(rf"^\s*{field} = self\.{field},$", text, re.MULTILINE):
            yield f"src/report.rs writes no field `{field}`, which an alert reads"
    if "flatten_event(true)" not in (ROOT / "src" / "log.rs").read_text():
        yield "src/log.rs does not put the fields at the top of the line, where alerts read them"
