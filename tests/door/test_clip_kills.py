"""kill -9 at any moment costs one part at most, and nobody can tell it from the frames."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.rendering.ledger import finished_parts, parts_folder
from tests.conftest import HOPPER
from tests.door.conftest import WEBUI
from tests.door.making import face_clip, planes_of, times_of

KILLS = 20


def arguments(clip: Path, out: Path, *more: str) -> list[str]:
    words = ["render", "--source", HOPPER, "--target", clip, "--output", out, "--effects", "geometric,hull,feather",
             "--resume", "--data-dir", out.parent / f"data-{out.stem}", *more]
    return [sys.executable, str(WEBUI), *map(str, words)]


def running(out: Path) -> list[str]:
    """Command lines of processes that have to do with this output."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(out) in line:
            found.append(line)
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="looks for orphans in /proc")
def test_twenty_kills_cost_no_frame_and_leave_no_process(tmp_path: Path) -> None:
    clip = face_clip(tmp_path / "clip.mp4", 900, gop=60)
    whole = tmp_path / "whole.mp4"
    subprocess.run(arguments(clip, whole), check=True, capture_output=True, stdin=subprocess.DEVNULL)
    out = tmp_path / "out.mp4"
    dice = random.Random(20)
    done_before, kills = 0, 0
    while kills < KILLS:
        process = subprocess.Popen(arguments(clip, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   stdin=subprocess.DEVNULL)
        try:
            process.wait(dice.uniform(0.2, 9.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            assert not out.exists()
            assert running(out) == []
            done = finished_parts(out)
            # What was finished stays finished, whatever the moment.
            assert done >= done_before
            done_before = done
            continue
        # It came to its end before the dice let it be killed: once more from the beginning.
        assert process.returncode == 0
        assert_same(whole, out)
        out.unlink()
        for kept in (tmp_path / "data-out" / "parts").glob("*"):
            kept.unlink()
        done_before = 0
    last = subprocess.run(arguments(clip, out, "--json"), check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    assert f'"reused": {done_before}' in last.stdout
    assert_same(whole, out)
    assert not parts_folder(out).exists()


def assert_same(one: Path, other: Path) -> None:
    assert times_of(one) == times_of(other)
    for a, b in zip(planes_of(one), planes_of(other), strict=True):
        assert (a == b).all()


@pytest.mark.long
def test_memory_does_not_grow_with_the_clips_length(tmp_path: Path) -> None:
    """100 and 1,000 frames within 5 %."""
    peaks = []
    for frames in (100, 1000):
        clip = face_clip(tmp_path / f"{frames}.mp4", frames, gop=50)
        out = tmp_path / f"out-{frames}.mp4"
        process = subprocess.Popen(arguments(clip, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
            except OSError:
                break  # it has ended between the two looks
            time.sleep(0.05)
        assert process.wait() == 0, process.stderr and process.stderr.read()
        peaks.append(peak)
    assert peaks[1] <= 1.05 * peaks[0]
