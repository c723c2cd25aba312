"""Pins exact versions of everything in pyproject.toml: `python3 -m uv run python .ci/pin.py [--upgrade]`.

A lock file would record the address of the package index that it was made with, so none is kept in git. This asks uv to
resolve for every supported Python and platform, and writes what it found as `constraint-dependencies`: versions and
markers, no addresses. Without --upgrade the present pins stay, and only what is new or contradicts them moves.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "# pins: begin (made by .ci/pin.py)\n", "# pins: end\n"


def main(upgrade: bool) -> int:
    project = ROOT / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    old, tail = rest.split(END)
    try:
        pins = resolve(head + tail if upgrade else text)
    except subprocess.CalledProcessError:
        if upgrade:
            raise
        print("The present pins cannot be kept; resolving anew.", file=sys.stderr)
        pins = resolve(head + tail)
    new = "constraint-dependencies = [\n" + "".join(f'    "{pin}",\n' for pin in pins) + "]\n"
    project.write_text(head + BEGIN + new + END + tail, encoding="utf-8")
    print(f"{len(pins)} pins, {'changed' if new != old else 'unchanged'}")
    return 0


def resolve(project: str) -> list[str]:
    """Requirements `name==version`, with a marker where versions differ, for the text of a pyproject.toml."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "pyproject.toml").write_text(project, encoding="utf-8")
        for name in ("README.md", "LICENSE", "NOTICE"):
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, place / name)
        # `uv run` says in UV which uv it is; otherwise it is a module of this Python.
        uv = [os.environ["UV"]] if "UV" in os.environ else [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "lock", "--project", folder], check=True)
        said = subprocess.run(
            [*uv, "export", "--project", folder, "--frozen", "--format", "requirements-txt", "--no-hashes",
             "--all-groups", "--all-extras", "--no-emit-project", "--no-annotate", "--no-header"],
            check=True, capture_output=True, text=True).stdout
    return pins_of(said)


def pins_of(exported: str) -> list[str]:
    """The lines of `uv export`; markers only for packages that have several versions (elsewhere a pin without one says
    the same and is easier to read)."""
    rows = []
    for line in exported.splitlines():
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        if re.fullmatch(r"[A-Za-z0-9._-]+==[^\s]+", requirement):
            rows.append((requirement, marker.replace('"', "'")))
    counts = Counter(requirement.split("==")[0] for requirement, _ in rows)
    return [f"{requirement} ; {marker}" if marker and counts[requirement.split("==")[0]] > 1 else requirement
            for requirement, marker in rows]


if __name__ == "__main__":
    sys.exit(main("--upgrade" in sys.argv[1:]))
