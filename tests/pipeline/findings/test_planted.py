"""Defects that are planted in rendered clips are found, in their frames, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.engine import ClipWritten
from pipeline.findings import findings_of
from tests.pipeline.findings.planting import DEFECTS, FRAMES, Studio


def test_every_planted_defect_is_found_in_its_frames_and_nothing_else_is(planted: ClipWritten) -> None:
    assert [(f.code, f.first, f.last) for f in planted.findings] == [
        ("FINDING.MISSED", *DEFECTS.missed), ("FINDING.JUMP", DEFECTS.jump[0] - 1, DEFECTS.jump[1] + 1),
        ("FINDING.MISTAKEN", *DEFECTS.mistaken), ("FINDING.EXPOSURE", *DEFECTS.bright),
        ("FINDING.IDENTITY", *DEFECTS.wrong)]
    missed = planted.findings[0]
    assert (missed.start, missed.stop) == (DEFECTS.missed[0] / 25, (DEFECTS.missed[1] + 1) / 25)
    assert missed.severity == "high"
    assert missed.words == "The face is missing in 3 frames, and there around them."


def test_what_was_found_is_kept_with_the_finished_file(planted: ClipWritten, planted_studio: Studio) -> None:
    version = planted_studio.version(planted)
    assert version.findings == planted.findings
    assert (version.sheet.first, version.sheet.last, version.rate) == (0, FRAMES - 1, 25)
    assert version.recipe["everyone"] == {"use": "source", "source": "hopper"}
    missing = {int(f) for f in range(FRAMES)} - set(version.sheet.rows["frame"].tolist())
    assert missing == set(range(DEFECTS.missed[0], DEFECTS.missed[1] + 1))
    # Nothing lies beside the user's file, and a face and frame takes few bytes.
    assert {path.suffix for path in planted.path.parent.iterdir() if path.is_file()} == {".mp4"}
    assert len(version.sheet.bytes()) < 200 * FRAMES
    assert planted_studio.versions.get("sha256:" + "f" * 64) is None


def test_scores_say_what_was_drawn(planted: ClipWritten, planted_studio: Studio) -> None:
    rows = planted_studio.version(planted).sheet.rows
    inside = np.isin(rows["frame"], range(*DEFECTS.bright))
    clean = rows["frame"] < DEFECTS.missed[0]
    lightness = rows["colour"][:, 0] - rows["was"][:, 0]
    assert np.median(lightness[inside]) - np.median(lightness[clean]) == pytest.approx(9, abs=3)  # 25 levels
    assert 0.6 < np.median(rows["sharp"][clean]) < 1.6
    assert (rows["change"][clean] > 4).all()
    assert (rows["noise"][clean] == 0).all()
    asked = np.isfinite(rows["to_source"])
    wrong = np.isin(rows["frame"], range(*DEFECTS.wrong))
    assert (rows["to_source"] > rows["to_target"])[asked & wrong].all()
    assert (rows["to_source"] < rows["to_target"])[asked & ~wrong].all()
    assert asked.mean() < 0.2


def test_a_part_that_is_rendered_again_gives_the_same_findings(planted: ClipWritten, planted_studio: Studio) -> None:
    sheet = planted_studio.version(planted).sheet
    assert len(set(sheet.strands()[sheet.rows["frame"] < DEFECTS.missed[0]])) == 1
    assert len(sheet.starts) == 2
    again = findings_of(sheet, 25)
    assert [(f.code, f.first, f.last) for f in again] == [(f.code, f.first, f.last) for f in planted.findings]


def test_what_the_user_left_as_it_is_is_not_missed(planted: ClipWritten, planted_studio: Studio) -> None:
    first, last = DEFECTS.missed
    found = findings_of(planted_studio.version(planted).sheet, 25, settled=[(first, last, 0)])
    assert "FINDING.MISSED" not in {f.code for f in found}
