"""Who is in a clip, and the best face of a clip that serves as a source."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from models.errors import Cancelled, NoFace
from models.face import Box, Face
from models.interfaces import FaceStack
from pipeline.clips.clip import Clip
from pipeline.clips.example import example_clip
from pipeline.clips.probe import open_clip
from pipeline.engine import Engine
from pipeline.recipe import Person
from pipeline.tracking.people import Find, best_face, grouped, look_through, sample_ticks


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Two shots of two people, 24 frames."""
    path = tmp_path_factory.mktemp("people") / "two.mp4"
    example_clip(path, size=(640, 360), frames=24, cut=14)
    return open_clip(path)


def test_people_are_found_once_each_and_numbered_as_they_appear(
    clip: Clip, stack: FaceStack, cast_of_two: tuple[Person, Person],
) -> None:
    told: list[float] = []
    found = look_through(clip, stack, start=int(clip.pts[0]), stop=None, samples=8, progress=told.append)
    assert [one.person.number for one in found] == [1, 2]
    for one, known in zip(found, cast_of_two, strict=True):
        away = np.linalg.norm(np.array(one.person.descriptor) - np.array(known.descriptor))
        assert away < stack.recogniser.same_person
        assert one.person.recogniser == stack.recogniser.name
        assert one.person.seen is not None
        assert Fraction(one.person.seen) == (one.ticks - int(clip.pts[0])) * clip.time_base
        assert one.face.number == one.person.number
        assert one.frames >= 2
    assert found[0].ticks < clip.pts[14] <= found[1].ticks
    assert told == sorted(told)
    assert told[-1] == 1


def test_only_the_span_is_looked_at(clip: Clip, stack: FaceStack) -> None:
    found = look_through(clip, stack, start=int(clip.pts[15]), stop=int(clip.pts[20]), samples=3)
    assert len(found) == 1
    assert clip.pts[15] <= found[0].ticks < clip.pts[20]
    assert look_through(clip, stack, start=int(clip.pts[-1]) + 1, stop=None) == ()


def test_looking_can_be_stopped(clip: Clip, stack: FaceStack) -> None:
    def stop() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        look_through(clip, stack, start=int(clip.pts[0]), stop=None, check=stop)


def test_the_best_face_of_a_clip_serves_as_a_source(clip: Clip, stack: FaceStack) -> None:
    pictures = best_face(clip, stack, samples=8)
    assert 1 <= len(pictures) <= 3
    source = Engine(faces=stack).source("Ann", [(picture, None) for picture in pictures])
    assert all(report.size > 50 for _, report in source.photos)
    assert not source.remarks, "one face in each"
    assert pictures[0].name.startswith(clip.name)
    assert best_face(clip, stack, samples=8)[0].id == pictures[0].id


def test_a_clip_without_a_face_is_no_source(tmp_path: Path, stack: FaceStack) -> None:
    import av

    with av.open(str(tmp_path / "wall.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8), "bgr24")))
        container.mux(stream.encode(None))
    with pytest.raises(NoFace, match=r"wall\.mp4") as raised:
        best_face(open_clip(tmp_path / "wall.mp4"), stack)
    assert raised.value.code == "INPUT.NO_FACE"


def find(descriptor: list[float], ticks: int, score: float = 1.0) -> Find:
    face = Face(Box(0, 0, 10, 10), score, np.zeros((68, 2)), embedding=np.array(descriptor))
    return Find(face, ticks, 0.5, 0.0, 0.0)


def test_near_descriptors_are_one_person_but_never_two_faces_of_one_frame() -> None:
    one = [find([0.0, 0.01 * i], i) for i in range(4)]
    other = [find([1.0, 0.01 * i], i) for i in range(4)]
    twin = find([0.02, 0.0], 0)
    groups = grouped([*one, *other, twin], 0.6)
    assert sorted(len(group) for group in groups) == [1, 4, 4]
    for group in groups:
        assert len({item.ticks for item in group}) == len(group)


def test_samples_lie_on_keyframes_where_those_are_near(clip: Clip) -> None:
    assert sample_ticks(clip, int(clip.pts[0]), None, 1000) == clip.pts.tolist()
    keyed = replace(clip, keyframes=clip.pts[[0, 16]])
    assert sample_ticks(keyed, int(clip.pts[0]), None, 2) == [int(clip.pts[6]), int(clip.pts[16])]
    assert sample_ticks(keyed, int(clip.pts[17]), None, 1) == [int(clip.pts[20])]
