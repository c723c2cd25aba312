"""One clip, rendered once a run with defects in known frames, for tests of several rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.interfaces import FaceStack
from pipeline.clips.example import Light, Warp, moving_still, placed
from pipeline.engine import ClipWritten
from pipeline.rendering import plan as plans
from tests.conftest import ASTRONAUT, read_bgr
from tests.door.making import write_clip
from tests.pipeline.findings.planting import DEFECTS, FRAMES, Studio, motion


def _moved(index: int) -> Warp:
    to, scale, roll = motion(index)
    return placed((224.0, 130.0), to, scale=scale, roll=roll)


@pytest.fixture(scope="session")
def planted_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut, 48 px between the eyes, moving, lit from changing sides."""
    made = moving_still(read_bgr(ASTRONAUT), FRAMES, _moved, size=(256, 192),
                        noise=1.5, light=lambda i: Light(i / 20, 0.2))
    return write_clip(tmp_path_factory.mktemp("clip") / "in.mp4", [pixels for pixels, _ in made], gop=36, sound=False)


@pytest.fixture(scope="session")
def planted_studio(tmp_path_factory: pytest.TempPathFactory, stack: FaceStack) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"), stack)


@pytest.fixture(scope="session")
def planted(planted_studio: Studio, planted_clip: Path) -> ClipWritten:
    """All defects in one clip, in two parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "SHORTEST", 30)
        patch.setattr(plans, "LONGEST", 40)
        DEFECTS.plant(patch)
        return planted_studio.render(planted_studio.recipe(planted_clip))
