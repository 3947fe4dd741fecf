"""Checks of infra/, of what it would deploy, and of its agreement with the rest of the repository.

    infra/check.sh            all checks
    infra/check.sh --bless    renew azuredeploy.json, the snapshots and the picture first; review the difference
    infra/check.sh NAME       only the checks whose name contains NAME
    infra/check.sh --mutations    break things on purpose, one by one, in a copy, and see the named check fail
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import bicep
import checkov
import costs
import defender
import messages
import mutations
import names
import picture
import posture
import seal
import templates
import wiring
from report import Report, named_checks
from snapshot import Snapshot

GOLDEN = bicep.INFRA / "snapshots"


def main(arguments):
    bless = "--bless" in arguments
    only = next((each for each in arguments if not each.startswith("-")), None)
    if "--mutations" in arguments:
        return mutations.main(only)
    files = next((each.removeprefix("--parameters=").split(",") for each in arguments if each.startswith("--parameters=")), None)
    report = Report(only)

    found = bicep.find()
    if found:
        command, origin = found
        print(f"Bicep compiler: {origin}")
        snapshots = compile_all(bicep.Bicep(command), report, files, bless)
    else:
        print("NO BICEP COMPILER: looked for `bicep` on PATH, ../shared/tools/bicep and `az bicep`. Install it: https://aka.ms/bicep-install")
        print("THE TEMPLATES WERE NOT COMPILED. Their last compilation, kept beside them, is checked in their place, provided that no template changed since.")
        snapshots = kept(report)
    if snapshots is None:
        return report.finish()

    everything, snapshots = snapshots, [each for each in snapshots if each.template == "main"]
    report.run_all(posture, snapshots)
    report.run_all(wiring, snapshots)
    report.run_all(defender, everything)
    report.run_all(names, snapshots)
    report.run_all(messages)
    report.run_all(costs)
    if bless:
        picture.bless(snapshots)
    report.run("picture-is-fresh", picture.findings, snapshots)
    report.run("checkov", checkov.findings, everything)
    if bless and found and not report.failed and not only:
        seal.bless()
    return report.finish()


def compile_all(compiler, report, files, bless):
    """Compiles everything and gives what each parameters file would deploy; `None` where that cannot be said."""
    report.run("format", templates.format_findings, compiler)
    report.run("parameters-files", templates.parameters_findings, compiler)
    if report.wants("build-and-lint", *named_checks(templates)):
        compiled, findings = compiler.build()
        report.run("build-and-lint", lambda: findings)
        if compiled is None:
            report.only = None
            report.run("compiled", lambda: ["a template does not compile; nothing further can be said"])
            return None
        if bless:
            templates.bless(compiled)
        report.run_all(templates, compiled)
    if not bless:
        report.run("templates-are-sealed", seal.findings)

    snapshots = []
    wanted = [each for each in compiler.parameters_files if not files or each.stem in files]
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(compiler.snapshot, wanted))
    for parameters_file, (document, findings) in zip(wanted, made):
        name = parameters_file.stem
        if document is None:
            report.only = None
            report.run(f"snapshot-{name}", lambda findings=findings: findings)
            continue
        golden = GOLDEN / f"{name}.json"
        text = json.dumps(document, indent=2) + "\n"
        if bless:
            golden.write_text(text)
        report.run(f"snapshot-{name}", templates.snapshot_findings, golden, text, findings)
        snapshots.append(Snapshot(name, bicep.template(parameters_file), parameters_file.read_text(), document))
    return snapshots


def kept(report):
    """The kept compilation, after seeing that it is that of these templates."""
    report.run("templates-are-sealed", seal.findings)
    report.run_all(templates, {"main": json.loads(templates.AZUREDEPLOY.read_text())})
    sources = {each.stem: each for each in bicep.parameters_files(bicep.INFRA)}
    return [Snapshot(name, bicep.template(file), file.read_text(), json.loads((GOLDEN / f"{name}.json").read_text())) for name, file in sorted(sources.items())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
