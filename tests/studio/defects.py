"""A finished job whose result has defects in known frames, for tests of what the studio shows of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine import Control, Engine, Estimate
from pipeline.findings.store import Versions
from pipeline.jobs.worker import result_of
from pipeline.pictures.preview import Encoded
from pipeline.recipe import make_effects
from pipeline.rendering import plan as plans
from pipeline.rendering.desk import Drawn
from pipeline.rendering.kept import KeptParts
from pipeline.rendering.run import render_clip
from studio.clip_reload import request_of
from studio.machine import Machine
from studio.session import TabSession
from tests.conftest import HOPPER
from tests.pipeline.findings.planting import CHAIN, Defects
from tests.studio.clips import do

PLANTED = Defects(missed=(10, 12), bright=(26, 31))
CODES = ["FINDING.MISSED", "FINDING.EXPOSURE"]


def plant(patch: pytest.MonkeyPatch) -> None:
    """Two parts, the first with a face that is not found, the second with one that is too bright."""
    patch.setattr(plans, "SHORTEST", 10)
    patch.setattr(plans, "LONGEST", 20)
    PLANTED.plant(patch)


FIRST, STOP = 4, 44
"""Frames that are rendered."""


def quick(engine: Engine) -> Engine:
    """An engine that does not look for people, nor tries how long a render takes: nobody asks here."""
    engine.look_through = lambda *_args, **_more: ()  # type: ignore[method-assign]
    engine.estimate = lambda *_args, **_more: Estimate(STOP - FIRST, 1.0, 1000, 1 << 30)  # type: ignore[method-assign]
    return engine


def blind(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """What the playhead's frame would become is drawn for nobody."""
    patch.setattr(engine, "clip_preview", lambda *_args, **_more: (Encoded(b"", "image/jpeg"), Drawn(None, {})))  # type: ignore[arg-type]
    patch.setattr(engine, "faces_at", lambda *_: ())


def prepare(tab: TabSession, clip: Path) -> None:
    """The clip open, and Hopper on whoever is in it."""
    with pytest.MonkeyPatch.context() as patch:
        blind(tab.engine, patch)
        do(tab, do="screen", to="clip")
        do(tab, do="add_photo", at=str(HOPPER), name=HOPPER.name, how="machine", to=None)
        name = tab.clip.recipe.sources[0].name
        do(tab, do="consent", source=name)
        do(tab, do="open", at=str(clip), name=clip.name, how="machine")
        do(tab, do="trim", start=FIRST, stop=STOP)
        tab.clip.put(tab.clip.recipe.with_effects(make_effects(CHAIN, tab.engine.registry)))
        do(tab, do="choose_others", choice={"use": "source", "source": name})


def finish(engine: Engine, machine: Machine, job: str) -> None:
    """Does what a worker does with the next job, in this process."""
    jobs = machine.jobs
    claimed = jobs._store.claim("worker")
    assert claimed is not None
    assert claimed.id == job
    written = render_clip(engine, request_of(claimed), Control(), kept=KeptParts(machine.data_dir / "parts"),
                          versions=Versions(machine.data_dir / "versions"))
    assert jobs._store.settle(job, "worker", "done", result=result_of(written))
