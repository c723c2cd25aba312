"""What was found in a render into numbered pictures: on its card, and in the list with pictures, as of any other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.interfaces import FaceStack
from pipeline.clips import sequences
from pipeline.engine import Engine
from pipeline.recipe import ClipOutput, Output, Recipe
from studio import clip_findings
from studio.clip_findings import _result
from studio.job_views import card
from studio.machine import Machine
from studio.session import TabSession
from studio.tabs import Tabs
from studio.work import Worker
from tests.studio.clips import codes, do
from tests.studio.defects import PLANTED, finish, plant, prepare, quick

BEGIN, END = 7, 15


@pytest.fixture
def tab(tmp_path: Path, stack: FaceStack, planted_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TabSession]:
    """Nine frames were rendered into pictures; the face was missed in three of them."""
    plant(monkeypatch)
    engine, machine = quick(Engine(faces=stack)), Machine(tmp_path / "data")
    with ThreadPoolExecutor(1) as executor:
        tabs = Tabs(engine, Worker(executor), tmp_path / "data" / "tabs" / "run", machine)
        tabs.uploads.mkdir(parents=True)
        tab = tabs.open("one")
        prepare(tab, planted_clip)
        do(tab, do="trim", start=BEGIN, stop=END + 1)
        c = tab.clip
        c.put(Recipe.model_validate({**c.recipe.model_dump(),
                                     "output": Output(clip=ClipOutput(container="sequence", codec="png"))}))
        (tmp_path / "out").mkdir()
        do(tab, do="render", output=str(tmp_path / "out" / "shot_%04d.png"))
        assert codes(tab) == []
        [job] = machine.jobs.list()
        finish(engine, machine, job.id)
        yield tab
        tabs.close_all()
        machine.close()
        engine.close()


def test_numbered_pictures_have_findings_on_their_card_and_in_the_list(
        tab: TabSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [job] = tab.machine.jobs.list()
    assert len(list((tmp_path / "out").glob("*.png"))) == END - BEGIN + 1
    assert card(job, "tab")["findings"] == {"count": 1, "high": 1, "middle": 0, "low": 0}
    # Pictures have no times of their own: what they are opened with does not say which frame is which.
    monkeypatch.setattr(sequences, "RATE", 10)
    do(tab, do="findings", job=job.id)
    assert codes(tab) == []
    judged = tab.clip.judged
    assert judged is not None
    assert [(row["code"], row["first"], row["last"]) for row in clip_findings.listed(judged)] == \
        [("FINDING.MISSED", *PLANTED.missed)]
    assert judged.after is not None
    assert judged.after.kind == "sequence"
    assert judged.after.rate == 10
    assert [judged._index_after(frame) for frame in (BEGIN - 1, BEGIN, 12, END, END + 1)] == [None, 0, 5, 8, None]
    missed = judged.thumbnail(0, "before"), judged.thumbnail(0, "after")
    beside = judged.face(0, 14, "before", 160), judged.face(0, 14, "after", 160)
    away = [float(np.abs(_pixels(one) - _pixels(other)).mean()) for one, other in (missed, beside)]
    assert away[0] < 1, "nothing was drawn where no face was found, and PNG loses nothing"
    assert away[1] > 4
    # Pictures that are not those of the render are not shown.
    version, output = judged.version.output, tmp_path / "out" / "shot_%04d.png"
    (tmp_path / "out" / "shot_0003.png").unlink()
    assert _result(tab.clip, output, version) is None
    (tmp_path / "out" / "shot_0002.png").replace(tmp_path / "out" / "shot_0003.png")
    assert _result(tab.clip, output, version) is None
    assert _result(tab.clip, tmp_path / "gone" / "shot_%04d.png", version) is None


def _pixels(jpeg: bytes | None) -> np.ndarray:
    assert jpeg is not None
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)
