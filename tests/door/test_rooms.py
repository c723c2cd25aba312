"""The direction of imports, and sizes of rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from importlinter.application import use_cases  # type: ignore[import-untyped,unused-ignore]

from tests.door.conftest import ROOT

ROOMS = ("studio", "pipeline", "processors", "models")


def test_rooms_import_only_to_the_right(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from importlinter import cli  # configures the library as its command does

    monkeypatch.chdir(ROOT)
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out
    assert use_cases.SUCCESS


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_the_door_holds_no_logic_and_nobody_imports_it() -> None:
    assert imported(ROOT / "webui.py") == {"sys", "studio.commands"}
    tree = ast.parse((ROOT / "webui.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            assert "webui" not in imported(path), path


def test_files_stay_below_500_lines() -> None:
    for place in (*ROOMS, "tests", "docs", ".ci"):
        for path in (ROOT / place).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 500, f"{path.relative_to(ROOT)} has {lines} lines: one room, or two?"
