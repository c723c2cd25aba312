"""A processor from a package of its own: installed beside Likeness, nothing else edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import read_bgr
from tests.door.conftest import ROOT, Call, webui

TOY = ROOT / "tests" / "toy_package"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(site: Path, name: str, entry: str, module: str | Path) -> None:
    """What an installer leaves: the package, and a folder that says what it is. No index, no build."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(f"[likeness.processors]\n{entry}\n")
    if isinstance(module, Path):
        shutil.copytree(module, site / module.name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        (site / f"{name.replace('-', '_')}.py").write_text(module)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy package, one that cannot be imported, and one whose name is taken."""
    site = tmp_path_factory.mktemp("site")
    install(site, "likeness-toy", "tint = likeness_toy:Tint", TOY / "likeness_toy")
    install(site, "likeness-broken", "broken = likeness_broken:Glow", "raise ImportError('no glow without torch')\n")
    install(site, "likeness-twin", "twin = likeness_twin:Hull", (
        "from processors.base import Processor\nfrom processors.registry import processor\n"
        "@processor('hull', title='Hull', role='mask', version='1.0')\n"
        "class Hull(Processor):\n    '''Another hull.'''\n    def process(self, batch, params, ctx):\n"
        "        return batch\n"))
    return site


def beside(site: Path, *words: object, cwd: Path | None = None) -> Call:
    return webui(*words, env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}, cwd=cwd)


def test_its_entry_point_is_what_its_project_file_says() -> None:
    text = (TOY / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."likeness.processors"]\ntint = "likeness_toy:Tint"' in text


def test_it_is_listed_with_its_schema_and_those_that_fail_are_named(site: Path) -> None:
    done = beside(site, "processors", "--json")
    assert done.code == 0, done.err
    listed = {entry["name"]: entry for entry in done.data["processors"]}
    assert listed["tint"]["role"] == "enhancer"
    schema = listed["tint"]["parameters"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["red"]["maximum"] == 80
    jsonschema.validate({"red": 10}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"red": 81}, schema)
    problems = {problem["name"]: problem["reason"] for problem in done.data["problems"]}
    assert set(problems) == {"broken", "twin"}
    assert "no glow without torch" in problems["broken"]
    assert "Two processors are called hull" in problems["twin"]
    assert "broken" in done.err
    words = beside(site, "processors").out
    assert "--set enhancer.red=40.0" in words
    assert "Warms the face by adding red." in words


def test_doctor_names_those_that_fail_and_the_main_job_still_works(site: Path) -> None:
    done = beside(site, "doctor", "--json")
    assert done.code == 0
    rows = {row["name"]: row for row in done.data["rows"]}
    assert rows["processor broken"]["state"] == rows["processor twin"]["state"] == "remark"
    assert rows["processor broken"]["remedy"]


def test_it_runs_from_the_command_line_and_a_recipe_holds_it(site: Path, folder: Path) -> None:
    done = beside(site, "render", "--target", "hopper.jpg", "--effects", "tint,hull,feather", "--set", "tint.red=70",
                  "--output", "out.png", "--save-recipe", "r.json", cwd=folder)
    assert done.code == 0, done.err
    before, after = read_bgr(folder / "hopper.jpg").astype(int), read_bgr(folder / "out.png").astype(int)
    change = after - before
    assert change[..., 2].max() >= 60
    assert abs(change[..., :2]).max() <= 1
    assert (change.any(axis=2)).mean() < 0.5
    effect = json.loads((folder / "r.json").read_text())["segments"][0]["effects"][0]
    assert (effect["id"], effect["processor"], effect["params"]) == ("enhancer", "tint", {"red": 70})
    without = webui("render", "--recipe", "r.json", "--output", "out2.png", cwd=folder)
    assert without.code == 1
    assert without.last.startswith("RECIPE.UNKNOWN_PROCESSOR: There is no processor called 'tint'.")


def test_one_that_raises_names_itself_and_hurts_nothing_else(site: Path, folder: Path) -> None:
    done = beside(site, "render", "--target", "hopper.jpg", "--effects", "tint,hull,feather", "--set", "tint.fail=true",
                  "--output", "out.png", cwd=folder)
    assert done.code == 1
    assert done.last.startswith("PROCESSOR.FAILED: ")
    assert "tint" in done.last
    assert "Traceback" not in done.err
    assert not (folder / "out.png").exists()
    fine = beside(site, "render", "--target", "hopper.jpg", "--map", "1=blur", "--output", "out.png", cwd=folder)
    assert fine.code == 0, fine.err


def test_the_studio_makes_its_controls_from_the_same_schema(site: Path) -> None:
    code = ("from processors.registry import load_registry\n"
            "from processors.params import control_of\n"
            "import json\n"
            "tint = load_registry().get('tint')\n"
            "print(json.dumps(control_of('red', tint.Params)))\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])})
    control = json.loads(done.stdout)
    assert (control["control"], control["minimum"], control["maximum"]) == ("slider", 0, 80)
