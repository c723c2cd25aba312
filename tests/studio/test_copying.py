"""The switch for copying what no effect touches, and what the estimate says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.recipe import ClipOutput
from studio import views
from studio.clip_reload import request_of
from studio.session import TabSession
from studio.settings import Settings
from tests.door.making import write_clip
from tests.processors.classical.test_keying import scene
from tests.studio.clips import do


def bar(tab: TabSession, folder: Path) -> dict[str, Any]:
    return views.bar(tab, Settings(folder))


def output(tab: TabSession, **settings: Any) -> None:
    do(tab, do="clip_output", settings=ClipOutput(**settings).model_dump())


def test_what_is_copied_is_said_and_can_be_switched_off(tab: TabSession, tmp_path: Path) -> None:
    pixels = scene(noise=0).pixels[:, :352]
    path = write_clip(tmp_path / "in.mp4", [pixels] * 24, gop=8, sound=False)
    do(tab, do="open", at=str(path), name=path.name, how="machine")
    do(tab, do="split", frame=8)
    do(tab, do="at", frame=0)
    do(tab, do="add_effect", processor="keyer")
    view = bar(tab, tmp_path)
    assert view["output"]["can_copy"]
    assert view["output"]["settings"]["smart"], "it is on unless switched off"
    assert (view["estimate"]["frames"], view["estimate"]["copied"]) == (24, 16)
    output(tab, smart=False)
    view = bar(tab, tmp_path)
    assert (view["output"]["can_copy"], view["output"]["settings"]["smart"]) == (True, False)
    assert view["estimate"]["copied"] == 0
    do(tab, do="render")
    job, = tab.machine.jobs.list()
    assert request_of(job).recipe.output.clip.smart is False
    do(tab, do="mute_effect", effect="frame", on=False)  # nothing is to be estimated any more
    for settings in ({"container": "webm"}, {"codec": "h265"}, {"height": 120}, {"fps": "30"}):
        output(tab, **settings)
        assert not bar(tab, tmp_path)["output"]["can_copy"], settings
