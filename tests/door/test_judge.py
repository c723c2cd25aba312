"""`measure` and `bench`: the figures themselves are tested beside their formulas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from studio.commands import judge
from tests.conftest import read_bgr
from tests.door.conftest import Call


@pytest.mark.long
def test_with_the_recipe_pixels_are_counted_outside_its_own_masks(call: Callable[..., Call], folder: Path) -> None:
    fast = ("render", "--source", folder / "astronaut.png", "--target", folder / "six.jpg", "--preset", "fast")
    done = call(*fast, "--output", folder / "out.png", "--map", "1=astronaut,3=astronaut",
                "--save-recipe", folder / "r.json")
    assert done.code == 0, done.err
    words = ("measure", "--source", folder / "astronaut.png", "--before", folder / "six.jpg", "--after")
    exact = call(*words, folder / "out.png", "--recipe", folder / "r.json", "--json").data
    assert exact["outside"] == {"rule": "mask", "pixels": 0, "share": 0.0, "largest": 0.0}
    assert [face["number"] for face in exact["faces"]] == [1, 3]
    assert all(face["identity_to_source"] < face["identity_to_target"] for face in exact["faces"])
    spoilt = read_bgr(folder / "out.png")
    spoilt[5, 7] ^= 255
    cv2.imwrite(str(folder / "spoilt.png"), spoilt)
    found = call(*words, folder / "spoilt.png", "--recipe", folder / "r.json", "--json").data
    assert found["outside"]["pixels"] == 1
    without = call(*words, folder / "out.png", "--json").data
    assert without["outside"]["rule"] == "hull"
    assert len(without["faces"]) == 6
    text = call(*words, folder / "out.png", "--recipe", folder / "r.json").out
    assert "dlib-resnet-v1" in text
    assert "0 pixels" in text


def test_pictures_of_different_sizes_are_refused(call: Callable[..., Call], folder: Path) -> None:
    done = call("measure", "--source", folder / "astronaut.png", "--before", folder / "six.jpg",
                "--after", folder / "hopper.jpg")
    assert done.code == 1
    assert done.last.startswith("MEASURE.SIZE: ")


def test_bench_hands_its_flags_on_and_tells_what_it_found(call: Callable[..., Call], tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Report:
        def model_dump(self, mode: str) -> dict[str, str]:
            return {"mode": mode}

        def to_text(self) -> str:
            return "a table"

    def quality(**settings: Any) -> Report:
        asked.append(settings)
        settings["progress"](0.5, "half")
        return Report()

    monkeypatch.setattr(judge, "quality", quality)
    assert call("bench", "quality").out == "a table\n"
    done = call("bench", "quality", "--pairs", "3", "--sheets", tmp_path, "--json")
    assert (done.code, done.data) == (0, {"mode": "json"})
    assert [(a["pairs"], a["sheets"]) for a in asked] == [(None, None), (3, tmp_path)]


def test_bench_pipeline_hands_its_flags_on(call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Report:
        def model_dump(self, mode: str) -> dict[str, str]:
            return {"mode": mode}

        def to_text(self) -> str:
            return "rows"

    def speed(**settings: Any) -> Report:
        asked.append(settings)
        return Report()

    monkeypatch.setattr(judge, "speed", speed)
    assert call("bench", "pipeline").out == "rows\n"
    assert call("bench", "pipeline", "--resolutions", "720p,4K", "--frames", "12", "--json").data == {"mode": "json"}
    assert [(a["resolutions"], a["frames"]) for a in asked] == [(("720p", "1080p", "4K"), None), (("720p", "4K"), 12)]


def test_bench_models_answers_in_words_and_in_data(call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch) -> None:
    class Report:
        def model_dump(self, mode: str) -> dict[str, str]:
            return {"mode": mode}

        def to_text(self) -> str:
            return "networks"

    monkeypatch.setattr(judge, "models", lambda *, progress: Report())
    assert call("bench", "models").out == "networks\n"
    assert call("bench", "models", "--json").data == {"mode": "json"}


@pytest.mark.parametrize("words", [("models", "--frames", "3"), ("models", "--sheets", "."),
                                   ("pipeline", "--pairs", "3"), ("pipeline", "--sheets", "."),
                                   ("quality", "--frames", "12"), ("quality", "--resolutions", "4K")])
def test_flags_of_the_other_bench_are_refused(call: Callable[..., Call], words: tuple[str, ...]) -> None:
    done = call("bench", *words)
    assert done.code == 2
    assert words[1] in done.last


def test_an_unknown_resolution_is_said_before_any_work(call: Callable[..., Call]) -> None:
    done = call("bench", "pipeline", "--resolutions", "8K")
    assert done.code == 1
    assert "720p, 1080p, 4K" in done.last
