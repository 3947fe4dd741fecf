"""The seal: which templates the kept compilation is of. With it, a machine without the compiler can still tell that nothing changed since."""

import hashlib
import os

from bicep import INFRA, ROOT

FILE = INFRA / "snapshots" / "SHA256SUMS"


def sums():
    """Name and SHA-256 of everything that a compilation depends on, as `sha256sum` writes them."""
    files = [INFRA / "bicepconfig.json", *INFRA.rglob("*.bicep"), *INFRA.rglob("*.bicepparam"), *(ROOT / "pulls").glob("*.toml")]
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {os.path.relpath(file, INFRA)}\n" for file in sorted(files))


def bless():
    """Seals the templates; only after a run with the compiler in which every check held."""
    FILE.write_text(sums())


def findings():
    """No template changed since it was compiled and every check held."""
    kept, now = FILE.read_text().splitlines(), sums().splitlines()
    for line in sorted(set(kept) ^ set(now), key=lambda line: line.split()[1]):
        state = "is not as it was compiled" if line in now else "was compiled otherwise, or is gone"
        yield f"{os.path.normpath(f'infra/{line.split()[1]}')} {state}: run `infra/check.sh --bless` where there is a Bicep compiler"
