"""Pictures side by side, to look at, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.arrays import Pixels
from models.face import Face
from pipeline.bench.report import METHODS, QualityReport
from pipeline.frame import Frame
from processors.batches import Rect

if TYPE_CHECKING:
    from pipeline.bench.run import Known
    from pipeline.bench.sizes import SizeRun

_GAP = 6
_BACKGROUND = 24
_INK = (220, 220, 220)


def write_pair_sheet(folder: Path, source: Known, targets: Sequence[Known], results: Sequence[Frame]) -> Path:
    """One row a target: source, target, then each method's result, at 200 %."""
    rows = []
    for target in targets:
        face = target.report.face
        height = round(2 * _square(face).y1 - 2 * _square(face).y0)
        shown = [_face(source.picture.frame, source.report.face, height)]
        shown += [_face(frame, face, height) for frame in (target.picture.frame, *results)]
        rows.append(_labelled(shown, (source.name, target.name, *METHODS)))
    path = folder / f"{source.name}-on-{targets[0].picture.name}.png"
    return _write(path, _stack(rows))


def write_size_sheet(folder: Path, runs: Sequence[SizeRun]) -> Path:
    """Before and each method's result at 100 %."""
    first = runs[0]
    frames = (first.before.frame, *(run.after for run in runs))
    shown = [frame.region(_inside(_square(first.before.face), frame)) for frame in frames]
    name = f"{first.result.pair.replace(' ', '-')}-{first.result.size}px.png"
    return _write(folder / name, _labelled(shown, ("before", *(run.result.method for run in runs))))


def _square(face: Face) -> Rect:
    """Round the face, half an eye distance beyond the points."""
    low = face.points.min(axis=0) - 0.7 * face.eye_distance
    high = face.points.max(axis=0) + 0.4 * face.eye_distance
    return Rect(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _inside(rect: Rect, frame: Frame) -> Rect:
    return Rect(max(rect.x0, 0), max(rect.y0, 0), min(rect.x1, frame.width), min(rect.y1, frame.height))


def _face(frame: Frame, face: Face, height: int) -> Pixels:
    part = Frame(frame.bgr8()).region(_inside(_square(face), frame))
    scale = height / part.shape[0]
    return np.asarray(cv2.resize(part, (round(part.shape[1] * scale), height), interpolation=cv2.INTER_CUBIC))


def _labelled(pictures: Sequence[Pixels], labels: Sequence[str]) -> Pixels:
    shown = []
    for picture, label in zip(pictures, labels, strict=True):
        canvas = np.full((picture.shape[0] + 26, picture.shape[1] + _GAP, 3), _BACKGROUND, np.uint8)
        canvas[26:, :picture.shape[1]] = picture
        cv2.putText(canvas, label, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
        shown.append(canvas)
    return np.hstack([_padded(c, max(s.shape[0] for s in shown), c.shape[1]) for c in shown])


def _stack(rows: Sequence[Pixels]) -> Pixels:
    width = max(row.shape[1] for row in rows)
    return np.vstack([_padded(row, row.shape[0], width) for row in rows])


def _padded(picture: Pixels, height: int, width: int) -> Pixels:
    canvas = np.full((height, width, 3), _BACKGROUND, np.uint8)
    canvas[:picture.shape[0], :picture.shape[1]] = picture
    return canvas


def _write(path: Path, picture: Pixels) -> Path:
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise ValueError(f"{path.name} could not be encoded")
    path.write_bytes(data.tobytes())
    return path


def plot_report(report: QualityReport, path: Path) -> Path:
    """Identity of every pair, and time and sharpness by size."""
    from matplotlib.figure import Figure  # without pyplot, which keeps every figure in the process

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    identity, time, sharp = figure.subplots(1, 3)
    sizes = sorted({s.size for s in report.sizes})
    for method in METHODS:
        distances = sorted(p.measures.identity_to_source or 0.0 for p in report.pairs if p.method == method)
        identity.plot(distances, label=method)
        rows = [[s for s in report.sizes if s.method == method and s.size == size] for size in sizes]
        time.plot(sizes, [np.mean([s.milliseconds for s in row]) for row in rows], marker="o", label=method)
        sharp.plot(sizes, [np.mean([s.sharpness or np.nan for s in row]) for row in rows], marker="o", label=method)
    identity.axhline(report.same_person, color="0.6", linestyle=":", label="same person below")
    identity.set(title="Distance to the source, pairs in order", xlabel="pair", ylabel="distance")
    time.set(title="CPU time a face", xlabel="outer-eye distance, px", ylabel="ms", xscale="log", yscale="log")
    sharp.set(title="Sharpness against surroundings", xlabel="outer-eye distance, px", ylabel="1 = fits", xscale="log")
    sharp.axhline(1, color="0.6", linestyle=":")
    for axes in (time, sharp):
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
    identity.legend()
    figure.savefig(path)
    return path
