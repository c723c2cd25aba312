"""Calls of the program: in this process (quick) and as people make them (true)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pipeline.engine
from models.interfaces import FaceStack
from studio.commands import main
from studio.commands.door import QUIET
from tests.conftest import ASTRONAUT, HOPPER, SIX_PEOPLE

ROOT = Path(__file__).resolve().parents[2]
WEBUI = ROOT / "webui.py"


@dataclass(frozen=True)
class Call:
    """What one call gave."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """stdout as JSON: the whole of it, or the test fails."""
        return json.loads(self.out)

    @property
    def last(self) -> str:
        """The line that people read first."""
        return self.err.rstrip().splitlines()[-1] if self.err.strip() else ""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], stack: FaceStack, monkeypatch: pytest.MonkeyPatch,
         tmp_path: Path) -> Callable[..., Call]:
    """Runs the program in this process, with the face stack that the whole run shares."""
    monkeypatch.setattr(pipeline.engine, "dlib_stack", lambda: stack)
    monkeypatch.setenv("LIKENESS_DATA_DIR", str(tmp_path / "data"))
    for name, value in QUIET.items():  # main() sets these for good; monkeypatch takes them back
        monkeypatch.setenv(name, value)

    def run(*words: object) -> Call:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # argparse ends the process by itself
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Call(code, said.out, said.err)

    return run


def webui(*words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None,
          before: tuple[str, ...] = ()) -> Call:
    """Runs `webui.py` as a process of its own. before: words in front of Python (`unshare -n`)."""
    done = subprocess.run([*before, sys.executable, str(WEBUI), *map(str, words)], capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, cwd=cwd, timeout=180, stdin=subprocess.DEVNULL,
                          check=False)
    return Call(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """astronaut.png, hopper.jpg and six.jpg, where people would have them."""
    for file, name in ((ASTRONAUT, "astronaut.png"), (HOPPER, "hopper.jpg"), (SIX_PEOPLE, "six.jpg")):
        shutil.copy(file, tmp_path / name)
    return tmp_path
