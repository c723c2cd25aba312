"""Analyses on disk: compact, gone on with after a kill, the same whatever was looked at first."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from models.errors import Cancelled
from models.face import Box
from pipeline.analysis import file as blocks
from pipeline.analysis.found import FILLED, HELD, SEEN, UNKNOWN, Found, Glimpse, Piece
from pipeline.analysis.known import Known
from pipeline.analysis.lanes import lanes_of
from pipeline.analysis.people import clusters_of, numbers_of, tracks_of
from pipeline.analysis.runs import holes, joined
from pipeline.analysis.store import Analyses, Wanted, key_of, spans_of
from pipeline.clips.clip import Clip
from pipeline.clips.probe import open_clip
from pipeline.recipe import Looking, Merged, Person, Whose
from tests.pipeline.analysis.standing import Always, patterned, standing_stack


def piece(first: int, frames: int, *, x: float = 100.0, descriptor: float = 0.0, seed: int = 1, clear: float = 0.5,
          ) -> Piece:
    random = np.random.default_rng(seed)
    shape = np.add(random.uniform(0, 80, (68, 2)), [x, 50])
    points = shape + np.cumsum(random.normal(0, 1, (frames, 1, 2)), axis=0) + random.normal(0, 0.05, (frames, 68, 2))
    boxes = np.column_stack([points.min(axis=1), points.max(axis=1)])
    flags = np.where(np.arange(frames) % 5 == 0, SEEN, 0).astype(np.uint8)
    known = Glimpse(first, clear, Box(*boxes[0]), np.full(128, descriptor))
    return Piece(first, points, boxes, np.full(frames, 0.005), flags, np.zeros(frames, np.uint8), 1.0, (known,))


def test_what_is_written_is_read_again_in_a_few_hundred_bytes_a_face_and_frame(tmp_path: Path) -> None:
    one = piece(3, 250)
    one.flags[7] |= HELD | FILLED
    one.spread[7] = UNKNOWN
    found = Found(0, 299, (40, 200), (7, 8), (one, piece(10, 100, x=400, seed=2)))
    path = tmp_path / "x.faces"
    with path.open("wb") as file:
        blocks.begin(file, {"clip": "a"})
        blocks.put_span(file, found)
        blocks.put_span(file, Found(300, 309))  # nobody is there
        blocks.put_end(file, {"damaged": None})
    read = blocks.read(path)
    assert (read.head, read.end, read.length) == ({"clip": "a"}, {"damaged": None}, path.stat().st_size)
    assert (read.spans[0].cuts, read.spans[0].flashes) == (found.cuts, found.flashes)
    whole = blocks.read_points(path, read.places[0], read.spans[0])
    for before, after in zip(found.pieces, whole.pieces, strict=True):
        assert after.first == before.first
        assert np.abs(after.points - before.points).max() <= 0.5 / blocks.STEPS + 1e-9
        assert np.abs(after.boxes - before.boxes).max() < 0.25
        assert np.array_equal(after.flags, before.flags)
        assert np.allclose(after.spread, before.spread, atol=1e-4)
        assert np.array_equal(after.glimpses[0].descriptor, before.glimpses[0].descriptor)
    nobody = blocks.read_points(path, read.places[1], read.spans[1])
    assert (nobody.first, nobody.last, nobody.pieces) == (300, 309, ())
    assert path.stat().st_size / 350 < 300


def test_a_torn_block_ends_the_file_and_what_is_before_it_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.going"
    with path.open("wb") as file:
        blocks.begin(file, {})
        blocks.put_span(file, Found(0, 9, pieces=(piece(0, 10),)))
        whole = file.tell()
        blocks.put_span(file, Found(10, 19, pieces=(piece(10, 10),)))
    data = path.read_bytes()
    for torn in (data[:-1], data[:whole + 5], data[:-20] + b"\0" * 20, data[:whole]):
        path.write_bytes(torn)
        read = blocks.read(path)
        assert [(span.first, span.last) for span in read.spans] == [(0, 9)]
        assert read.length == whole
    path.write_bytes(b"something else")
    assert blocks.read(path).head is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """480 frames with a keyframe every 24: three spans."""
    path = patterned(tmp_path_factory.mktemp("store") / "long.mp4", 480)
    return open_clip(path)


def test_an_analysis_that_was_stopped_goes_on_where_it_was(clip: Clip, tmp_path: Path) -> None:
    spans = spans_of(clip)
    assert [last + 1 for _, last in spans[:-1]] == [first for first, _ in spans[1:]]
    assert len(spans) >= 3
    analyses, (stack, detector) = Analyses(tmp_path), standing_stack()
    told: list[tuple[int, int]] = []
    calls = [0]

    def stop() -> None:
        calls[0] += 1
        if calls[0] > spans[1][0] + 60:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        analyses.analyse(clip, stack, Looking(), check=stop)
    half = analyses.known(clip, stack, Looking())
    assert half is not None
    assert (half.is_whole, half.frames) == (False, spans[0][1] + 1)
    assert half.holds(*spans[0])
    assert not half.holds(spans[0][0], spans[1][0])
    going = analyses.path(clip, stack, Looking()).with_suffix(".going")
    with going.open("ab") as file:
        file.write(b"SPAN\0\0torn by a kill")
    whole = analyses.analyse(clip, stack, Looking(), tell=lambda done, total: told.append((done, total)))
    assert told[0] == (spans[0][1] + 1, 480)
    assert told == sorted(told)
    assert whole.is_whole
    assert whole.holds(0, 479)
    assert not going.exists()
    track, = whole.tracks
    assert (track.first, track.last, len(track.pieces)) == (0, 479, len(spans))
    assert all(first <= glimpse.frame <= last for (first, last), span in zip(spans, whole.spans, strict=True)
               for piece in span.pieces for glimpse in piece.glimpses)
    assert all(piece.glimpses for span in whole.spans for piece in span.pieces)
    person, = whole.people()
    assert (person.frames, person.person.recogniser) == (480, "always")
    looks = detector.looks
    assert analyses.analyse(clip, stack, Looking()).frames == 480
    assert detector.looks == looks


def test_what_lies_round_the_playhead_is_looked_at_first(clip: Clip, tmp_path: Path) -> None:
    spans, stack, analyses = spans_of(clip), standing_stack()[0], Analyses(tmp_path)
    seen: list[tuple[int, ...]] = []

    def watch() -> None:
        known = analyses.known(clip, stack, Looking())
        seen.append(() if known is None else tuple(sorted(span.first for span in known.spans)))

    known = analyses.analyse(clip, stack, Looking(), Wanted(around=spans[1][0] + 5), check=watch)
    orders = list(dict.fromkeys(seen))
    assert orders[:3] == [(), (spans[1][0],), (spans[1][0], spans[2][0])]
    assert known.is_whole
    track, = known.tracks
    assert track.frames == 480
    part = Analyses(tmp_path / "part")
    some = part.analyse(clip, stack, Looking(), Wanted(spans[1][0] + 3, spans[1][0] + 9))
    assert [span.first for span in some.spans] == [spans[1][0]]
    assert not some.is_whole
    for frame in (spans[1][0], spans[1][1]):
        one, other = (found.decided(()).faces_at(frame, {})[0].face for found in (known, some))
        assert np.abs(one.points - other.points).max() < 0.5


def test_another_stack_or_another_look_is_another_analysis(clip: Clip) -> None:
    stack = standing_stack()[0]
    keys = {key_of(clip, stack, Looking()), key_of(clip, stack, Looking(small=True)),
            key_of(clip, replace(stack, recogniser=type("Other", (Always,), {"name": "other"})()), Looking()),
            key_of(replace(clip, id="sha256:" + "1" * 64), stack, Looking())}
    assert len(keys) == 4


def test_two_processes_do_not_work_on_one_analysis_at_once(clip: Clip, tmp_path: Path) -> None:
    from pipeline.rendering.ledger import lock_of

    stack, analyses = standing_stack()[0], Analyses(tmp_path)
    path = analyses.path(clip, stack, Looking())
    code = ("import sys, time; from pathlib import Path; from pipeline.rendering.ledger import lock_of; "
            "lock = lock_of(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()")
    other = subprocess.Popen([sys.executable, "-c", code, str(path.with_suffix(".lock"))], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"

        def give_up() -> None:
            raise Cancelled("stop")

        with pytest.raises(Cancelled):  # it waits, and can be stopped
            analyses.analyse(clip, stack, Looking(), check=give_up)
        assert analyses.known(clip, stack, Looking()) is None
    finally:
        other.communicate("")
    lock = lock_of(path.with_suffix(".lock"))
    assert lock is not None


def test_pieces_that_touch_over_a_border_are_one_track_unless_a_cut_lies_there() -> None:
    one = piece(0, 10)
    goes_on = replace(piece(10, 10), boxes=np.repeat(one.boxes[-1:], 10, axis=0))
    assert [track.frames for track in tracks_of([Found(0, 9, pieces=(one,)), Found(10, 19, pieces=(goes_on,))])] == [20]
    cut = tracks_of([Found(0, 9, pieces=(one,)), Found(10, 19, cuts=(10,), pieces=(goes_on,))])
    assert [track.frames for track in cut] == [10, 10]
    hole = tracks_of([Found(0, 9, pieces=(one,)), Found(11, 20, pieces=(replace(goes_on, first=11),))])
    assert [track.frames for track in hole] == [10, 10]


def test_tracks_of_one_person_are_grouped_and_those_seen_together_never() -> None:
    pieces = (piece(0, 10, descriptor=0.0), piece(20, 10, descriptor=0.01, x=300),
              piece(0, 10, descriptor=0.005, x=300, seed=4), piece(40, 10, descriptor=0.2))
    tracks = tracks_of([Found(0, 60, pieces=pieces)])
    clusters = clusters_of(tracks, 0.6)
    assert sorted([sorted(t.first for t in c.tracks) for c in clusters]) == [[0], [0, 20], [40]]
    known = {1: np.full(128, 0.0), 2: np.full(128, 0.2)}
    numbers = numbers_of(clusters, tracks, known, 0.6)
    assert [numbers[track.number] for track in tracks] == [1, 1, 1, 2]
    assert numbers_of(clusters, tracks, {7: np.full(128, 1.0)}, 0.6) == {}


def test_the_users_word_is_above_what_was_found(clip: Clip, tmp_path: Path) -> None:
    analyses, stack = Analyses(tmp_path), standing_stack()[0]
    known = analyses.analyse(clip, stack, Looking(), Wanted(0, 0))
    person = known.people()[0].person
    other = Person(number=2, recogniser="always", descriptor=(5.0,) * 8)

    def number(*, whose: tuple[Whose, ...] = (), merged: tuple[Merged, ...] = ()) -> int:
        face, = known.decided((person, other), whose, merged).faces_at(40, {})
        return face.face.number

    assert number() == 1
    assert number(merged=(Merged(number=1, into=2),)) == 2
    assert number(whose=(Whose(at="1", x=0.5, y=0.5, number=0),)) == 0  # "this is not her", in another frame
    assert number(whose=(Whose(at="0.1", x=0.5, y=0.5, number=2),), merged=(Merged(number=1, into=2),)) == 2
    assert number(whose=(Whose(at="1", x=0.02, y=0.5, number=2),)) == 1  # nobody is there
    one, changed = (known.decided((person,), whose) for whose in ((), (Whose(at="1", x=0.5, y=0.5, number=0),)))
    assert one.digest(0, 50) != changed.digest(0, 50)
    assert one.digest(0, 50) == known.decided((person,)).digest(0, 50)
    assert person.seen is not None
    assert Fraction(person.seen) >= 0


def test_reading_a_file_twice_gives_the_same_people(clip: Clip, tmp_path: Path) -> None:
    analyses, stack = Analyses(tmp_path), standing_stack()[0]
    analyses.analyse(clip, stack, Looking(), Wanted(0, 0))
    path = analyses.path(clip, stack, Looking()).with_suffix(".going")
    one, other = (Known(path, clip, stack.recogniser).people() for _ in range(2))
    assert [(p.person, p.ticks, p.frames) for p in one] == [(p.person, p.ticks, p.frames) for p in other]


def stored(folder: Path, clip: Clip, *pieces: Piece) -> Known:
    """What an analysis of the clip with these faces is known of."""
    path = folder / "some.faces"
    with path.open("wb") as file:
        blocks.begin(file, {})
        blocks.put_span(file, Found(0, 479, (240,), pieces=pieces))
    return Known(path, clip, Always())


def alike(number: int, value: float) -> Person:
    return Person(number=number, recogniser="always", descriptor=(value,) * 128)


def test_who_is_new_in_an_analysis_and_who_would_not_be_missed(clip: Clip, tmp_path: Path) -> None:
    # Distances are 128 ** 0.5 = 11.3 times what the descriptors differ by; .6 is the threshold.
    known = stored(tmp_path, clip, piece(0, 50, descriptor=0.0), piece(60, 40, descriptor=0.03),
                   piece(110, 30, descriptor=0.05), piece(200, 5, descriptor=1.0))
    assert [cluster.frames for cluster in known.clusters] == [120, 5]
    assert [cluster.frames for cluster in known.newcomers((), 1)] == [120, 5]
    assert [cluster.frames for cluster in known.newcomers((alike(1, 0.0),), 1)] == [5]
    assert known.newcomers((alike(1, 0.0),), 6) == ()
    other = Person(number=1, recogniser="another", descriptor=(0.0,) * 128)
    assert known.newcomers((other,), 1) == (), "they cannot be compared"
    # 2 was found while nothing joined the first and the third: now all of it would be 1's.
    people = (alike(1, 0.0), alike(2, 0.06), alike(3, 1.0))
    assert known.decided(people).numbers == {1: 1, 2: 1, 3: 2, 4: 3}
    assert known.superfluous(people, {2, 3}) == {2}
    assert known.superfluous(people, {1, 2}) == {2}, "one of the two is to stay"
    assert known.superfluous(people, ()) == frozenset()
    person = known.person(7, known.tracks[3].descriptor, known.tracks[3].glimpses[0])  # type: ignore[arg-type]
    assert (person.number, person.seen, person.name) == (7, "8", "")


def test_lanes_show_where_everybody_is_and_what_is_said_of_them(clip: Clip, tmp_path: Path) -> None:
    known = stored(tmp_path, clip, piece(0, 240, descriptor=0.0), piece(240, 100, descriptor=0.0),
                   piece(400, 50, descriptor=0.0), piece(60, 20, descriptor=1.0, x=300, clear=0.9),
                   piece(100, 10, descriptor=2.0, x=300))
    people = (alike(1, 0.0), alike(2, 1.0))
    found = {lane.number: lane for lane in lanes_of(known.decided(people))}
    assert {number: lane.runs for number, lane in found.items()} == {
        0: ((100, 109),), 1: ((0, 339), (400, 449)), 2: ((60, 79),)}
    assert found[2].best is not None
    assert (found[2].best.frame, round(found[2].best.clear, 3)) == (60, 0.9)
    merged = (Merged(number=2, into=1),)
    assert [lane.number for lane in lanes_of(known.decided(people, merged=merged))] == [0, 1]
    assert holes(((0, 9), (5, 12), (20, 29)), 40) == ((13, 19), (30, 39))
    assert holes((), 3) == ((0, 2),)
    assert holes(((0, 2),), 3) == ()
    assert joined(((5, 6), (0, 4), (8, 9))) == ((0, 6), (8, 9))


def test_a_word_on_a_face_that_was_merged_is_on_whom_it_is_now(clip: Clip, tmp_path: Path) -> None:
    analyses, stack = Analyses(tmp_path), standing_stack()[0]
    known = analyses.analyse(clip, stack, Looking(), Wanted(0, 0))
    people = (known.people()[0].person, Person(number=2, recogniser="always", descriptor=(5.0,) * 8))
    decided = known.decided(people, (Whose(at="0.1", x=0.5, y=0.5, number=2),), (Merged(number=2, into=1),))
    assert [one.face.number for one in decided.faces_at(10, {})] == [1]
