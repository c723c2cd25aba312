"""`bench quality`: the chain Natural beside the well-known simple method, by the same measures, in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from models.arrays import Mask
from models.errors import InputError
from pipeline.analysis import FaceReport
from pipeline.bench import report as reports
from pipeline.bench.naive import naive_swap
from pipeline.bench.pictures import FILES, installed
from pipeline.bench.report import METHODS, Method, PairResult, QualityReport
from pipeline.bench.sheets import plot_report, write_pair_sheet, write_size_sheet
from pipeline.bench.sizes import SIZES, measure_size
from pipeline.chain import make_steps
from pipeline.engine import Engine
from pipeline.frame import Frame
from pipeline.measure.areas import share_out
from pipeline.measure.pair import measure_faces
from pipeline.pictures import Picture
from pipeline.presets import preset
from pipeline.recipe import Choice, Photo, Recipe, Segment, SourceInput, UseSource

Progress = Callable[[float, str], None]

# The two whose pictures may be shown, for the sizes.
SIZE_PAIRS = (("astronaut", "hopper"), ("hopper", "astronaut"))


@dataclass(frozen=True, slots=True)
class Known:
    """One face of an installed picture. name: the picture's, with the face's number where it has several."""

    name: str
    picture: Picture
    report: FaceReport


def _silent(_share: float, _stage: str) -> None:
    return None


def known_faces(engine: Engine) -> list[Known]:
    """Every face that the installed pictures show to an ordinary look."""
    found = []
    for name, path in installed().items():
        picture = engine.open(path, name=name)
        faces = engine.analyse(picture).faces
        found += [Known(name if len(faces) == 1 else f"{name}.{face.number}", picture, face) for face in faces]
    return found


def quality(*, engine: Engine | None = None, pairs: int | None = None, sizes: Sequence[int] = SIZES,
            sheets: Path | None = None, progress: Progress = _silent) -> QualityReport:
    """Measures quality on this machine: about two minutes.

    pairs: how many of the ordered pairs (all: None), from the astronaut's on. sizes: outer-eye distances in pixels.
    sheets: an existing folder for pictures side by side and a plot, or None. Raises InputError (`INPUT.MISSING`)
    where that folder is not there or the pictures are not installed.
    """
    if sheets is not None and not sheets.is_dir():
        raise InputError(f"There is no folder {sheets}.", subject=str(sheets), code="INPUT.MISSING",
                         remedy="Make it first.")
    engine = engine or Engine()
    faces = known_faces(engine)
    if len(faces) < 2:
        raise InputError("The pictures that the bench measures on are not installed.", subject="bench",
                         remedy="Install the packages again (`uv sync`).", code="INPUT.MISSING")
    results = _all_pairs(engine, faces, pairs, sheets, lambda share: progress(0.75 * share, "comparing faces"))
    sized = _all_sizes(engine, faces, sizes, sheets, lambda share: progress(0.75 + 0.25 * share, "measuring sizes"))
    recogniser = engine.faces.recogniser
    threshold = recogniser.same_person
    summaries = tuple(reports.summarise(method, results, threshold) for method in METHODS)
    frontal = [r for r in results if r.pose_gap < reports.FRONTAL_GAP]
    six = [r for r in results if r.source == "astronaut" and r.target.startswith("six.")]
    made = QualityReport(
        machine=reports.machine(), recogniser=recogniser.name, same_person=threshold, summaries=summaries,
        frontal=tuple(reports.summarise(method, frontal, threshold) for method in METHODS) if frontal else (),
        six=tuple(reports.summarise(method, six, threshold) for method in METHODS) if six else (),
        sizes=tuple(sized), ratios=reports.ratios(summaries), pairs=tuple(results),
        skipped=tuple(sorted(set(FILES) - set(installed()))))
    if sheets is not None:
        plot_report(made, sheets / "quality.png")
    progress(1.0, "done")
    return made


def _all_pairs(engine: Engine, faces: Sequence[Known], limit: int | None, sheets: Path | None,
               progress: Callable[[float], None]) -> list[PairResult]:
    """One render for every source and target picture: faces of one picture do not touch each other."""
    chosen = [(source, target) for source in faces for target in faces if source is not target][:limit]
    results: list[PairResult] = []
    done = 0
    for _, group in groupby(chosen, key=lambda pair: (pair[0].name, pair[1].picture.id)):
        members = list(group)
        source, targets = members[0][0], [target for _, target in members]
        swapped = {"naive": _naive(source, targets), "natural": _natural(engine, source, targets)}
        for method in METHODS:
            after, masks = swapped[method]
            results += _measure(engine, method, source, targets, after, masks)
        if sheets is not None:
            write_pair_sheet(sheets, source, targets, [swapped[method][0] for method in METHODS])
        done += len(members)
        progress(done / len(chosen))
    return results


def _naive(source: Known, targets: Sequence[Known]) -> tuple[Frame, list[Mask]]:
    frame, masks = targets[0].picture.frame, []
    for target in targets:
        swapped = naive_swap(source.picture.frame.bgr8(), source.report.face.points, frame, target.report.face)
        frame = swapped.frame
        masks.append(swapped.mask)
    return frame, masks


def _natural(engine: Engine, source: Known, targets: Sequence[Known]) -> tuple[Frame, list[Mask]]:
    identity = engine.source("source", [(source.picture, source.report.number)])
    photo = Photo(id=source.picture.id, name=source.picture.name, face=source.report.number)
    cast: dict[int, Choice] = {target.report.number: UseSource(source="source") for target in targets}
    recipe = Recipe(sources=(SourceInput(name="source", photos=(photo,)),), cast=cast,
                    segments=(Segment(effects=preset("natural").chain(engine.registry)),))
    rendered = engine.render(recipe, targets[0].picture, {"source": identity})
    return rendered.frame, share_out(rendered.mask(), [target.report.face for target in targets])


def _measure(engine: Engine, method: Method, source: Known, targets: Sequence[Known], after: Frame,
             masks: list[Mask]) -> list[PairResult]:
    embedding = source.report.face.embedding
    measured = measure_faces(embedding, targets[0].picture.frame, after, engine.faces,
                             [target.report.face for target in targets], masks)
    return [PairResult(method=method, source=source.name, target=target.name, turned=target.report.yaw,
                       pose_gap=_pose_gap(source.report, target.report), measures=figures)
            for target, figures in zip(targets, measured, strict=True)]


def _pose_gap(source: FaceReport, target: FaceReport) -> float:
    """Degrees, after the source was mirrored where that fits better."""
    yaw = min(abs(source.yaw - target.yaw), abs(-source.yaw - target.yaw))
    return float(np.maximum(yaw, abs(source.pitch - target.pitch)))


def _all_sizes(engine: Engine, faces: Sequence[Known], sizes: Sequence[int], sheets: Path | None,
               progress: Callable[[float], None]) -> list[reports.SizeResult]:
    pictures = {face.name: face.picture.frame.bgr8() for face in faces}
    steps = make_steps(preset("natural").chain(engine.registry), engine.registry)
    todo = [(pair, size) for size in sizes for pair in SIZE_PAIRS if set(pair) <= set(pictures)]
    rows = []
    for number, ((source, target), size) in enumerate(todo, 1):
        runs = measure_size(f"{source} on {target}", pictures[source], pictures[target], size, engine.faces, steps)
        rows += [run.result for run in runs]
        if sheets is not None:
            write_size_sheet(sheets, runs)
        progress(number / len(todo))
    return rows
