"""The Bicep compiler: where it is found, and what is asked of it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
WORK = ROOT / "target" / "infra-check" / "infra"

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "rg-sentinel-axiom"
MANAGEMENT_GROUP = "mg-platform"
LOCATION = "westeurope"

# What the parameters files read. Fixed, so that a snapshot depends on the templates alone.
ENVIRONMENT = {
    "ALERT_EMAILS": "security-operations@example.com",
    "AXIOM_TOKEN": "xaat-not-a-token",
    "AZURE_ENV_NAME": "production",
    "AZURE_LOCATION": LOCATION,
    "DEFENDER_PRINCIPAL_ID": "00000000-0000-0000-0000-00000000defe",
    "EVENT_HUB_CONNECTION_STRING": "not-a-connection-string",
    "EVENT_HUB_RESOURCE_ID": "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/rg-hubs"
    "/providers/Microsoft.EventHub/namespaces/evhns-security/eventhubs/defender-for-cloud",
    "EXPORT_TABLES": "AuditLogs,SigninLogs",
    "WORKSPACE_RESOURCE_ID": "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/rg-sentinel"
    "/providers/Microsoft.OperationalInsights/workspaces/law-sentinel",
}


def find():
    """The command line of the compiler and where it comes from, or `None`."""
    on_path = shutil.which("bicep")
    if on_path:
        return [on_path], f"bicep on PATH ({on_path})"
    beside = ROOT.parent / "shared" / "tools" / "bicep" / "bicep"
    if beside.is_file():
        return [str(beside)], "../shared/tools/bicep"
    # `az bicep` is a wrapper with other arguments around a compiler that it keeps here; the compiler itself is what we need.
    kept = Path(os.environ.get("AZURE_CONFIG_DIR", Path.home() / ".azure")) / "bin" / "bicep"
    if shutil.which("az") and not kept.is_file():
        subprocess.run(["az", "bicep", "install"], capture_output=True)
    if kept.is_file():
        return [str(kept)], f"az bicep ({kept})"
    return None


def parameters_files(infra):
    """The parameters files below a folder, which is infra/ or a copy of it."""
    return sorted(file for pattern in ("*", "examples/*", "checks/cases/*") for file in infra.glob(f"{pattern}.bicepparam"))


def template(parameters_file):
    """The name of the template that a parameters file is for: `main`, `defender-export` or `defender-at-scale`."""
    return re.search(r"^using '(?:\.\./)*([\w-]+)\.bicep'$", parameters_file.read_text(), re.MULTILINE).group(1)


class Bicep:
    """The compiler at work on a copy of infra/, so that it never writes into the repository."""

    def __init__(self, command):
        self.command = command
        shutil.rmtree(WORK.parent, ignore_errors=True)
        shutil.copytree(INFRA, WORK, ignore=shutil.ignore_patterns("snapshots", "__pycache__"))
        # Parameters files load what stands there.
        shutil.copytree(ROOT / "pulls", WORK.parent / "pulls")
        self.parameters_files = parameters_files(WORK)

    def run(self, *arguments):
        """Runs the compiler; gives its exit status, standard output and the lines of standard error."""
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=WORK,
            env={"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", **os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
        )
        findings = [line.replace(f"{WORK}/", "infra/") for line in done.stderr.splitlines() if line.strip()]
        if done.returncode != 0 and not findings:
            findings = [f"exit status {done.returncode} without a word"]
        return done.stdout, findings

    def build(self):
        """The compiled templates by name, and the findings; no template where one does not compile."""
        compiled, findings = {}, []
        for file in sorted(WORK.glob("*.bicep")):
            text, found = self.run("build", "--no-restore", "--stdout", file.name)
            findings += found
            compiled[file.stem] = json.loads(text) if text.strip() else None
        return (compiled if all(compiled.values()) else None), findings

    def snapshot(self, parameters_file):
        """What a parameters file would deploy, and the findings."""
        group = ["--subscription-id", SUBSCRIPTION, "--resource-group", RESOURCE_GROUP]
        target = ["--management-group-id", MANAGEMENT_GROUP] if template(parameters_file) == "defender-at-scale" else group
        _, findings = self.run("snapshot", str(parameters_file), *target, "--location", LOCATION)
        made = parameters_file.with_suffix(".snapshot.json")
        if findings or not made.is_file():
            return None, findings or [f"no snapshot of {parameters_file.name}"]
        snapshot = json.loads(made.read_text())
        # The compiler writes the outputs in another order each time.
        snapshot["outputs"] = dict(sorted(snapshot["outputs"].items()))
        return snapshot, [f"{parameters_file.name}: {json.dumps(each)}" for each in snapshot["diagnostics"]]
