"""`measure` on clips: figures, what stands out, and a page that needs nothing beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.analysis.looking import Pass
from pipeline.engine import ClipWritten
from pipeline.tracking.follow import Follower
from tests.conftest import ASTRONAUT, HOPPER
from tests.door.conftest import Call
from tests.door.making import face_clip
from tests.pipeline.findings.planting import DEFECTS, FRAMES

Door = Callable[..., Call]


class _Page(HTMLParser):
    """Tags, and whatever an attribute would have a browser fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]


@pytest.mark.long
def test_planted_defects_are_measured_and_shown_on_a_page(call: Door, planted_clip: Path, planted: ClipWritten,
                                                          tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    words = ("measure", "--before", planted_clip, "--after", planted.path, "--source", HOPPER, "--report", report,
             "--json")
    done = call(*words)
    assert done.code == 0, done.err
    data = done.data
    found = [(one["code"], one["first"], one["last"]) for one in data["findings"]]
    # The astronaut on the astronaut is as good as nothing on her.
    assert found == [("FINDING.REVERTED", *DEFECTS.missed), ("FINDING.JUMP", *DEFECTS.jump),
                     ("FINDING.EXPOSURE", *DEFECTS.bright), ("FINDING.REVERTED", *DEFECTS.wrong)]
    person, = data["people"]
    assert (person["person"], person["frames"], data["frames"]) == (0, FRAMES, FRAMES)
    assert person["identity_to_source"] < person["identity_to_target"]
    text = report.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.tags.count("svg") == 8
    assert page.tags.count("li") == len(data["findings"])
    assert page.tags.count("img") == 2 * len(data["findings"])
    assert "script" not in page.tags
    assert all(url.startswith("data:image/jpeg;base64,/9j/") for url in page.fetched)
    assert not re.search(r"url\(|@import", text)
    assert "prefers-color-scheme: dark" in text
    again = call(*words)
    assert again.code == 1
    assert json.loads(again.out)["error"]["code"] == "OUTPUT.EXISTS"


def test_faces_are_where_the_stored_analysis_has_them(call: Door, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    clip = face_clip(tmp_path / "clip.mp4", 18, size=(256, 192), sound=False)
    known = call("analyse", clip, "--json").data["faces"]

    def never(*_: object) -> None:
        raise AssertionError("it is looked at again, or followed as it comes")

    monkeypatch.setattr(Pass, "step", never)
    monkeypatch.setattr(Follower, "step", never)
    done = call("measure", "--before", clip, "--after", clip, "--source", HOPPER, "--json")
    assert done.code == 0, done.err
    assert [person["frames"] for person in done.data["people"]] == [face["frames"] for face in known]
    assert done.data["people"][0]["change"] == 0
    # What nobody has changed is taken for whom it shows, from first to last.
    assert [(f["code"], f["first"], f["last"]) for f in done.data["findings"]] == [("FINDING.UNLIKE", 0, 17)]


def test_clips_that_do_not_belong_together_are_refused(call: Door, planted_clip: Path, tmp_path: Path) -> None:
    other = face_clip(tmp_path / "other.mp4", 4, size=(240, 240), sound=False)
    sizes = call("measure", "--before", planted_clip, "--after", other, "--source", HOPPER)
    assert sizes.last.startswith("MEASURE.SIZE: ")
    short = face_clip(tmp_path / "short.mp4", 4, size=(256, 192), sound=False)
    frames = call("measure", "--before", planted_clip, "--after", short, "--source", HOPPER)
    assert frames.last.startswith("MEASURE.FRAMES: short.mp4 has 4 frames")
    mixed = call("measure", "--before", planted_clip, "--after", ASTRONAUT, "--source", HOPPER)
    assert mixed.code == 2
    page = call("measure", "--before", ASTRONAUT, "--after", ASTRONAUT, "--source", HOPPER, "--report", tmp_path / "r")
    assert page.code == 2
    assert "--report is for clips" in page.last
