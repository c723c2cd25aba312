"""The worker that people get, with the real render."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.interfaces import FaceStack
from pipeline.engine import Engine
from pipeline.jobs.runner import Jobs
from pipeline.recipe import Recipe, RunEffects, input_of, make_effects
from pipeline.rendering.request import ClipRequest
from tests.pipeline.jobs.conftest import until


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "jobs")
    made.start()
    yield made
    made.close()


def test_it_starts_from_any_folder_and_says_what_the_render_raises(jobs: Jobs, tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    for package in ("av", "models", "pipeline"):  # not ours: must not be taken for it
        (elsewhere / package).mkdir(parents=True)
        (elsewhere / package / "__init__.py").write_text("raise RuntimeError('a stranger')")
    monkeypatch.chdir(elsewhere)
    missing = tmp_path / "gone.mp4"
    recipe = Recipe(target=input_of(f"sha256:{0:064}", "gone.mp4", missing), everyone=RunEffects())
    id = jobs.submit("gone.mp4", ClipRequest(recipe=recipe, output=tmp_path / "out.mp4"))
    until(lambda: jobs.get(id).state in ("failed", "interrupted", "done"), "it ends")
    error = jobs.get(id).error
    assert error is not None, (jobs.own_folder(id) / "log.txt").read_text()
    assert (error.code, error.subject) == ("INPUT.MISSING", str(missing))


@pytest.mark.long
def test_a_clip_is_rendered_and_its_row_has_what_came_of_it(jobs: Jobs, tmp_path: Path, astronaut: Pixels,
                                                           stack: FaceStack) -> None:
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(30):
            moved: Pixels = cv2.resize(np.roll(astronaut[:300, 60:460], number // 3, axis=1), (320, 240))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="bgr24")))
        container.mux(stream.encode(None))
    engine = Engine(faces=stack)
    clip = engine.open_clip(path)
    recipe = Recipe(target=input_of(clip.id, clip.name, path), everyone=RunEffects()).with_effects(
        make_effects(["detail", "hull", "feather"], engine.registry, {"detail": {"sharpen": 0.8}}))
    output = tmp_path / "out.mp4"
    id = jobs.submit("in.mp4", ClipRequest(recipe=recipe, output=output))
    until(lambda: jobs.get(id).state in ("failed", "interrupted", "done"), "it ends")
    job = jobs.get(id)
    assert job.state == "done", (job.error, (jobs.own_folder(id) / "log.txt").read_text())
    assert job.result is not None
    assert (job.result.output, job.result.bytes) == (str(output), output.stat().st_size)
    assert job.result.data["frames"] == 30
    assert set(job.parts) == {"done"}
    assert (jobs.picture(id) or b"")[:2] == b"\xff\xd8"
