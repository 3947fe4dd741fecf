"""The table of costs in docs/deploy.md is what the formula below it says."""

import re

from bicep import ROOT

FILE = ROOT / "docs" / "deploy.md"
COLUMNS = ("export", "traffic", "compute", "storage", "logs and alerts")
# The table is rounded for reading: by a dollar or by this share.
DOLLARS, SHARE = 1.0, 0.03


def formula():
    """The lines of the formula: name and expression."""
    block = FILE.read_text().split("\n## Costs\n")[1].split("```text\n")[1].split("```")[0]
    return [(name, expression.split("   ")[0].strip()) for name, expression in re.findall(r"^(\w+) += (.+)$", block, re.MULTILINE)]


def month(gigabytes, tables):
    """What the formula gives, by name, in dollars a month and whatever else its lines are in."""
    values = {"G": gigabytes, "T": tables, "max": max}
    for name, expression in formula():
        text = re.sub(r"(\d),(\d{3})", r"\1\2", expression).replace(" x ", " * ")
        if not re.fullmatch(r"[\w .,()*/+-]+", text):
            raise LookupError(f"the formula of {name} is no arithmetic: {expression}")
        values[name] = eval(text, {"__builtins__": {}}, values)
    return values


def rows():
    """The table: GB a day and its other cells as numbers."""
    section = FILE.read_text().split("\n## Costs\n")[1]
    for cells in re.findall(r"^\| ([\d,]+) GB a day \|(.+)\|$", section, re.MULTILINE):
        numbers = [float(cell.strip().strip("*").replace(",", "")) for cell in cells[1].split("|")]
        yield int(cells[0].replace(",", "")), numbers


def check_costs_follow_the_formula():
    found = dict(rows())
    for volume in sorted({10, 100, 1000} - set(found)):
        yield f"docs/deploy.md does not say what {volume} GB a day cost"
    for volume, numbers in found.items():
        values = month(volume, 20)
        parts = [values["export"], values["traffic"], values["compute"], values["storage"], values["logs"] + values["alerts"] + values["events"]]
        wanted = [*parts, sum(parts), sum(parts[1:])]
        for column, shown, real in zip([*COLUMNS, "together", "without the export meter"], numbers, wanted):
            if abs(shown - real) > max(DOLLARS, SHARE * real):
                yield f"docs/deploy.md: {volume} GB a day, {column}: the table says {shown:g}, the formula {real:.1f}"
