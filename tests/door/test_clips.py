"""`render` and `analyse` on clips: frames, times, sound, people, recipes, and going on after an interruption."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis.looking import Pass
from pipeline.clips.marks import packet_of
from pipeline.pictures.xmp import provenance_of
from pipeline.recipe import Recipe
from pipeline.rendering import part
from pipeline.rendering import plan as plans
from pipeline.rendering.ledger import finished_parts, parts_folder
from pipeline.tracking.frames import Looked
from tests.conftest import ASTRONAUT, HOPPER
from tests.door.conftest import WEBUI, Call
from tests.door.making import bgr_of, face_clip, packets_of, planes_of, read_tags, times_of, write_clip

Door = Callable[..., Call]
LOSSLESS = ("--codec", "ffv1")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 frames, the last 24 with the astronaut's face of about 100 px."""
    return face_clip(tmp_path_factory.mktemp("clip") / "astro naut 宇航员.mp4", 36, blank=12)


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a dozen frames, so that a short clip has several."""
    monkeypatch.setattr(plans, "SHORTEST", 12)
    monkeypatch.setattr(plans, "LONGEST", 14)


def test_a_face_is_put_in_and_everything_else_comes_out_as_it_went_in(call: Door, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    done = call("render", "--source", HOPPER, "--target", clip, "--output", out, *LOSSLESS, "--json")
    assert done.code == 0, done.err
    data = done.data
    assert (data["frames"], data["changed"], data["codec"], data["container"]) == (36, 24, "ffv1", "mkv")
    before, after = planes_of(clip), planes_of(out)
    assert [bool((a != b).any()) for a, b in zip(before, after, strict=True)] == [False] * 12 + [True] * 24
    # Matroska has no times below nought: all of them are later by what AAC's decoder leaves out at its start.
    late = times_of(out)[0]
    assert [round(float(t - late), 3) for t in times_of(out)] == [round(float(t), 3) for t in times_of(clip)]
    assert packets_of(out) == packets_of(clip)
    touched = np.any([a != b for a, b in zip(before, after, strict=True)], axis=0)
    luma = touched[:240]
    assert 0.02 < luma.mean() < 0.35
    assert not luma[:10].any()  # above her hair
    assert not luma[:, :30].any()
    assert not parts_folder(out).exists()


def test_the_usual_output_is_mp4_with_sound_and_says_that_it_was_edited(call: Door, clip: Path, tmp_path: Path,
                                                                      ) -> None:
    out = tmp_path / "out.mp4"
    done = call("render", "--source", HOPPER, "--target", clip, "--output", out, "--save-recipe", tmp_path / "r.json")
    assert done.code == 0, done.err
    assert "24 of 36 frames changed" in done.out
    assert times_of(out) == times_of(clip)
    assert packets_of(out) == packets_of(clip)
    packet = packet_of(out)
    assert packet is not None
    marked = provenance_of(packet)
    assert marked is not None
    assert marked.kind == "swap"
    assert ("geometric", "1.0") in marked.effects
    again = call("render", "--recipe", tmp_path / "r.json", "--output", tmp_path / "again.mp4")
    assert again.code == 0, again.err
    assert all((a == b).all() for a, b in zip(planes_of(out), planes_of(tmp_path / "again.mp4"), strict=True))
    asked = call("render", "--source", HOPPER, "--target", clip, "--output", out)
    assert (asked.code, asked.last.split(":")[0]) == (1, "OUTPUT.EXISTS")


def test_a_span_is_cut_out_with_its_sound(call: Door, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    done = call("render", "--source", HOPPER, "--target", clip, "--output", out, *LOSSLESS, "--start", "0.4",
                "--stop", "30f", "--json")
    assert done.code == 0, done.err
    assert done.data["frames"] == 20
    times = times_of(out)
    assert [round(float(t - times[0]), 3) for t in times] == [round(n / 25, 3) for n in range(20)]
    sound, all_sound = packets_of(out), packets_of(clip)
    start = all_sound.index(sound[0])
    assert sound == all_sound[start:start + len(sound)]
    assert len(sound) * 1024 / 44100 == pytest.approx(0.8, abs=0.06)
    none = call("render", "--source", HOPPER, "--target", clip, "--output", tmp_path / "no.mp4", "--start", "9")
    assert none.last.startswith("RECIPE.TRIM")
    turned = call("render", "--source", HOPPER, "--target", clip, "--output", tmp_path / "no.mp4", "--start", "1",
                  "--stop", "0.5")
    assert turned.code == 2


def test_people_are_listed_and_told_apart_by_number(call: Door, clip: Path, tmp_path: Path) -> None:
    found = call("analyse", clip, "--json")
    assert found.code == 0, found.err
    assert [(p["number"], p["frames"] > 0) for p in found.data["people"]] == [(1, True)]
    assert (found.data["frames"], found.data["rate"], found.data["width"]) == (36, "25", 320)
    face, = found.data["faces"]
    assert (face["person"], face["first"], face["last"], face["frames"]) == (1, 12, 35, 24)
    person, = found.data["people"]
    assert (person["frames"], person["seconds"]) == (24, 0.96)
    assert found.data["shots"][0]["first"] == 0
    assert found.data["shots"][-1]["last"] == 35
    kept = call("render", "--source", HOPPER, "--target", clip, "--output", tmp_path / "k.mp4", "--map", "1=keep")
    assert (kept.code, kept.last.split(":")[0]) == (2, "RECIPE.NOTHING_TO_DO")
    wrong = call("render", "--source", HOPPER, "--target", clip, "--output", tmp_path / "k.mp4", "--map",
                 "7=keep,1=keep")
    assert (wrong.code, wrong.last.split(":")[0]) == (2, "RECIPE.NO_SUCH_PERSON")
    done = call("render", "--source", "Grace=" + str(HOPPER), "--target", clip, "--output", tmp_path / "g.mp4",
                "--map", "1=grace,others=keep", "--json")
    assert done.code == 0, done.err
    assert done.data["people"] == [{"number": 1, "frames": 24}]
    recipe = Recipe.model_validate(done.data["recipe"])
    assert [len(person.descriptor) for person in recipe.people] == [128]
    # By a recipe's numbers and names; who is none of its people gets the number that follows.
    ann = recipe.people[0].model_copy(update={"number": 5, "name": "Ann"})
    stranger = ann.model_copy(update={"name": "Bob", "descriptor": tuple(-v for v in ann.descriptor)})
    for person, numbered in ((ann, (5, "Ann")), (stranger, (6, ""))):
        saved = tmp_path / "people.json"
        saved.write_text(recipe.model_copy(update={"people": (person,), "cast": {}}).to_json(), encoding="utf-8")
        named = call("analyse", clip, "--recipe", saved, "--json")
        assert [(p["number"], p["name"], p["frames"]) for p in named.data["people"]] == [(*numbered, 24)]
        assert [f["person"] for f in named.data["faces"]] == [numbered[0]]
        told = call("analyse", clip, "--recipe", saved).out
        assert ("  5  Ann, 0:00" in told) == (person is ann)
    assert found.data["people"][0]["name"] == ""
    assert call("analyse", HOPPER, "--recipe", saved).code == 2


def test_analyse_goes_on_after_ctrl_c(call: Door, clip: Path, short_parts: None, monkeypatch: pytest.MonkeyPatch,
                                      ) -> None:
    step = Pass.step

    def interrupted(by: Pass, frame: Looked) -> None:
        step(by, frame)
        if frame.index == 32:
            raise KeyboardInterrupt

    monkeypatch.setattr(Pass, "step", interrupted)
    stopped = call("analyse", clip)
    assert (stopped.code, stopped.last) == (130, "Stopped. 12 of 36 frames are known; the same command goes on.")
    monkeypatch.setattr(Pass, "step", step)
    assert call("analyse", clip, "--json").data["faces"][0]["frames"] == 24


def test_a_clip_can_be_a_source(call: Door, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = call("render", "--source", clip, "--target", HOPPER, "--output", out, "--json")
    assert done.code == 0, done.err
    measured = call("measure", "--source", ASTRONAUT, "--before", HOPPER, "--after", out, "--json").data
    face = measured["faces"][0]
    assert face["identity_to_source"] < face["identity_to_target"]


def test_nobody_to_be_found_is_an_error_and_leaves_nothing(call: Door, tmp_path: Path) -> None:
    empty = write_clip(tmp_path / "empty.mp4", [np.full((240, 320, 3), 100, np.uint8)] * 10)
    done = call("render", "--source", HOPPER, "--target", empty, "--output", tmp_path / "out.mp4")
    assert (done.code, done.last.split(":")[0]) == (1, "INPUT.NO_FACE")
    hidden = call("render", "--target", empty, "--output", tmp_path / "out.mp4", "--map", "others=blur")
    assert (hidden.code, hidden.last.split(":")[0]) == (1, "INPUT.NO_FACE")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "data") == ["empty.mp4"]


def test_a_box_drawn_by_hand_hides_what_the_detector_does_not_see(call: Door, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    texture = random.integers(60, 200, (24, 32, 3), dtype=np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    still = write_clip(tmp_path / "clip.mkv", [texture] * 12, codec="ffv1", options={})
    out = tmp_path / "out.mkv"
    done = call("render", "--target", still, "--output", out, *LOSSLESS, "--cover", "100,60,80,100@0.2=solid", "--json")
    assert done.code == 0, done.err
    assert done.data["changed"] == 12
    for before, after in zip(planes_of(still), planes_of(out), strict=True):
        assert (after[60:160, 100:180] != before[60:160, 100:180]).mean() > 0.9
        assert (after[:10] == before[:10]).all()
    late = call("render", "--target", still, "--output", tmp_path / "o.mkv", "--cover", "100,60,80,100")
    assert (late.code, "does not say when" in late.last) == (2, True)


@pytest.fixture(scope="session")
def vanishing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty frames of the astronaut; from the thirtieth on a dark bar comes down over her face, and stays."""
    folder = tmp_path_factory.mktemp("vanishing")
    frames = [frame.copy() for frame in bgr_of(face_clip(folder / "whole.mp4", 60))]
    for number, frame in enumerate(frames[30:], 1):
        frame[:min(24 * number, 210), 90:240] = 40
    return write_clip(folder / "clip.mp4", frames, gop=60)


def test_a_doubtful_span_holds_an_anonymised_clip_until_somebody_looked(call: Door, vanishing: Path, tmp_path: Path,
                                                                        ) -> None:
    out = tmp_path / "out.mp4"
    words = ["render", "--target", vanishing, "--output", out, "--map", "others=solid", "--json"]
    held = call(*words)
    assert (held.code, held.data["error"]["code"]) == (1, "ANONYMISE.DOUBTFUL"), held.err
    doubts = held.data["error"]["doubts"]
    assert doubts
    assert all(1.0 < doubt["stop"] <= 2.4 for doubt in doubts), doubts
    assert (out.exists(), finished_parts(out)) == (False, 1)
    accepted = [word for doubt in doubts for word in ("--accept", f"{doubt['start']:.2f}-{doubt['stop']:.2f}")]
    some = call(*words, "--resume", *accepted[:-2])
    assert some.data["error"]["code"] == "ANONYMISE.DOUBTFUL"
    done = call(*words, "--resume", *accepted)
    assert done.code == 0, done.err
    assert done.data["parts"] == {"rendered": 0, "reused": 1}
    assert "ANONYMISE.UNSEEN" in [note["code"] for note in done.data["notes"]]
    before, after = bgr_of(vanishing), bgr_of(out)
    # The face lies round (160, 120) and is covered while it can be seen, and a while longer.
    for number in range(34):
        assert np.abs(after[number][90:150, 130:190].astype(int) - before[number][90:150, 130:190]).mean() > 15, number
    assert not any(key in read_tags(out) for key in ("title", "artist", "comment", "location"))


def test_a_drawn_box_alone_leaves_the_faces_that_are_found(call: Door, tmp_path: Path) -> None:
    clip, out = face_clip(tmp_path / "clip.mp4", 12), tmp_path / "out.mkv"
    done = call("render", "--target", clip, "--output", out, *LOSSLESS, "--cover", "4,150,40,60@0.2=solid", "--json")
    assert done.code == 0, done.err
    touched = np.any([a != b for a, b in zip(planes_of(clip), planes_of(out), strict=True)], axis=0)[:240]
    assert touched[150:200, 10:40].all()
    assert not touched[:, 110:].any()


@pytest.mark.parametrize("ending", ["mp4", pytest.param("mkv", marks=pytest.mark.long)])
def test_what_no_effect_touches_is_copied_as_it_is(call: Door, clip: Path, tmp_path: Path, ending: str) -> None:
    """Three groups of twelve pictures; somebody is in the second and third, and the effects end with picture 15."""
    recipe, out = tmp_path / "r.json", tmp_path / f"out.{ending}"
    first = call("render", "--source", HOPPER, "--target", clip, "--output", tmp_path / "whole.mp4", "--stop", "14f",
                 "--save-recipe", recipe)
    assert first.code == 0, first.err
    data = json.loads(recipe.read_text())
    data["segments"] = [{"start": None, "stop": "16/25", "effects": data["segments"][0]["effects"]}]
    data["trim"] = {}
    recipe.write_text(json.dumps(data))
    done = call("render", "--recipe", recipe, "--output", out, "--json")
    assert done.code == 0, done.err
    assert (done.data["frames"], done.data["changed"], done.data["copied"]) == (36, 4, 24)
    assert done.data["parts"] == {"rendered": 2, "reused": 0}
    said = {note["code"]: note["words"] for note in done.data["notes"]}
    assert said["OUTPUT.COPIED"] == "1.0 of 1.4 s were copied as they are: no effect touches them."
    same = [bool((a == b).all()) for a, b in zip(planes_of(clip), planes_of(out), strict=True)]
    assert same == [True] * 12 + [False] * 12 + [True] * 12
    own, made = packets_of(clip, "video"), packets_of(out, "video")
    assert (made[:12], made[24:]) == (own[:12], own[24:])
    assert packets_of(out) == packets_of(clip)
    late = times_of(out)[0] if ending == "mkv" else 0
    assert [round(float(t - late), 3) for t in times_of(out)] == [round(float(t), 3) for t in times_of(clip)]
    again = call("render", "--recipe", recipe, "--output", tmp_path / f"all.{ending}", "--no-smart", "--json")
    assert (again.code, again.data["copied"]) == (0, 0), again.err
    assert "OUTPUT.COPIED" not in {note["code"] for note in again.data["notes"]}
    assert not any((a == b).all() for a, b in zip(planes_of(clip)[24:], planes_of(tmp_path / f"all.{ending}")[24:],
                                                  strict=True))


@pytest.mark.usefixtures("short_parts")
class TestGoingOn:
    """Interrupted renders."""

    def arguments(self, clip: Path, out: Path, *more: str) -> list[object]:
        return ["render", "--source", HOPPER, "--target", clip, "--output", out, *LOSSLESS, "--json", *more]

    def interrupted(self, call: Door, clip: Path, out: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        """Stops a render in its part number `after` + 1."""
        real, count = part.render_part, 0

        def failing(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            if count > after:
                raise KeyboardInterrupt
            return real(*args, **kwargs)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr("pipeline.rendering.run.render_part", failing)
            done = call(*self.arguments(clip, out))
        assert done.code == 130
        assert "--resume" in done.last

    def test_finished_parts_are_taken_over_and_the_frames_are_the_same(
            self, call: Door, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = call(*self.arguments(clip, tmp_path / "whole.mkv"))
        assert whole.data["parts"] == {"rendered": 3, "reused": 0}
        shutil.rmtree(tmp_path / "data" / "parts")
        out = tmp_path / "out.mkv"
        self.interrupted(call, clip, out, monkeypatch, after=2)
        assert not out.exists()
        assert finished_parts(out) == 2
        plain = call(*self.arguments(clip, out))
        assert (plain.code, plain.last.split(":")[0]) == (1, "OUTPUT.UNFINISHED")
        resumed = call(*self.arguments(clip, out, "--resume"))
        assert resumed.code == 0, resumed.err
        assert resumed.data["parts"] == {"rendered": 1, "reused": 2}
        for a, b in zip(planes_of(tmp_path / "whole.mkv"), planes_of(out), strict=True):
            assert (a == b).all()
        assert not parts_folder(out).exists()

    def test_resume_with_nothing_to_go_on_with_begins_afresh(self, call: Door, clip: Path, tmp_path: Path) -> None:
        done = call(*self.arguments(clip, tmp_path / "out.mkv", "--resume"))
        assert done.data["parts"] == {"rendered": 3, "reused": 0}

    def test_a_change_to_one_segment_renders_only_its_parts(self, call: Door, clip: Path, tmp_path: Path) -> None:
        first = call(*self.arguments(clip, tmp_path / "one.mkv", "--save-recipe", str(tmp_path / "r.json")))
        assert first.code == 0, first.err
        recipe = json.loads((tmp_path / "r.json").read_text())
        chain = recipe["segments"][0]["effects"]
        weaker = json.loads(json.dumps(chain))
        weaker[0]["params"]["strength"] = 0.3

        def render(second: list[object], out: Path) -> dict[str, int]:
            recipe["segments"] = [{"start": None, "stop": "24/25", "effects": chain},
                                  {"start": "24/25", "stop": None, "effects": second}]
            (tmp_path / "s.json").write_text(json.dumps(recipe))
            done = call("render", "--recipe", tmp_path / "s.json", "--output", out, *LOSSLESS, "--json")
            assert done.code == 0, done.err
            parts: dict[str, int] = done.data["parts"]
            return parts

        assert render(chain, tmp_path / "two.mkv") == {"rendered": 0, "reused": 3}
        assert render(weaker, tmp_path / "three.mkv") == {"rendered": 1, "reused": 2}
        one, three = planes_of(tmp_path / "one.mkv"), planes_of(tmp_path / "three.mkv")
        assert [bool((a != b).any()) for a, b in zip(one, three, strict=True)] == [False] * 24 + [True] * 12

    def test_copied_groups_are_in_nobodys_way(self, call: Door, clip: Path, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
        """Of them no part is kept: they are copied whenever the clip is joined."""
        saved = call("render", "--source", HOPPER, "--target", clip, "--output", tmp_path / "s.mkv", "--stop", "14f",
                     *LOSSLESS, "--save-recipe", tmp_path / "r.json")
        assert saved.code == 0, saved.err
        data = json.loads((tmp_path / "r.json").read_text())
        chain = data["segments"][0]["effects"]
        data["output"]["clip"] = {}
        data["trim"] = {}
        data["segments"] = [{"start": "12/25", "stop": "24/25", "effects": chain}]
        (tmp_path / "r.json").write_text(json.dumps(data))
        words = ["render", "--recipe", tmp_path / "r.json", "--output", tmp_path / "out.mp4", "--json"]
        with monkeypatch.context() as patch:
            patch.setattr("pipeline.rendering.run.join", _interrupted)
            assert call(*words).code == 130
        assert finished_parts(tmp_path / "out.mp4") == 1
        done = call(*words, "--resume")
        assert done.code == 0, done.err
        assert (done.data["parts"], done.data["copied"]) == ({"rendered": 0, "reused": 1}, 24)
        assert not parts_folder(tmp_path / "out.mp4").exists()
        words[4] = tmp_path / "second.mp4"
        assert call(*words).data["parts"] == {"rendered": 0, "reused": 1}
        assert planes_of(tmp_path / "second.mp4")[0].tobytes() == planes_of(clip)[0].tobytes()


def _interrupted(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


def start(*words: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(WEBUI), *map(str, words)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=cwd, stdin=subprocess.DEVNULL)


def test_an_interrupt_ends_a_render_and_says_how_to_go_on(clip: Path, tmp_path: Path) -> None:
    long = face_clip(tmp_path / "long.mp4", 400, gop=50)
    out = tmp_path / "out.mp4"
    process = start("render", "--source", HOPPER, "--target", long, "--output", out)
    try:
        limit = time.monotonic() + 60
        while not list(parts_folder(out).glob("*.nut*")) and time.monotonic() < limit:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Stopped" in err.splitlines()[-1]
    assert not out.exists()
    assert os.path.lexists(parts_folder(out)) == (finished_parts(out) > 0)
