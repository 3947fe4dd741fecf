"""Checks of the templates as text, of the compiled template, and of the files for the portal and for azd."""

import difflib
import json
import re
from concurrent.futures import ThreadPoolExecutor

from bicep import INFRA, ROOT, WORK

AZUREDEPLOY = INFRA / "azuredeploy.json"
UI = INFRA / "createUiDefinition.json"
SECRETS = ("axiomToken", "eventHubConnectionString")


def format_findings(compiler):
    """The formatter leaves every file as it is."""
    files = sorted([*WORK.rglob("*.bicep"), *WORK.rglob("*.bicepparam")])
    before = {file: file.read_text() for file in files}
    for pattern in ("./**/*.bicep", "./**/*.bicepparam"):
        _, findings = compiler.run("format", "--pattern", pattern)
        yield from findings
    for file, text in before.items():
        if file.read_text() != text:
            yield f"infra/{file.relative_to(WORK)} is not formatted: run `bicep format` on it"
            file.write_text(text)


def parameters_findings(compiler):
    """Every parameters file compiles without a word."""
    with ThreadPoolExecutor() as pool:
        for _, findings in pool.map(lambda file: compiler.run("build-params", "--no-restore", "--stdout", str(file)), compiler.parameters_files):
            yield from findings


def without_generator(value):
    """The template without the compiler's version and hashes, so that a newer compiler alone makes nothing stale."""
    if isinstance(value, dict):
        return {key: without_generator(each) for key, each in value.items() if key != "_generator"}
    if isinstance(value, list):
        return [without_generator(each) for each in value]
    return value


def bless(compiled):
    """Renews azuredeploy.json."""
    AZUREDEPLOY.write_text(json.dumps(compiled["main"], indent=2) + "\n")


def snapshot_findings(golden, text, findings):
    """A parameters file deploys what its golden file says."""
    yield from findings
    if not golden.is_file():
        yield f"{golden.relative_to(ROOT)} is missing: review the deployment, then `infra/check.sh --bless`"
        return
    kept = golden.read_text()
    if kept != text:
        yield "the deployment changed; review, then `infra/check.sh --bless`:"
        difference = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", lineterm="", n=2)
        yield from list(difference)[:40]


def check_modules_are_used(_compiled):
    entries = "".join(file.read_text() for file in INFRA.glob("*.bicep"))
    everything = entries + "".join(file.read_text() for file in INFRA.glob("modules/*.bicep"))
    for module in sorted(INFRA.glob("modules/*.bicep")):
        if f"'modules/{module.name}'" not in entries and f"'{module.name}'" not in everything:
            yield f"infra/modules/{module.name} is used nowhere, so nothing compiles it"


def check_exceptions_have_reasons(_compiled):
    for file in [*sorted(INFRA.glob("*.bicep")), *sorted(INFRA.glob("modules/*.bicep"))]:
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            if "#disable" in line and not lines[number - 1].strip().startswith("//"):
                yield f"{file.relative_to(ROOT)}:{number + 1} disables a rule without the reason above it"


def check_azuredeploy_is_fresh(compiled):
    kept = json.loads(AZUREDEPLOY.read_text())
    if without_generator(kept) != without_generator(compiled["main"]):
        yield "infra/azuredeploy.json is not what main.bicep compiles to: run `infra/check.sh --bless`"


def check_parameters_are_described(compiled):
    for template in compiled.values():
        for name, parameter in template["parameters"].items():
            description = parameter.get("metadata", {}).get("description", "")
            word = "Optional." if "defaultValue" in parameter else "Required."
            if not description.startswith(f"{word} "):
                yield f"parameter {name}: its description does not begin with `{word}`"


def check_outputs_hold_no_secret(compiled):
    for template in compiled.values():
        for name, output in template.get("outputs", {}).items():
            if output["type"].lower().startswith("secure") or any(secret in json.dumps(output) for secret in SECRETS):
                yield f"output {name} gives away a secret"


def check_form_outputs_equal_parameters(compiled):
    outputs = set(json.loads(UI.read_text())["parameters"]["outputs"])
    parameters = set(compiled["main"]["parameters"])
    for name in sorted(parameters - outputs):
        yield f"createUiDefinition.json has no output for the parameter {name}"
    for name in sorted(outputs - parameters):
        yield f"createUiDefinition.json has the output {name}, which is no parameter"


def form_elements(form):
    """Every element of the form by the expression that reads it."""
    for element in form["basics"]:
        yield f"basics('{element['name']}')", element
    for step in form["steps"]:
        for element in step["elements"]:
            yield f"steps('{step['name']}').{element['name']}", element
            for inner in element.get("elements", []):
                yield f"steps('{step['name']}').{element['name']}.{inner['name']}", inner


def check_form_expressions_resolve(_compiled):
    form = json.loads(UI.read_text())["parameters"]
    known = [expression for expression, _ in form_elements(form)]
    used = set(re.findall(r"(?:basics\('\w+'\)|steps\('\w+'\)(?:\.\w+)+)", json.dumps(form)))
    for expression in sorted(used):
        if not any(expression == each or expression.startswith(f"{each}.") for each in known):
            yield f"createUiDefinition.json reads {expression}, which is no element of it"
    for expression in known:
        if not any(each == expression or each.startswith(f"{expression}.") for each in used):
            if dict(form_elements(form))[expression]["type"] not in ("Microsoft.Common.InfoBox", "Microsoft.Common.Section"):
                yield f"createUiDefinition.json has the element {expression}, and nothing reads it"


def check_form_agrees_with_parameters(compiled):
    """What a drop-down offers is allowed, its first choice is the template's default, texts start with the template's default."""
    form = json.loads(UI.read_text())["parameters"]
    elements = dict(form_elements(form))
    for name, output in form["outputs"].items():
        reads = re.fullmatch(r"\[(?:int\(|parse\()?((?:basics|steps)\([^)]*\)(?:\.\w+)*)\)?\]", str(output))
        element = elements.get(reads.group(1)) if reads else None
        parameter = compiled["main"]["parameters"].get(name)
        if element is None or parameter is None:
            continue
        default = parameter.get("defaultValue")
        choices = [each["value"] for each in element.get("constraints", {}).get("allowedValues", []) if isinstance(each, dict)]
        allowed = [str(each) for each in parameter.get("allowedValues", [])]
        if allowed and sorted(str(each) for each in choices) != sorted(allowed):
            yield f"{name}: the form offers {choices}, the template allows {allowed}"
        labels = {each["label"]: each["value"] for each in element.get("constraints", {}).get("allowedValues", []) if isinstance(each, dict)}
        if labels and labels.get(element["defaultValue"]) != str(default):
            yield f"{name}: the form starts with {element['defaultValue']!r}, the template with {default!r}"
        if element["type"] == "Microsoft.Common.CheckBox" and element["defaultValue"] != default:
            yield f"{name}: the form starts with {element['defaultValue']!r}, the template with {default!r}"
        if element["type"] == "Microsoft.Common.TextBox" and isinstance(default, (dict, list)) and json.loads(element["defaultValue"]) != default:
            yield f"{name}: the form starts with {element['defaultValue']}, the template with {json.dumps(default)}"
        if element["type"] == "Microsoft.Common.TextBox" and isinstance(default, (str, int)):
            if str(element.get("defaultValue", "")) != str(default):
                yield f"{name}: the form starts with {element.get('defaultValue')!r}, the template with {default!r}"


def check_release_is_this_version(compiled):
    version = re.search(r'^version = "([^"]+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    package = compiled["main"]["parameters"]["packageUri"]["defaultValue"]
    image = compiled["main"]["parameters"]["containerImage"]["defaultValue"]
    if f"/v{version}/" not in package:
        yield f"packageUri is {package}, but Cargo.toml says version {version}"
    if not image.endswith(f":{version}"):
        yield f"containerImage is {image}, but Cargo.toml says version {version}"


def check_azd_project(_compiled):
    text = (ROOT / "azure.yaml").read_text()
    wanted = {
        "path: infra": "azd would not find infra/",
        "host: function": "azd would not know the kind of app",
        "language: custom": "azd would look for a language of its own",
        "dist: target/app": "azd would not package the folder that `cargo package-app` makes",
        "prepackage:": "azd would package without building",
        "run: cargo package-app": "azd would package without building",
    }
    for line, why in wanted.items():
        if line not in text:
            yield f"azure.yaml lacks `{line}`: {why}"
    service = re.search(r"^services:\n  (\S+):", text, re.MULTILINE)
    tag = (INFRA / "modules" / "function-app.bicep").read_text()
    if not service or f"'azd-service-name': '{service.group(1)}'" not in tag:
        yield "the service of azure.yaml and the tag azd-service-name of the app differ"
    alias = (ROOT / ".cargo" / "config.toml").read_text()
    if not re.search(r"^package-app = ", alias, re.MULTILINE):
        yield "azure.yaml runs `cargo package-app`, and .cargo/config.toml has no such alias"


def check_deploy_button(_compiled):
    repository = re.search(r'^repository = "https://github.com/([^"]+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    raw = f"https%3A%2F%2Fraw.githubusercontent.com%2F{repository.group(1).replace('/', '%2F')}%2Fmain%2Finfra%2F"
    link = f"https://portal.azure.com/#create/Microsoft.Template/uri/{raw}azuredeploy.json/createUIDefinitionUri/{raw}createUiDefinition.json"
    for file in ("README.md", "docs/deploy.md"):
        if f"[![Deploy to Azure](https://aka.ms/deploytoazurebutton)]({link})" not in (ROOT / file).read_text():
            yield f"{file} has no button: [![Deploy to Azure](https://aka.ms/deploytoazurebutton)]({link})"
