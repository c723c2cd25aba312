"""Clips that are rendered with defects in known frames, as trackers, people and networks make them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.interfaces import FaceStack
from pipeline.chain import Done, run_chain
from pipeline.clips.identity import id_of_file
from pipeline.clips.planes import ClipFrame
from pipeline.engine import ClipRequest, ClipWritten, Control, Engine
from pipeline.findings.store import Version, Versions
from pipeline.recipe import (
    ClipOutput,
    Input,
    Output,
    Person,
    Photo,
    Recipe,
    Segment,
    SourceInput,
    UseSource,
    make_effects,
)
from pipeline.rendering import part
from pipeline.rendering.kept import KeptParts
from pipeline.tracking.follow import Followed, FollowedFace, Follower
from tests.conftest import ASTRONAUT, HOPPER

CHAIN = ("geometric", "hull", "feather")
Change = Callable[[FollowedFace], FollowedFace | None]


@dataclass
class Defects:
    """Frames, first and last, by what is wrong in them. missed: the face is not followed. jump: its points lie beside
    it. mistaken: it is taken for person 2. wrong: another source is put on it. bright: so many levels too bright from
    the frame on, up to the last."""

    missed: tuple[int, int] = (-1, -2)
    jump: tuple[int, int] = (-1, -2)
    mistaken: tuple[int, int] = (-1, -2)
    wrong: tuple[int, int] = (-1, -2)
    bright: tuple[int, int] = (-1, -2)

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        defects = self

        class Careless(Follower):
            def step(self, frame: Any, cut: bool | None = None) -> Followed:
                found = super().step(frame, cut)
                faces = [defects.seen(one, frame.index) for one in found.faces]
                return replace(found, faces=tuple(one for one in faces if one is not None))

        def chain(frame: ClipFrame, jobs: Sequence[Any], *args: Any, **kwargs: Any) -> Done[ClipFrame]:
            if _within(frame.index, defects.wrong):
                jobs = [replace(job, sources=_OTHER.get("faces", job.sources)) for job in jobs]
            done = run_chain(frame, jobs, *args, **kwargs)
            return _brighter(done) if _within(frame.index, defects.bright) else done

        monkeypatch.setattr(part, "Follower", Careless)
        monkeypatch.setattr(part, "run_chain", chain)

    def seen(self, one: FollowedFace, index: int) -> FollowedFace | None:
        face = one.face
        if _within(index, self.missed):
            return None
        if _within(index, self.jump):
            face = replace(face, points=face.points + 0.15 * face.eye_distance * np.array([0.8, 0.6]))
        if _within(index, self.mistaken):
            face = face.numbered(2)
        return replace(one, face=face)


FRAMES = 72
DEFECTS = Defects(missed=(10, 12), jump=(22, 23), mistaken=(33, 35), bright=(44, 51), wrong=(60, 63))


def motion(index: int) -> tuple[tuple[float, float], float, float]:
    """Where the astronaut's face lies: its middle, its scale, its roll in degrees."""
    return (128 + 7 * math.sin(index / 9), 100 + 3 * math.sin(index / 6)), 0.8, 3 * math.sin(index / 7)


_OTHER: dict[str, Any] = {}


def _within(index: int, span: tuple[int, int]) -> bool:
    return span[0] <= index <= span[1]


def _brighter(done: Done[ClipFrame]) -> Done[ClipFrame]:
    draft = done.frame.edit()
    for region in done.regions:
        pixels = np.clip(region.pixels.astype(np.float32) + 25 * region.mask[..., None], 0, 255)
        draft.write(region.rect, np.rint(pixels).astype(np.uint8), region.mask)
    return replace(done, frame=draft.frame)


class Studio:
    """Renders one clip, as the program does, into a folder."""

    def __init__(self, folder: Path, stack: FaceStack) -> None:
        self.folder = folder
        self.engine = Engine(faces=stack)
        self.versions = Versions(folder / "versions")
        self.kept = KeptParts(folder / "parts")
        self.sources = {name: self.engine.source(name, [(self.engine.open(path), None)])
                        for name, path in (("hopper", HOPPER), ("astronaut", ASTRONAUT))}
        _OTHER["faces"] = self.engine.source_faces(self.sources["astronaut"])

    def recipe(self, clip: Path, people: Sequence[Person] = (), **more: Any) -> Recipe:
        effects = make_effects(CHAIN, self.engine.registry)
        sources = tuple(SourceInput(name=name, photos=(Photo(id="sha256:" + "1" * 64, name=name),))
                        for name in self.sources)
        use = UseSource(source="hopper")
        return Recipe(target=Input(id="sha256:" + "0" * 64, name=clip.name, path=str(clip)), sources=sources,
                      everyone=use, segments=(Segment(effects=effects),), people=tuple(people),
                      output=Output(clip=ClipOutput(crf=16, speed="ultrafast")), **more)

    def render(self, recipe: Recipe, name: str = "out.mp4") -> ClipWritten:
        return self.engine.render_clip(ClipRequest(recipe=recipe, output=self.folder / name, overwrite=True), Control(),
                                       sources=self.sources, kept=self.kept, versions=self.versions)

    def version(self, written: ClipWritten) -> Version:
        found = self.versions.get(id_of_file(written.path, written.path.stat().st_size))
        assert found is not None
        return found
