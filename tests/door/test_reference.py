"""What is written about the program is what the program does."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from pipeline.presets import preset
from pipeline.recipe import Recipe, SourceInput, UseSource, make_effects
from processors.registry import load_registry
from studio.commands.reference import recipe_schema
from tests.door.conftest import ROOT, Call

ROOMS = ("models", "processors", "pipeline", "studio")


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    for path, text in script("docs/generate.py").pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run docs/generate.py: {path.name} is not current"


def codes_in(room: str) -> tuple[set[str], set[str]]:
    """Codes of errors and of remarks that a room's source names."""
    errors: set[str] = set()
    remarks: set[str] = set()
    for path in (ROOT / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        firsts = {id(call.args[0]) for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args
                  and getattr(call.func, "id", getattr(call.func, "attr", "")) in ("Remark", "note")}
        for node in ast.walk(tree):
            if (isinstance(node, ast.Constant) and isinstance(node.value, str)
                    and re.fullmatch(r"[A-Z]+\.[A-Z_]+", node.value)):
                (remarks if id(node) in firsts else errors).add(node.value)
    return errors, remarks


def test_every_code_is_in_the_table_and_every_row_is_a_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([A-Z]+\.[A-Z_]+)` \|", page, re.MULTILINE))
    found = {code for room in ROOMS for kind in codes_in(room) for code in kind}
    assert found - listed == set(), "add these to docs/errors.md"
    assert listed - found == set(), "these are in docs/errors.md and nowhere else"
    assert {"INPUT.MISSING", "OUTPUT.EXISTS", "DISK.FULL", "PROCESSOR.FAILED"} <= found


def test_the_processors_are_listed_with_valid_schemas(call: Callable[..., Call]) -> None:
    data = call("processors", "--json").data
    assert set(data) == {"processors", "presets", "problems"}
    names = [entry["name"] for entry in data["processors"]]
    assert set(names) >= {"geometric", "anonymise", "detail", "hull", "ellipse", "occlusion", "feather", "poisson",
                          "pyramid", "inspect"}
    for entry in data["processors"]:
        assert set(entry) == {"name", "title", "role", "version", "help", "parameters"}
        jsonschema.Draft202012Validator.check_schema(entry["parameters"])
        defaults = {name: rule["default"] for name, rule in entry["parameters"].get("properties", {}).items()}
        jsonschema.validate(defaults, entry["parameters"])
    assert [p["name"] for p in data["presets"]] == ["natural", "sharp", "fast"]


def test_every_flag_that_processors_prints_is_one_that_render_takes(call: Callable[..., Call]) -> None:
    registry = load_registry(())
    out = call("processors").out
    from pipeline.recipe import set_parameter

    name = ""
    seen = 0
    for line in out.splitlines():
        if found := re.match(r"  (\w+) \d+\.\d+: ", line):
            name = found[1]
        if found := re.match(r"    --set (\S+)", line):
            set_parameter(make_effects([name], registry), found[1], registry)
            seen += 1
    assert seen == sum(len(cls.Params.model_fields) for cls in registry)


def test_the_recipes_schema_takes_recipes_and_refuses_others() -> None:
    schema = script("docs/generate.py").pages()[ROOT / "docs" / "recipe.schema.json"]
    assert schema == recipe_schema()
    rules = Recipe.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(rules)
    photo = {"id": "sha256:" + "0" * 64, "name": "ann.jpg"}
    recipe = Recipe(sources=(SourceInput.model_validate({"name": "Ann", "photos": [photo]}),),
                    everyone=UseSource(source="Ann")).with_effects(preset("natural").chain(load_registry(())))
    import json

    jsonschema.validate(json.loads(recipe.to_json()), rules)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 2}, rules)


def test_readme_begins_with_the_two_commands_and_links_to_files_that_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 -m pip install uv && python3 -m uv run webui.py\n" in text
    assert "python3 -m uv run --group test pytest\n" in text
    for page in ("README.md", "CONTRIBUTING.md", "docs/command-line.md"):
        folder = (ROOT / page).parent
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert (folder / link).exists(), f"{page} links to {link}"


def test_ci_runs_readmes_test_command() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert "\nuv run --group test pytest\n" in run.read_text(encoding="utf-8")


def test_notice_names_every_package_that_is_asked_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        assert re.search(rf"(?<![\w-]){re.escape(name[0])}(?![\w-])", notice), f"NOTICE lacks {name[0]}"


def test_everything_that_is_installed_here_is_pinned_exactly() -> None:
    import tomllib

    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    pins = tool["constraint-dependencies"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+( ; .+)?", pin) for pin in pins)
    assert tool["default-groups"] == []
    pinned = {re.split("==| ;", pin)[0] for pin in pins}
    versions = {tuple(re.split("==| ;", pin)[:2]) for pin in pins}
    for found in distributions():
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        if name in pinned:
            assert (name, found.version) in versions
    assert {"gradio", "numpy", "onnxruntime", "onnxruntime-gpu", "dlib-bin", "pytest", "ruff"} <= pinned
    assert "opencv-python" not in pinned


def test_pins_keep_a_marker_only_where_versions_differ() -> None:
    exported = ("numpy==2.4.6 ; python_full_version < '3.12'\nnumpy==2.5.5 ; python_full_version >= '3.12'\n"
                "colorama==0.4.6 ; sys_platform == 'win32'\nidna==3.20\n# a comment\n-e .\n")
    assert script(".ci/pin.py").pins_of(exported) == [
        "numpy==2.4.6 ; python_full_version < '3.12'", "numpy==2.5.5 ; python_full_version >= '3.12'",
        "colorama==0.4.6", "idna==3.20"]


def test_no_tracked_file_names_a_package_registry() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in tracked.stdout.split("\0") if name]
    files = [ROOT / name for name in names] if names else [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]
    assert "uv.lock" not in names
    for path in files:
        if path.suffix.lower() not in (".png", ".jpg", ".webp") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not any(host in text for host in hosts), path
