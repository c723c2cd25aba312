"""The ledger: finished parts survive whatever happens to the process, and one process has it at a time."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import OutputError
from pipeline.rendering.doubts import Doubt
from pipeline.rendering.kept import KeptParts
from pipeline.rendering.ledger import DonePart, Ledger, finished_parts, parts_folder
from pipeline.rendering.plan import PlannedPart
from processors.batches import Remark
from tests.door.conftest import ROOT


def planned(key: str) -> PlannedPart:
    return PlannedPart(1, 0, 10, 0, 10, (), True, key)


def finished(ledger: Ledger, key: str, data: bytes = b"frames") -> DonePart:
    done = DonePart(key, f"{key}.nut", 10, 1.5, changed=7, people={0: 2, 3: 5},
                    remarks={3: (Remark("POSE.YAW", "Turned.", {"degrees": 40.0}),)},
                    doubts=(Doubt("ANONYMISE.GAP", 1.0, 2.5, "Nobody was seen."),), ran=(("geometric", "1.0"),),
                    damaged=77)
    (ledger.folder / done.file).write_bytes(data)
    ledger.add(done)
    return done


def test_what_was_finished_is_found_again_word_for_word(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with Ledger.held(output) as ledger:
        done = finished(ledger, "a")
    assert parts_folder(output) == tmp_path / ".out.mp4.likeness"
    assert finished_parts(output) == 1
    with Ledger.held(output) as again:
        found = again.get(planned("a"))
        assert found == done
        assert again.path(done).read_bytes() == b"frames"
        assert again.get(planned("b")) is None


def test_a_part_whose_file_is_gone_is_not_done(tmp_path: Path) -> None:
    with Ledger.held(tmp_path / "out.mp4") as ledger:
        done = finished(ledger, "a")
        ledger.path(done).unlink()
        assert ledger.get(planned("a")) is None


def test_other_recipes_parts_and_halves_of_files_are_swept_away(tmp_path: Path) -> None:
    with Ledger.held(tmp_path / "out.mp4") as ledger:
        finished(ledger, "a")
        finished(ledger, "b")
        (ledger.folder / "c.nut.half").write_bytes(b"half")
        ledger.keep_only({"b", "c"})
        assert sorted(p.name for p in ledger.folder.iterdir()) == ["b.nut", "ledger.json", "lock"]
        assert (len(ledger), ledger.get(planned("a"))) == (1, None)


def test_nothing_is_left_where_no_part_was_finished(tmp_path: Path) -> None:
    with Ledger.held(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99, "parts": []}', '{"version": 1, "parts": [{}]}',
                                  '{"version": 1}', "\x00\x01"])
def test_a_ledger_that_cannot_be_read_counts_as_empty(tmp_path: Path, text: str) -> None:
    folder = parts_folder(tmp_path / "out.mp4")
    folder.mkdir()
    (folder / "ledger.json").write_text(text)
    with Ledger.held(tmp_path / "out.mp4") as ledger:
        assert len(ledger) == 0


def test_a_second_render_to_the_same_output_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys\nfrom pathlib import Path\nfrom pipeline.rendering.ledger import Ledger\n"
         "with Ledger.held(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()", str(output)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError) as caught, Ledger.held(output):
            pass
        assert caught.value.code == "OUTPUT.BUSY"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with Ledger.held(output) as ledger:  # a lock of a process that was killed is no lock
            assert len(ledger) == 0
    finally:
        holder.kill()
        holder.wait()


def test_a_full_disk_keeps_the_ledger_that_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Ledger.held(tmp_path / "out.mp4") as ledger:
        finished(ledger, "a")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError) as caught:
            finished(ledger, "b")
        assert caught.value.code == "DISK.FULL"
        monkeypatch.undo()
        rows = json.loads((ledger.folder / "ledger.json").read_text())["parts"]
        assert [row["key"] for row in rows] == ["a"]


def test_kept_parts_come_back_and_the_oldest_make_room(tmp_path: Path) -> None:
    kept = KeptParts(tmp_path / "parts", budget=250)
    with Ledger.held(tmp_path / "out.mp4") as ledger:
        for number, key in enumerate("abc"):
            done = finished(ledger, key, bytes(100))
            kept.put(done, ledger.path(done))
            os.utime(tmp_path / "parts" / f"{key}.json", (number, number))
        kept.put(done, ledger.path(done))
        goal = tmp_path / "goal"
        goal.mkdir()
        assert kept.take("a", goal) is None
        assert kept.take("c", goal) == done
        assert (goal / "c.nut").read_bytes() == bytes(100)
    ledger.discard()
    assert kept.take("b", goal) is not None  # its bytes do not depend on the folder that they came from
