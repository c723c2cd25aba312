"""What is refused before any work, and how it is said."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.door.conftest import ROOT, WEBUI, Call, webui

RENDER = ("render", "--source", "astronaut.png", "--target", "six.jpg", "--output", "out.png")


@pytest.mark.parametrize(("words", "said"), [
    (("bogus",), "invalid choice: 'bogus'"),
    (("render",), "--output"),
    (("render", "--out", "x.png"), "--out"),
    (("analyse",), "FILE"),
    (("render", "--target", "a.png", "--output", ""), "it names no file"),
    (("analyse", "six.jpg", "--look", "hard"), "'hard' is not one of small, turned"),
    (("serve", "--port", "0"), "not a port"),
    (("--port", "seventy"), "not a port"),
    (("bench", "speed"), "quality"),
    (("bench", "quality", "--pairs", "0"), "not a number"),
    (("measure", "--source", "a.png"), "--before"),
])
def test_words_that_are_not_understood_end_with_exit_2(call: Callable[..., Call], words: tuple[str, ...], said: str,
                                                      ) -> None:
    done = call(*words)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err


@pytest.mark.parametrize(("words", "code", "remedy"), [
    (("--preset", "nicest"), "RECIPE.UNKNOWN_PRESET", "natural, sharp, fast"),
    (("--effects", "geometric,shine"), "RECIPE.UNKNOWN_PROCESSOR", "pyramid"),
    (("--swapper", "detail"), "RECIPE.UNKNOWN_PROCESSOR", "geometric, ghost"),
    (("--swapper", "outswapper"), "RECIPE.UNKNOWN_PROCESSOR", "geometric, ghost"),
    (("--set", "swapper.strength"), "RECIPE.PARAMETER", "swapper.strength=0.8"),
    (("--set", "swapper.strength=2"), "RECIPE.PARAMETER", ""),
    (("--set", "swapper.strength=much"), "RECIPE.PARAMETER", ""),
    (("--set", "swapper.power=0.5"), "RECIPE.PARAMETER", "strength, shape, light, colour"),
    (("--set", "enhancer.2.match=0.5"), "RECIPE.UNKNOWN_EFFECT", "enhancer"),
    (("--set", "colour=1"), "RECIPE.PARAMETER", ""),
    (("--map", "1:astronaut"), "USAGE.INVALID", "--map 1=Ann"),
    (("--map", "1=Bob"), "RECIPE.UNKNOWN_SOURCE", "astronaut, keep, effects, blur, pixelate, solid"),
    (("--map", "0=blur"), "USAGE.INVALID", "analyse"),
    (("--map", "1=blur,1=keep"), "USAGE.INVALID", "once"),
    (("--map", "others=blur,others=keep"), "USAGE.INVALID", "once"),
    (("--source", "=six.jpg"), "USAGE.INVALID", "Ann=ann.jpg"),
    (("--source", "Ann="), "USAGE.INVALID", "Ann=ann.jpg"),
])
def test_flags_that_name_what_is_not_there_end_with_exit_2_and_what_is(
        call: Callable[..., Call], folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: str,
        remedy: str) -> None:
    monkeypatch.chdir(folder)
    done = call(*RENDER, *words)
    assert done.code == 2, done.err
    assert done.last.startswith(f"{code}: ")
    assert remedy in done.last
    assert not (folder / "out.png").exists()


def test_without_a_source_the_missing_flag_is_named(call: Callable[..., Call], folder: Path) -> None:
    done = call("render", "--target", folder / "six.jpg", "--output", folder / "out.png")
    assert done.code == 2
    assert "--source" in done.last


def test_without_a_target_the_missing_flag_is_named(call: Callable[..., Call], folder: Path) -> None:
    done = call("render", "--source", folder / "six.jpg", "--output", folder / "out.png")
    assert done.code == 2
    assert "--target" in done.last


def test_a_map_that_keeps_everybody_is_nothing_to_do(call: Callable[..., Call], folder: Path) -> None:
    done = call("render", "--target", folder / "hopper.jpg", "--output", folder / "out.png", "--map", "1=keep")
    assert done.code == 2
    assert done.last.startswith("RECIPE.NOTHING_TO_DO: ")
    assert not (folder / "out.png").exists()


def test_help_says_what_the_program_does_and_imports_nothing_heavy() -> None:
    done = webui("--help", env={"PYTHONPROFILEIMPORTTIME": "1", "COLUMNS": "120"})
    assert done.code == 0
    imported = set(re.findall(r"\|\s+([\w.]+)$", done.err, re.MULTILINE))
    assert "studio.commands.arguments" in imported
    assert not imported & {"numpy", "cv2", "pydantic", "gradio", "fastapi", "dlib", "onnxruntime", "scipy"}
    for command in ("serve", "render", "analyse", "measure", "processors", "doctor", "bench"):
        assert re.search(rf"^    {command} ", done.out, re.MULTILINE)


def test_rendering_imports_no_screens() -> None:
    done = webui("render", "--source", "missing.png", "--target", "missing.jpg", "--output", "out.png",
                 env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.code == 1
    imported = set(re.findall(r"\|\s+([\w.]+)$", done.err, re.MULTILINE))
    assert "pipeline.engine" in imported
    assert not imported & {"gradio", "fastapi", "uvicorn", "matplotlib", "onnxruntime"}


def test_every_flag_is_on_the_reference_page_as_help_prints_it(call: Callable[..., Call],
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.commands.arguments import COMMANDS

    monkeypatch.setenv("COLUMNS", "102")  # two are left free: 100 as on the page
    page = " ".join((ROOT / "docs" / "command-line.md").read_text(encoding="utf-8").split())
    for words in ((), *((command,) for command in COMMANDS)):
        done = call(*words, "--help")
        assert done.code == 0
        fixed = done.out.partition("\nnow, without a flag:")[0]  # what follows is this machine's
        assert " ".join(fixed.split()) in page


@pytest.mark.parametrize(("words", "expected"), [
    ([], ["serve"]),
    (["--port", "8000"], ["serve", "--port", "8000"]),
    (["--no-browser"], ["serve", "--no-browser"]),
    (["--data-dir", "render"], ["serve", "--data-dir", "render"]),
    (["--data-dir=x", "--debug", "--port", "1"], ["serve", "--data-dir=x", "--debug", "--port", "1"]),
    (["--debug", "doctor"], ["--debug", "doctor"]),
    (["--help"], ["--help"]),
    (["--version"], ["--version"]),
    (["bogus"], ["bogus"]),
])
def test_the_studio_is_what_is_meant_without_a_command(words: list[str], expected: list[str]) -> None:
    from studio.commands.arguments import _with_command

    assert _with_command(words) == expected


def test_the_data_folder_may_be_named_before_and_after_the_command() -> None:
    from studio.commands.arguments import parse

    assert parse(["--data-dir", "a", "doctor"]).data_dir == Path("a")
    assert parse(["doctor", "--data-dir", "b"]).data_dir == Path("b")
    assert parse(["--data-dir", "a", "doctor", "--data-dir", "b"]).data_dir == Path("b")
    assert parse(["doctor"]).data_dir is None
    assert parse(["--debug", "doctor"]).debug is True


def test_a_python_without_the_packages_is_told_how_to_start(folder: Path) -> None:
    # -S: without site-packages, as a system's own Python is.
    done = subprocess.run([sys.executable, "-S", str(WEBUI), "doctor"], capture_output=True, text=True, timeout=60,
                          check=False, env={"PATH": "/usr/bin:/bin", "LIKENESS_DATA_DIR": str(folder)})
    assert done.returncode == 1
    assert done.stderr.startswith("INSTALL.INCOMPLETE: The package ")
    assert "python3 -m uv run webui.py" in done.stderr
    assert "Traceback" not in done.stderr
