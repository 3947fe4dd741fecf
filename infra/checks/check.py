"""Checks of infra/, of what it would deploy, and of its agreement with the rest of the repository.

    infra/check.sh            all checks
    infra/check.sh --bless    renew azuredeploy.json, the snapshots and the picture first; review the difference
    infra/check.sh NAME       only the checks whose name contains NAME
    infra/check.sh --mutations    break things on purpose, one by one, in a copy, and see the named check fail
"""

import json
import sys

import bicep
import checkov
import mutations
import names
import picture
import posture
import templates
import wiring
from report import Report, named_checks
from snapshot import Snapshot


def main(arguments):
    bless = "--bless" in arguments
    only = next((each for each in arguments if not each.startswith("-")), None)
    if "--mutations" in arguments:
        return mutations.main(only)
    files = next((each.removeprefix("--parameters=").split(",") for each in arguments if each.startswith("--parameters=")), None)
    report = Report(only)

    found = bicep.find()
    if found is None:
        print("NO BICEP COMPILER: looked for `bicep` on PATH, ../shared/tools/bicep and `az bicep`.")
        print("Nothing about the templates can be said without it. Install it: https://aka.ms/bicep-install")
        report.only = None
        report.run("compiler-found", lambda: ["no Bicep compiler: format, build, snapshots and all that follows did not run"])
        return report.finish()
    command, origin = found
    print(f"Bicep compiler: {origin}")

    compiler = bicep.Bicep(command)
    report.run("format", templates.format_findings, compiler)
    report.run("parameters-files", templates.parameters_findings, compiler)
    if report.wants("build-and-lint", *named_checks(templates)):
        compiled, findings = compiler.build()
        report.run("build-and-lint", lambda: findings)
        if compiled is None:
            report.only = None
            report.run("compiled", lambda: ["main.bicep does not compile; nothing further can be said"])
            return report.finish()
        if bless:
            templates.bless(compiled)
        report.run_all(templates, compiled)

    snapshots = []
    for parameters_file in compiler.parameters_files:
        name = parameters_file.stem
        if files and name not in files:
            continue
        document, findings = compiler.snapshot(parameters_file)
        golden = bicep.INFRA / "snapshots" / f"{name}.json"
        if document is None:
            report.only = None
            report.run(f"snapshot-{name}", lambda findings=findings: findings)
            continue
        text = json.dumps(document, indent=2) + "\n"
        if bless:
            golden.write_text(text)
        report.run(f"snapshot-{name}", templates.snapshot_findings, golden, text, findings)
        snapshots.append(Snapshot(name, parameters_file.read_text(), document))

    report.run_all(posture, snapshots)
    report.run_all(wiring, snapshots)
    report.run_all(names, snapshots)
    if bless:
        picture.bless(snapshots)
    report.run("picture-is-fresh", picture.findings, snapshots)
    report.run("checkov", checkov.findings, snapshots)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
