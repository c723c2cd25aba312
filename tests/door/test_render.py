"""`render`, `analyse` and `measure`: pixels, people, recipes, and what is said."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from pipeline.pictures import read_provenance
from pipeline.recipe import Recipe, RunEffects
from tests.conftest import read_bgr
from tests.door.conftest import WEBUI, Call

Door = Callable[..., Call]


def changed(before: Path, after: Path) -> Pixels:
    """(H, W) bool: where two pictures differ."""
    return np.asarray((read_bgr(before) != read_bgr(after)).any(axis=2))


def boxes(call: Door, picture: Path) -> dict[int, list[int]]:
    found = call("analyse", picture, "--json").data["faces"]
    return {face["number"]: [int(v) for v in face["box"]] for face in found}


def touched(difference: Pixels, box: list[int]) -> bool:
    x0, y0, x1, y1 = box
    return bool(difference[y0:y1, x0:x1].any())


def test_one_identity_goes_on_every_face_and_the_rest_stays_bit_for_bit(call: Door, folder: Path) -> None:
    out = folder / "out.png"
    before = folder / "six.png"
    cv2.imwrite(str(before), read_bgr(folder / "six.jpg"))
    done = call("render", "--source", folder / "astronaut.png", "--target", before, "--output", out, "--json")
    assert done.code == 0, done.err
    data = done.data
    assert data["output"] == str(out)
    assert (data["format"], data["width"], data["height"], data["bytes"]) == ("png", 1280, 886, out.stat().st_size)
    assert [face["choice"] for face in data["faces"]] == [{"use": "source", "source": "astronaut"}] * 6
    difference = changed(before, out)
    assert all(touched(difference, box) for box in boxes(call, before).values())
    # Six faces of 41 to 69 px between the eyes; a whole head of each would be 12 % of this picture.
    assert 0.01 < difference.mean() < 0.12
    measured = call("measure", "--source", folder / "astronaut.png", "--before", before, "--after", out, "--json").data
    assert measured["outside"]["pixels"] == 0
    assert sum(face["identity_to_source"] < face["identity_to_target"] for face in measured["faces"]) >= 5


def test_no_flags_are_the_preset_natural(call: Door, folder: Path) -> None:
    flags = ("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg", "--output")
    plain = call(*flags, folder / "plain.png", "--json").data
    named = call(*flags, folder / "named.png", "--preset", "natural", "--json").data
    assert plain["recipe"]["segments"] == named["recipe"]["segments"]
    assert (read_bgr(folder / "plain.png") == read_bgr(folder / "named.png")).all()


def test_the_map_decides_person_by_person(call: Door, folder: Path) -> None:
    out = folder / "out.png"
    done = call("render", "--source", f"Ann={folder / 'astronaut.png'}", "--source", folder / "hopper.jpg",
                "--target", folder / "six.jpg", "--output", out, "--map", "1=Ann,2=keep,4=blur,6=hopper",
                "--effects", "geometric,hull,feather", "--json")
    assert done.code == 0, done.err
    used = {face["number"]: face["choice"] for face in done.data["faces"]}
    assert used[1] == {"use": "source", "source": "Ann"}
    assert used[2] == used[3] == used[5] == {"use": "keep"}
    assert used[4] == {"use": "anonymise", "style": "blur"}
    assert used[6] == {"use": "source", "source": "hopper"}
    difference = changed(folder / "six.jpg", out)
    assert {n for n, box in boxes(call, folder / "six.jpg").items() if touched(difference, box)} == {1, 4, 6}


def test_several_identities_without_a_map_end_with_exit_2_and_the_list_of_faces(call: Door, folder: Path) -> None:
    words = ("render", "--source", folder / "astronaut.png", "--source", folder / "hopper.jpg",
             "--target", folder / "six.jpg", "--output", folder / "out.png")
    done = call(*words)
    assert done.code == 2
    assert done.out == ""
    listed = [line for line in done.err.splitlines() if line.startswith("  ") and " at (" in line]
    assert [line.split()[0] for line in listed] == ["1", "2", "3", "4", "5", "6"]
    assert done.last.startswith("USAGE.WHO: ")
    assert not (folder / "out.png").exists()
    again = call(*words, "--json")
    assert again.code == 2
    assert [face["number"] for face in again.data["error"]["faces"]] == [1, 2, 3, 4, 5, 6]


def test_a_person_who_is_not_there_ends_with_exit_2_and_the_list_of_faces(call: Door, folder: Path) -> None:
    done = call("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg",
                "--output", folder / "out.png", "--map", "2=astronaut")
    assert done.code == 2
    assert done.last.startswith("RECIPE.NO_SUCH_PERSON: ")
    assert "\n  1  at (" in done.err


def test_everybody_can_be_made_unrecognisable_without_a_source(call: Door, folder: Path) -> None:
    out = folder / "out.jpg"
    done = call("render", "--target", folder / "hopper.jpg", "--output", out, "--map", "others=solid")
    assert done.code == 0, done.err
    found = read_provenance(out)
    assert found is not None
    assert found.kind == "anonymise"


def test_a_file_name_may_hold_equals_signs(call: Door, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shutil.move("astronaut.png", "a=b.png")
    fast = ("--target", "hopper.jpg", "--preset", "fast", "--json")
    plain = call("render", "--source", "a=b.png", "--output", "1.png", *fast).data
    named = call("render", "--source", "Ann=a=b.png", "--output", "2.png", *fast).data
    assert [plain["sources"][0]["name"], named["sources"][0]["name"]] == ["a=b", "Ann"]
    assert plain["recipe"]["sources"][0]["photos"] == named["recipe"]["sources"][0]["photos"]


def test_a_source_with_several_faces_is_picked_by_number_or_by_size_and_it_is_said(call: Door, folder: Path) -> None:
    fast = ("render", "--target", folder / "hopper.jpg", "--preset", "fast", "--output")
    largest = call(*fast, folder / "1.png", "--source", folder / "six.jpg")
    assert largest.code == 0, largest.err
    assert "6 faces; the largest (number" in largest.err
    picked = call(*fast, folder / "2.png", "--source", f"{folder / 'six.jpg'}#5")
    assert "the largest" not in picked.err
    assert (read_bgr(folder / "1.png") != read_bgr(folder / "2.png")).any()
    missing = call(*fast, folder / "3.png", "--source", f"{folder / 'six.jpg'}#7")
    assert missing.code == 1
    assert missing.last.startswith("INPUT.NO_SUCH_FACE: ")


def test_a_saved_recipe_makes_the_same_picture_again(call: Door, folder: Path) -> None:
    first = call("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg", "--preset", "fast",
                 "--output", folder / "1.png", "--set", "swapper.strength=0.6", "--save-recipe", folder / "r.json",
                 "--json")
    assert first.code == 0, first.err
    saved = json.loads((folder / "r.json").read_text())
    assert saved == first.data["recipe"]
    assert saved["schema_version"] == 1
    assert Recipe.model_validate(saved).effects[0].params == {"strength": 0.6}
    again = call("render", "--recipe", folder / "r.json", "--output", folder / "2.png",
                 "--save-recipe", folder / "r2.json")
    assert again.code == 0, again.err
    assert (read_bgr(folder / "2.png") == read_bgr(folder / "1.png")).all()
    assert (folder / "r2.json").read_bytes() == (folder / "r.json").read_bytes()
    stronger = call("render", "--recipe", folder / "r.json", "--output", folder / "3.png",
                    "--set", "swapper.strength=1")
    assert stronger.code == 0
    assert (read_bgr(folder / "3.png") != read_bgr(folder / "1.png")).any()


def test_a_recipe_travels_with_its_files_and_knows_when_they_are_others(call: Door, folder: Path) -> None:
    done = call("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg", "--preset", "fast",
                "--output", folder / "1.png", "--save-recipe", folder / "r.json")
    assert done.code == 0, done.err
    moved = folder / "moved"
    moved.mkdir()
    for name in ("astronaut.png", "hopper.jpg", "r.json"):
        shutil.move(folder / name, moved / name)
    again = call("render", "--recipe", moved / "r.json", "--output", folder / "2.png")
    assert again.code == 0, again.err
    assert (read_bgr(folder / "1.png") == read_bgr(folder / "2.png")).all()
    cv2.imwrite(str(moved / "hopper.jpg"), read_bgr(moved / "hopper.jpg")[20:])
    other = call("render", "--recipe", moved / "r.json", "--output", folder / "3.png")
    assert other.code == 1
    assert other.last.startswith("RECIPE.INPUT_CHANGED: ")
    assert not (folder / "3.png").exists()
    meant = call("render", "--recipe", moved / "r.json", "--target", moved / "hopper.jpg",
                 "--source", f"Ann={moved / 'astronaut.png'}", "--output", folder / "4.png", "--json")
    assert meant.code == 0, meant.err
    assert meant.data["recipe"]["everyone"] == {"use": "source", "source": "Ann"}


@pytest.mark.parametrize(("change", "code"), [
    (lambda r: "{", "RECIPE.UNREADABLE"),
    (lambda r: json.dumps({**r, "schema_version": 99}), "RECIPE.VERSION"),
    (lambda r: json.dumps({**r, "colour": "red"}), "RECIPE.INVALID"),
    (lambda r: json.dumps({**r, "everyone": {"use": "source", "source": "Nobody"}}), "RECIPE.INVALID"),
])
def test_a_recipe_that_is_none_is_refused_with_exit_1(call: Door, folder: Path, change: Callable[[object], str],
                                                    code: str) -> None:
    (folder / "r.json").write_text(change(json.loads(Recipe().to_json())))
    done = call("render", "--recipe", folder / "r.json", "--target", folder / "hopper.jpg", "--output",
                folder / "out.png", "--source", folder / "astronaut.png")
    assert done.code == 1
    assert done.last.startswith(f"{code}: ")
    assert "r.json" in done.last


@pytest.mark.parametrize("which", ["source", "target", "recipe"])
def test_a_missing_file_is_named_with_exit_1(call: Door, folder: Path, which: str) -> None:
    flags = {"source": folder / "astronaut.png", "target": folder / "hopper.jpg", "output": folder / "out.png"}
    flags[which] = folder / "nowhere.jpg"
    done = call("render", *(word for name, path in flags.items() for word in (f"--{name}", path)))
    assert done.code == 1
    assert done.last.startswith("INPUT.MISSING: ")
    assert "nowhere.jpg" in done.last
    assert not (folder / "out.png").exists()


def test_what_is_there_is_replaced_only_when_that_is_said(call: Door, folder: Path) -> None:
    out = folder / "out.png"
    out.write_bytes(b"mine")
    words = ("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg", "--preset", "fast",
             "--output")
    refused = call(*words, out)
    assert (refused.code, refused.last.partition(":")[0]) == (1, "OUTPUT.EXISTS")
    assert out.read_bytes() == b"mine"
    recipe = call(*words, folder / "new.png", "--save-recipe", out)
    assert (recipe.code, recipe.last.partition(":")[0]) == (1, "OUTPUT.EXISTS")
    assert not (folder / "new.png").exists()
    source = call(*words, folder / "astronaut.png", "--overwrite")
    assert (source.code, source.last.partition(":")[0]) == (1, "OUTPUT.IS_INPUT")
    both = call(*words, out, "--save-recipe", folder / ".." / folder.name / out.name, "--overwrite")
    assert (both.code, both.last.partition(":")[0]) == (2, "USAGE.INVALID")
    assert out.read_bytes() == b"mine"
    assert call(*words, out, "--overwrite").code == 0
    assert out.read_bytes()[:4] == b"\x89PNG"


def test_picture_and_recipe_are_written_both_or_neither(call: Door, folder: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder / "recipes")):
            raise OSError(errno.ENOSPC, "No space left on device")

    (folder / "recipes").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    done = call("render", "--target", folder / "hopper.jpg", "--map", "1=solid", "--output", folder / "out.png",
                "--save-recipe", folder / "recipes" / "r.json")
    assert (done.code, done.last.partition(":")[0]) == (1, "DISK.FULL")
    assert not (folder / "out.png").exists()
    assert list((folder / "recipes").iterdir()) == []


def test_a_chain_that_does_nothing_is_not_said_to_have_changed_anybody(call: Door, folder: Path) -> None:
    words = ("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg", "--output",
             folder / "out.png")
    assert call(*words, "--effects", " , ").code == 2
    off = Recipe().with_effects(())
    (folder / "r.json").write_text(off.model_copy(update={"everyone": RunEffects()}).to_json())
    none = call(*words[:1], *words[3:], "--recipe", folder / "r.json")
    assert (none.code, none.last.partition(":")[0]) == (2, "RECIPE.NOTHING_TO_DO")
    assert not (folder / "out.png").exists()
    alone = call(*words, "--effects", "hull")
    assert alone.code == 0
    assert "0 faces changed of 1 found" in alone.out


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_file_name_that_is_not_unicode_works_and_is_spelt_out(call: Door, folder: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    shutil.copy(folder / "astronaut.png", folder / f"{odd}.png")
    done = call("render", "--source", folder / f"{odd}.png", "--target", folder / f"{odd}.png", "--map", f"1={odd}",
                "--effects", "geometric,hull,feather", "--output", folder / "out.png", "--save-recipe",
                folder / "r.json")
    assert done.code == 0, done.err
    saved = json.loads((folder / "r.json").read_text())
    assert (saved["target"]["name"], saved["target"]["path"]) == ("caf\\udce9.png", None)


@pytest.mark.parametrize(("name", "code"), [("out.gif", "OUTPUT.FORMAT"), ("out", "OUTPUT.FORMAT"),
                                          ("no/folder/out.png", "OUTPUT.NO_FOLDER")])
def test_an_output_that_cannot_be_is_refused_before_any_work(call: Door, folder: Path, name: str, code: str) -> None:
    done = call("render", "--source", folder / "astronaut.png", "--target", folder / "hopper.jpg",
                "--output", folder / name)
    assert (done.code, done.last.partition(":")[0]) == (1, code)


def test_a_clip_where_a_picture_is_wanted_is_refused_with_a_code(call: Door, folder: Path) -> None:
    clip = folder / "clip.mp4"
    clip.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 64)
    done = call("measure", "--source", clip, "--before", folder / "hopper.jpg", "--after", folder / "hopper.jpg")
    assert (done.code, done.last.partition(":")[0]) == (1, "INPUT.IS_CLIP")


def test_errors_are_json_too_and_stdout_holds_nothing_else(call: Door, folder: Path) -> None:
    done = call("analyse", folder / "nowhere.jpg", "--json")
    assert done.code == 1
    assert done.data == {"error": {"code": "INPUT.MISSING", "message": done.data["error"]["message"],
                                   "subject": done.data["error"]["subject"],
                                   "remedy": done.data["error"]["remedy"]}}
    assert done.data["error"]["remedy"]


def test_a_picture_without_a_face_is_an_analysis_with_none_and_a_render_refused(call: Door, folder: Path) -> None:
    cv2.imwrite(str(folder / "empty.png"), np.full((200, 200, 3), 128, np.uint8))
    assert call("analyse", folder / "empty.png", "--json").data["faces"] == []
    done = call("render", "--source", folder / "astronaut.png", "--target", folder / "empty.png",
                "--output", folder / "out.png")
    assert (done.code, done.last.partition(":")[0]) == (1, "INPUT.NO_FACE")
    assert "empty.png" in done.last


def test_analysis_tells_where_how_and_what_may_go_wrong(call: Door, folder: Path) -> None:
    data = call("analyse", folder / "six.jpg", "--json").data
    assert (Path(data["file"]).name, data["width"], data["height"], data["format"]) == ("six.jpg", 1280, 886, "jpeg")
    faces = data["faces"]
    assert [face["number"] for face in faces] == [1, 2, 3, 4, 5, 6]
    assert [face["box"][0] for face in faces] == sorted(face["box"][0] for face in faces)
    for face in faces:
        x0, y0, x1, y1 = face["box"]
        inside = [x0 - 20 < x < x1 + 20 and y0 - 20 < y < y1 + 20 for x, y in face["points"]]
        assert len(inside) == 68
        assert sum(inside) >= 64
        assert 40 < face["size"] < 75
    assert any(remark["code"] == "FACE.TURNED" for remark in faces[4]["remarks"])
    words = call("analyse", folder / "six.jpg").out
    assert "six.jpg: 1280 × 886, 6 faces" in words
    assert "Turned" in words


def test_looking_harder_is_asked_for_by_word_and_kept_in_the_recipe(call: Door, folder: Path) -> None:
    turned = folder / "turned.png"
    cv2.imwrite(str(turned), np.ascontiguousarray(np.rot90(read_bgr(folder / "hopper.jpg"))))
    found = call("analyse", turned, "--look", "turned", "--json").data
    assert found["looking"] == {"small": False, "turned": True}
    assert [abs(face["pose"]["roll"]) > 60 for face in found["faces"]] == [True]
    done = call("render", "--target", turned, "--look", "turned", "--map", "1=blur", "--output", folder / "out.png",
                "--json")
    assert done.code == 0, done.err
    assert done.data["recipe"]["looking"] == {"small": False, "turned": True}


def test_remarks_are_told_in_words_for_each_face(call: Door, folder: Path) -> None:
    done = call("render", "--source", folder / "astronaut.png", "--target", folder / "six.jpg",
                "--output", folder / "out.png", "--map", "5=astronaut")
    assert done.code == 0, done.err
    assert any(line.startswith("Face 5: ") for line in done.err.splitlines())
    assert "1 face changed of 6 found" in done.out


def test_in_a_pipe_there_is_no_progress(folder: Path) -> None:
    done = subprocess.run([sys.executable, str(WEBUI), "analyse", "hopper.jpg"], cwd=folder, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=True)
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout
    assert done.stdout.startswith(b"hopper.jpg: ")


def wait_for_work(process: subprocess.Popen[str]) -> None:
    """Until dlib is loaded: faces are about to be looked for."""
    maps = Path(f"/proc/{process.pid}/maps")
    deadline = time.monotonic() + 60
    while maps.exists() and "dlib" not in maps.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.parametrize("later", [0.0, 1.5])
def test_an_interrupt_ends_with_130_and_leaves_nothing_half_written(folder: Path, later: float) -> None:
    names = sorted(os.listdir(folder))
    process = subprocess.Popen(
        [sys.executable, str(WEBUI), "render", "--source", "six.jpg", "--target", "six.jpg",
         "--output", "out.png", "--save-recipe", "r.json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    wait_for_work(process)
    time.sleep(later)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert sorted(os.listdir(folder)) == names
