"""Editors and a user's own model through the engine: behind the gate, with consent, in pictures and in clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from models.families.mel import mel_at
from models.interfaces import FaceStack
from models.networks import Networks
from models.store import Store
from pipeline.clips.marks import read_clip_provenance
from pipeline.clips.probe import open_clip
from pipeline.clips.sound import RATE, HeardSpan
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.gate import STATEMENT
from pipeline.recipe import Recipe, RunEffects, input_of, make_effects
from pipeline.refusals import ConsentMissing, GateMissing
from tests.conftest import ASTRONAUT
from tests.door.making import face_clip
from tests.models.families import test_dfm, test_lips
from tests.twins.gate import analyser_files, shelve

FILES = {"dfm.ann": test_dfm.person(True), "lips.edtalk": test_lips.edtalk()}


def networks(folder: Path, files: Mapping[str, bytes]) -> Networks:
    """As `tests.twins.gate` makes them, but looked at in this process."""
    return Networks(Store(shelve(folder / "models", files), folder / "models", folder / "models.json",
                          inspect=test_dfm.look))


@pytest.fixture(scope="module")
def engine(stack: FaceStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(faces=stack, networks=networks(tmp_path_factory.mktemp("all"), {**FILES, **analyser_files()}))
    yield made
    made.close()


def recipe(engine: Engine, name: str, consent: str | None = STATEMENT, **values: object) -> Recipe:
    return Recipe(everyone=RunEffects(), consent=consent).with_effects(
        make_effects([name], engine.registry, {name: values}))


def test_a_user_s_own_model_runs_behind_the_gate_and_with_consent(engine: Engine, stack: FaceStack, tmp_path: Path,
                                                                  ) -> None:
    picture = engine.open(ASTRONAUT)
    asked = recipe(engine, "dfm", model="ann", colour=0.0)
    found = engine.render(asked, picture)
    face = engine.analyse(picture).faces[0].face
    x, y = np.rint(face.points[30]).astype(int)
    was, made = (frame.samples[y - 5:y + 6, x - 5:x + 6].astype(float) for frame in (picture.frame, found.frame))
    assert np.abs(made.mean() - was.mean() / 2) < 6, "the twin's face is half as bright"
    changed = (found.frame.samples != picture.frame.samples).any(axis=2)
    assert 0 < changed.mean() < 0.2
    with pytest.raises(ConsentMissing):
        engine.render(recipe(engine, "dfm", None, model="ann"), picture)
    alone = Engine(faces=stack, networks=networks(tmp_path, FILES))
    with pytest.raises(GateMissing):
        alone.render(recipe(alone, "dfm", model="ann"), picture)


def test_lips_move_with_the_clip_s_own_sound(engine: Engine, tmp_path: Path) -> None:
    """The twin is brighter by a tenth of what is heard at each picture's time."""
    path = face_clip(tmp_path / "in.mp4", 12, gop=6)
    clip = open_clip(path)
    asked = recipe(engine, "lips", model="edtalk", weight=0.0).model_copy(
        update={"target": input_of(clip.id, path.name, path)})
    engine.render_clip(ClipRequest(recipe=asked, output=tmp_path / "out.mp4"), Control(), sources={})
    said = read_clip_provenance(tmp_path / "out.mp4")
    assert said is not None
    assert said.kind == "edit"
    assert said.source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    heard = HeardSpan(clip, Fraction(-1), Fraction(2))
    frames = []
    for name in ("in.mp4", "out.mp4"):
        with av.open(str(tmp_path / name)) as container:
            frames.append([frame.to_ndarray(format="bgr24").astype(float) for frame in container.decode(video=0)])
    for index, (before, after) in enumerate(zip(*frames, strict=True)):
        sound = heard.around(clip.seconds(int(clip.pts[index])), 0.6)
        louder = 25.5 * float(mel_at(sound, round(0.6 * RATE) // 2).mean())
        change = np.clip(before + louder, 0, 255) - before
        height, width = before.shape[:2]
        middle = (slice(height // 2, height // 2 + 12), slice(width // 2 - 8, width // 2 + 8))
        assert abs((after - before)[middle].mean() - change[middle].mean()) < 8, index
        assert abs((after - before)[:24, :24].mean()) < 3, "nothing in the corner"
    assert abs(louder) > 15
