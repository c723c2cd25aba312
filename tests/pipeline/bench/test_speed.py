"""`bench pipeline`: its clip, its rows in processes of their own, its faces. No times are judged."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from models.errors import InputError, ProcessorError
from models.face import five_points
from models.interfaces import Search
from models.sessions import SessionManager
from pipeline.bench.speed.moving import FACE_SHARE, RATE, Moving, make_clip
from pipeline.bench.speed.report import WAYS, SpeedReport
from pipeline.bench.speed.row import Measured, Order, Way
from pipeline.bench.speed.run import _ratio, _row, run_row, speed
from pipeline.bench.speed.twins import make_twins, twin_stack
from pipeline.bench.speed.usage import Stopwatch, peak_mb


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Moving:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 320, 180, 30)


def test_the_clip_is_as_long_as_asked_and_moves_without_a_jump(moving: Moving) -> None:
    with av.open(str(moving.path)) as source:
        stream = source.streams.video[0]
        frames = list(source.decode(stream))
        times = [frame.pts * stream.time_base * RATE for frame in frames if frame.pts is not None and stream.time_base]
    assert times == list(range(30))  # 24 frames and six of them again
    assert {(frame.width, frame.height, frame.format.name) for frame in frames} == {(320, 180, "yuv420p")}
    grey = np.stack([frame.to_ndarray(format="gray").astype(int) for frame in frames])
    steps = np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))
    assert steps.min() > 0.2
    assert steps[23] < 1.5 * np.median(steps)  # where it begins again
    assert np.abs(grey[24:] - grey[:6]).mean() < 3


def test_its_face_has_the_stated_share_of_the_frame(moving: Moving) -> None:
    assert moving.box.area / (320 * 180) == pytest.approx(FACE_SHARE)
    assert moving.box.x0 < moving.points[:, 0].min() < moving.points[:, 0].max() < moving.box.x1


def test_the_twins_find_the_clips_face(moving: Moving, tmp_path: Path) -> None:
    sessions = SessionManager()
    stack = twin_stack(sessions, make_twins(tmp_path, moving))
    grey = np.zeros((180, 320), np.uint8)
    found, = stack.detector.detect(grey, Search())
    assert np.allclose(found.box, moving.box, atol=0.01)
    face, = stack.landmarker.landmarks(grey, [found])
    away = np.hypot(*(five_points(face.points) - moving.points).T)
    assert away.mean() < 0.12 * face.eye_distance  # a mean face on one that smiles
    assert stack.landmarker.follow(grey, [face]) == [face]


@pytest.mark.long
def test_rows_and_units(tmp_path: Path) -> None:
    """12 frames at a tiny size, one turn, each row in a process of its own."""
    told: list[float] = []
    report = speed(resolutions=("tiny",), sizes={"tiny": (320, 180)}, frames=12, runs=1,
                   progress=lambda share, _stage: told.append(share))
    assert [row.pipeline for row in report.rows] == list(WAYS)
    data = json.loads(report.model_dump_json())
    assert {"pipeline", "resolution", "twins", "cpu_ms_per_frame", "wall_ms_per_frame", "peak_rss_mb"} <= set(
        data["rows"][0])
    for row in report.rows:
        assert (row.resolution, row.twins) == ("tiny", "zero")
        assert row.spread == 1 if row.pipeline == "insightface" else row.spread >= 1
        assert 0.1 < row.wall_ms_per_frame < 60_000
        assert 0.1 < row.cpu_ms_per_frame < 60_000
        if sys.platform.startswith("linux"):
            assert row.peak_rss_mb is not None
            assert 20 < row.peak_rss_mb < 8000
    # The two runs of a quick row, from what is told of them: their mean, and how far they lie apart.
    least = {row.pipeline: 2 * row.cpu_ms_per_frame / (1 + row.spread) for row in report.rows}
    most = {row.pipeline: least[row.pipeline] * row.spread for row in report.rows}
    ratio, = report.ratios
    pairs: list[tuple[float | None, Way, Way]] = [(ratio.likeness_over_floor, "likeness", "floor"),
                                                  (ratio.insightface_over_likeness, "insightface", "likeness")]
    for told_ratio, dear, cheap in pairs:
        assert told_ratio is not None
        assert 0.98 * least[dear] / most[cheap] <= told_ratio <= 1.02 * most[dear] / least[cheap]
    assert SpeedReport.model_validate_json(report.model_dump_json()) == report
    assert "veryfast CRF 18" in report.to_text()
    assert told == sorted(told)
    assert told[-1] == 1


def test_ratios_are_taken_between_neighbours_and_medians_between_runs() -> None:
    def measured(*cpu: float) -> list[Measured]:
        return [Measured(cpu=c, wall=2 * c, peak=100 * c) for c in cpu]

    # The machine was twice as busy in the second run: ratios do not see it.
    runs = {"likeness": measured(3, 6, 3), "insightface": measured(9, 18, 9), "floor": measured(2, 4, 2),
            "likeness-stored": measured(2.4, 4.8, 2.4), "likeness-whole": measured(3.2, 6.4, 3.2)}
    ratio = _ratio("4K", runs)  # type: ignore[arg-type]
    assert (ratio.stored_over_floor, ratio.whole_over_floor) == (1.2, 1.6)
    assert (ratio.likeness_over_floor, ratio.insightface_over_likeness, ratio.memory_over_floor_mb) == (1.5, 3, 100)
    # Two of the quick ones in each turn: the plain loop is compared with the one right behind it.
    runs = {"likeness": measured(3, 4, 6, 3), "insightface": measured(9, 18), "floor": measured(2, 2, 4, 2),
            "likeness-stored": measured(2, 2, 4, 2), "likeness-whole": measured(3, 3, 6, 3)}
    ratio = _ratio("4K", runs)  # type: ignore[arg-type]
    assert (ratio.likeness_over_floor, ratio.insightface_over_likeness) == (1.5, 3)
    row = _row("floor", "4K", measured(2, 4, 2), 100)
    assert (row.cpu_ms_per_frame, row.wall_ms_per_frame, row.peak_rss_mb, row.spread) == (20, 40, 200, 2)


def test_a_row_that_fails_says_why(moving: Moving, tmp_path: Path) -> None:
    missing = tmp_path / "none.onnx"
    order = Order(way="likeness", clip=moving.path, output=tmp_path / "out.mp4", detector=missing, recogniser=missing,
                  swapper=missing, answer=tmp_path / "answer.json")
    with pytest.raises(ProcessorError, match=r"likeness .* not there"):
        run_row(order)


def test_an_unknown_resolution_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="8K"):
        speed(resolutions=("8K",))


def test_the_time_of_threads_and_of_children_that_ended_is_counted() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"

    def work() -> None:
        while time.thread_time() < 0.2:
            pass

    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", burn], check=True)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    # Windows does not tell of children; systems count in steps of up to 0.016.
    assert watch.read().cpu >= (0.18 if sys.platform == "win32" else 0.38)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems tell it through getrusage")
def test_the_peak_of_memory_stays_when_memory_is_given_back() -> None:
    before = peak_mb()
    assert before is not None
    block = np.ones(400 << 20 >> 3)
    block[:] = 2
    during = peak_mb()
    del block
    after = peak_mb()
    assert during is not None
    assert after is not None
    assert after > during - 2  # the system counts in steps
    assert during > 400
