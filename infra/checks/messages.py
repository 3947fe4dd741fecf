"""Every message that the program can print in trouble is explained in docs/troubleshooting.md, and nothing is explained that it does not print."""

import re

from bicep import ROOT

DOCS = ROOT / "docs" / "troubleshooting.md"
STRING = r'"((?:[^"\\]|\\.)*)"'
# Who works for hours, or for somebody who waits: what they say in passing is explained, too.
TALKERS = (
    "src/commands/history",
    "src/commands/pull",
    "src/commands/serve/",
    "src/commands/snapshot",
    "src/event_hub/",
    "src/history/",
    "src/hunting/",
    "src/kusto/",
    "src/loganalytics/",
    "src/pulls/",
    "src/query/",
    "src/resource_graph/",
    "src/snapshot/",
)
# Who says behind a message, in brackets, what to do.
ADVISERS = ("src/axiom/query.rs", "src/hunting/mod.rs", "src/kusto/rest.rs", "src/loganalytics/mod.rs", "src/resource_graph/mod.rs")
# Made of another message and nothing else.
COMPOSED = re.compile(r"[. :;]*( failed)?")


def sources():
    """The code of the program by file, without its tests."""
    for file in sorted((ROOT / "src").rglob("*.rs")):
        if "tests" not in file.stem and "tests" not in file.parent.name:
            yield file.relative_to(ROOT), file.read_text().split("#[cfg(test)]\nmod ")[0]


def plain(literal):
    """A literal of the source as it is printed: continued lines joined, `...` for what is filled in, no marks of code."""
    text = re.sub(r"\\\n\s*", "", literal).replace('\\"', '"')
    text = text.replace("{{", "\0").replace("}}", "\1")
    text = re.sub(r"\{[^{}]*\}", "...", text).replace("\0", "{").replace("\1", "}")
    return text.replace("`", "").strip()


def literals(file, text):
    """What one file prints in trouble: errors, lines of the log, problems with settings, and what is advised."""
    yield from re.findall(rf"#\[error\(\s*{STRING}", text)
    levels = "error|warn|info|debug" if str(file).startswith(TALKERS) else "error|warn"
    for call in re.findall(rf"tracing::(?:{levels})!\((.*?)\);", text, re.DOTALL):
        yield from re.findall(STRING, call)[-1:]
    yield from re.findall(rf"(?:\bbail!|\.context)\(\s*{STRING}", text)
    for doing in re.findall(rf"(?<!\.)\bfailed\(\s*(?:&format!\(\s*)?{STRING}", text):
        yield f"{doing} failed"
    if "azure" in file.parts or file.name == "refused.rs":
        yield from re.findall(rf"\b(?:new|unexpected|unreadable|with_message)\(\s*(?:[\w:]+,\s*)?(?:format!\(\s*)?{STRING}", text)
        yield from re.findall(rf"(?:let doing = |\|\| )format!\(\s*{STRING}", text)
        yield from re.findall(rf"\bunexpected\([^;]*?, {STRING}\)", text)
    if "azure" in file.parts or str(file) in ADVISERS:
        yield from re.findall(r'"( \((?:[^"\\]|\\.)*)"', text, re.DOTALL)
    if {"history", "hunting", "kusto", "loganalytics", "query", "resource_graph"} & set(file.parts):
        yield from re.findall(rf"(?:\b(?:Trouble|TooMuch)|(?<!StorageError::)\bunreadable)\(\s*(?:format!\(\s*)?{STRING}", text)
    if "kusto" in file.parts:
        yield from re.findall(rf"(?:\bwrite_str\(|\bwrite!\(\s*f,)\s*{STRING}", text)
    if "pulls" in file.parts:
        # What is logged and kept with the run.
        yield from re.findall(rf"let note = format!\(\s*{STRING}", text)
    if file.stem == "serve" or "serve" in file.parts:
        yield from re.findall(rf"(?:Err\(|logs\.push\()(?:format!\(\s*)?{STRING}", text)
        yield from re.findall(rf";\s+format!\(\s*{STRING}", text)
    if file.name == "advice.rs":
        found = re.findall(rf"(?:format!\(\s*|=> ){STRING}", text)
        # The names of settings that are filled into the others.
        yield from (literal for literal in found if not literal.startswith("AXIOM_"))
    if file.parent.name == "settings":
        yield from re.findall(rf"\.problem\(\s*[^,;]+,\s*(?:format!\(\s*)?{STRING}", text)
        yield from re.findall(rf"(?:\bfault\(\s*(?:format!\(\s*)?|Err\(|map_err\(\|_\| ){STRING}", text)
    if file.name == "reader.rs":
        yield from re.findall(rf"=> format!\({STRING}", text)


def printed():
    """The messages by their text: where each is made."""
    found = {}
    for file, text in sources():
        for literal in literals(file, text):
            found.setdefault(plain(literal), str(file))
    return {message: file for message, file in found.items() if not COMPOSED.fullmatch(message)}


def explained():
    """The messages in the tables of docs/troubleshooting.md, under "Error messages"."""
    section = DOCS.read_text().split("\n## Error messages\n")[1]
    cells = re.findall(r"^\| `+ ?(.+?) ?`+ \|", section, re.MULTILINE)
    return {cell.replace("\\|", "|").replace("`", "").strip() for cell in cells}


def check_error_messages_are_in_the_docs():
    known = explained()
    for message, file in sorted(printed().items(), key=lambda each: each[::-1]):
        if message not in known:
            yield f"docs/troubleshooting.md has no row for `{message}` ({file})"
    for message in sorted(known - set(printed())):
        yield f"docs/troubleshooting.md explains `{message}`, which the program does not print"


if __name__ == "__main__":
    for message, file in sorted(printed().items(), key=lambda each: each[::-1]):
        print(f"{file}: {message}")
