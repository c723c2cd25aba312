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
from pipeline.findings.pair import measure_clips
from pipeline.findings.store import Versions
from pipeline.jobs.runner import Jobs
from pipeline.models_folder import VARIABLE
from pipeline.recipe import ClipOutput, Keep, Output, Recipe, RunEffects, Segment, input_of, make_effects
from pipeline.rendering.request import ClipRequest
from tests.door.making import bgr_of, face_clip
from tests.pipeline.findings.test_matched import finder
from tests.pipeline.jobs.conftest import until
from tests.processors.neural.test_upscale import repeats


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


@pytest.mark.long
def test_an_enlarged_clip_is_rendered_with_the_models_of_the_folder(jobs: Jobs, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch,
                                                                    stack: FaceStack) -> None:
    """The process has the program's own catalogue, which knows no hash of this file: a twin under its name counts."""
    path, output, models = face_clip(tmp_path / "in.mp4", 12, sound=False), tmp_path / "out.mp4", tmp_path / "models"
    models.mkdir()
    (models / "real_esrgan_x4.onnx").write_bytes(repeats(4, 0.1))
    monkeypatch.setenv(VARIABLE, str(models))
    engine = Engine(faces=stack)
    clip = engine.open_clip(path)
    effects = make_effects(["upscale"], engine.registry, {"upscale": {"size": "2"}})
    recipe = Recipe(target=input_of(clip.id, clip.name, path), everyone=Keep(), segments=(Segment(effects=effects),),
                    output=Output(clip=ClipOutput(crf=0, speed="ultrafast")))
    id = jobs.submit("in.mp4", ClipRequest(recipe=recipe, output=output))
    until(lambda: jobs.get(id).state in ("failed", "interrupted", "done"), "it ends")
    job = jobs.get(id)
    assert job.state == "done", (job.error, (jobs.own_folder(id) / "log.txt").read_text())
    made, given = bgr_of(output), bgr_of(path)
    assert len(made) == 12
    for after, before in zip(made, given, strict=True):
        assert after.shape == (2 * before.shape[0], 2 * before.shape[1], 3)
        small = np.asarray(cv2.resize(after, before.shape[1::-1], interpolation=cv2.INTER_AREA), float)
        assert np.median(small - before) == pytest.approx(25.5, abs=1.5), "a tenth of the whole scale lighter"
        assert np.percentile(np.abs(small - np.minimum(before + 25.5, 255)), 99) < 8
    # What it says of its faces is in the clip's own pixels, and its result can be measured beside the original.
    assert job.result is not None
    version = Versions(tmp_path / "versions").get(job.result.data["version"])
    assert version is not None
    found = measure_clips(clip, engine.open_clip(output), None, stack, finder(clip, stack, tmp_path / "analyses"))
    assert len(version.sheet.rows) == len(found.sheet.rows) == 12
    assert np.abs(version.sheet.rows["points"] - found.sheet.rows["points"]).max() < 2
    assert np.median(found.sheet.rows["change"]) == pytest.approx(25.5, abs=4)
    assert np.median(version.sheet.rows["size"]) == pytest.approx(np.median(found.sheet.rows["size"]), rel=0.03)
