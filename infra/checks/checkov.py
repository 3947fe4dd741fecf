"""checkov (PyPI), on what each parameters file would deploy: its own parser of Bicep silently leaves out what it does not know."""

import json
import re
import shutil
import subprocess
import sys
import venv

from bicep import INFRA, ROOT

REQUIREMENTS = INFRA / "checks" / "requirements.txt"
SKIPS = INFRA / "checks" / "checkov-skips.txt"
ENVIRONMENT = ROOT / "target" / "ci-tools" / "checkov"
INPUT = ROOT / "target" / "infra-check" / "checkov"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def install():
    """The pinned checkov in an environment of its own."""
    program = ENVIRONMENT / "bin" / "checkov"
    stamp = ENVIRONMENT / "installed.txt"
    if not (program.is_file() and stamp.is_file() and stamp.read_text() == REQUIREMENTS.read_text()):
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(REQUIREMENTS)]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        shutil.copyfile(REQUIREMENTS, stamp)
    return program


def skips():
    """Skipped checks with their reasons; one a line, `CKV_AZURE_1  reason`."""
    found = {}
    for number, line in enumerate(SKIPS.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(CKV\w+)\s+(\S.{20,})", line)
        if not match:
            raise ValueError(f"{SKIPS.name}:{number}: a skip is an id and a reason: {line}")
        found[match.group(1)] = match.group(2)
    return found


def findings(snapshots):
    """One line for everything that fails and is not skipped, and for every skip that skips nothing."""
    shutil.rmtree(INPUT, ignore_errors=True)
    INPUT.mkdir(parents=True)
    for snapshot in snapshots:
        resources = [{key: value for key, value in each.items() if key != "id"} for each in snapshot.resources]
        parameters = {each: {"type": "securestring"} for each in ("axiomToken", "eventHubConnectionString")}
        template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": resources}
        (INPUT / f"{snapshot.name}.json").write_text(json.dumps(template, indent=2))
    command = [str(install()), "--directory", str(INPUT), "--framework", "arm", "--output", "json", "--compact", "--skip-download"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        yield from (done.stdout + done.stderr).splitlines()[-20:]
        return
    if report["summary"]["parsing_errors"]:
        yield f"checkov could not read {report['results']['parsing_errors']}"
    wanted = sum(len(snapshot.resources) for snapshot in snapshots)
    if report["summary"]["resource_count"] < wanted // 2 or not report["summary"]["passed"]:
        yield f"checkov saw {report['summary']['resource_count']} of {wanted} resources"
    failed = {}
    for each in report["results"]["failed_checks"]:
        place = f"{each['file_path'].strip('/')}: {each['resource']}"
        failed.setdefault(each["check_id"], (each["check_name"], []))[1].append(place)
    reasons = skips()
    for check, (title, places) in sorted(failed.items()):
        if check not in reasons:
            yield f"{check} {title}: {places[0]} and {len(places) - 1} more"
    for check in sorted(set(reasons) - set(failed)):
        yield f"{SKIPS.name} skips {check}, which fails nowhere: remove the line"
