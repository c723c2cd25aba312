"""The figures that the preset Natural has to reach, through the engine (targets of the classical swap study)."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.engine import Engine
from pipeline.measure import measure_pair
from pipeline.presets import preset
from pipeline.recipe import Photo, Recipe, SourceInput, UseSource
from processors.classical.pose import fit_pose
from tests.conftest import ASTRONAUT, SIX_PEOPLE


@pytest.mark.long
def test_the_astronaut_on_six_people() -> None:
    engine = Engine()
    photo, target = engine.open(ASTRONAUT), engine.open(SIX_PEOPLE)
    source = engine.source("Eileen", [(photo, None)])
    entry = SourceInput(name="Eileen", photos=(Photo(id=photo.id, name=photo.name),))
    recipe = Recipe(sources=(entry,), everyone=UseSource(source="Eileen")).with_effects(
        preset("natural").chain(engine.registry))
    done = engine.render(recipe, target, {"Eileen": source})
    analysis = engine.analyse(target)
    measured = measure_pair([photo.frame], target.frame, done.frame, engine.faces, mask=done.mask(),
                            faces=[report.face for report in analysis.faces])
    faces = measured.faces
    assert len(faces) == 6
    assert measured.outside.pixels == 0
    distances = [f.identity_to_source for f in faces if f.identity_to_source is not None]
    assert len(distances) == 6
    assert np.mean(distances) <= 0.53
    assert max(distances) < 0.60
    assert all(f.closer_to_source for f in faces)
    assert np.mean([f.light or np.nan for f in faces]) >= 0.87
    assert np.mean([f.brightness or np.nan for f in faces]) <= 7.5
    assert np.mean([f.colour or np.nan for f in faces]) <= 2.0
    assert np.mean([f.seam or np.nan for f in faces]) <= 0.17
    frontal = [f for f, report in zip(faces, analysis.faces, strict=True) if abs(fit_pose(report.face.points).yaw) < 25]
    assert len(frontal) == 4
    assert all(f.nme <= 0.06 for f in frontal)
