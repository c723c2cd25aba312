"""The first stage of a render: every face found in every frame that is to be drawn, before the first of them is."""

from __future__ import annotations

from collections.abc import Callable

from models.errors import Cancelled
from models.interfaces import FaceStack
from models.sessions import DeviceLost
from pipeline.analysis.known import Decided, Known, frame_at
from pipeline.analysis.runs import Runs
from pipeline.analysis.store import Analyses, Wanted
from pipeline.chain import Admission
from pipeline.clips.clip import Clip
from pipeline.recipe import Anonymise, Keep, Looking, Recipe
from pipeline.rendering.control import ClipProgress, Control
from pipeline.rendering.meter import Meter
from pipeline.rendering.plan import Plan
from pipeline.tracking.follow import PRE_ROLL


def who_is_where(analyses: Analyses | None, recipe: Recipe, clip: Clip, plan: Plan, faces: FaceStack, control: Control,
                 elsewhere: Callable[[], FaceStack | None], make: bool) -> tuple[Decided | None, FaceStack]:
    """What is known of a render's faces, and the face stack that works. analyses: where it is kept; without, nothing is
    known. elsewhere: another device's face stack where this one's fails. make: whether to find out what is not known.

    Where somebody is hidden, a scan of its own finds faces (`tracking.covering`), and nothing is made for it but where
    the user has said whose a face is. Raises DeviceLost where no device is left, Cancelled, what reading raises.
    """
    if analyses is None:
        return None, faces
    touched = [part for part in plan.parts if part.touched]
    if make and touched and (recipe.whose or not _hides(recipe)):
        # From where the user said whose a face is, its track has to be known up to here.
        said = [frame_at(clip, one.at) for one in recipe.whose]
        wanted = Wanted(max(min([touched[0].first - PRE_ROLL, *said]), 0),
                        max([touched[-1].first + touched[-1].frames - 1, *said]))
        while True:
            try:
                known: Known | None = analyse(analyses, clip, faces, recipe.looking, wanted, control)
                break
            except DeviceLost:
                other = elsewhere()
                if other is None:
                    raise
                faces = other
    else:
        known = analyses.known(clip, faces, recipe.looking)
    return None if known is None else known.decided(recipe.people, recipe.whose, recipe.merged), faces


def busy_for(known: Decided | None, recipe: Recipe, admission: Admission) -> Runs | None:
    """See `make_plan`. None, too, where the content analyser looks: it sees every second of what has effects."""
    if known is None or admission.looked_at:
        return None
    return known.busy(lambda number: not isinstance(recipe.choice_for(number), Keep))


def analyse(analyses: Analyses, clip: Clip, faces: FaceStack, looking: Looking, wanted: Wanted, control: Control,
            ) -> Known:
    """The analysis, its progress told. Raises Cancelled; what is known by then stays."""
    meter: list[Meter] = []

    def tell(done: int, total: int) -> None:
        if not meter:
            meter.append(Meter(total))
            meter[0].skip(done)
        elif done > meter[0].done:
            meter[0].count(done - meter[0].done)
        control.progress(ClipProgress("analyse", done, total, meter[0].fps, meter[0].eta))

    def check() -> None:
        control.wait()
        if control.cancelled():
            raise Cancelled("Stopped at your request.", remedy="What was found stays; the same command goes on.")

    return analyses.analyse(clip, faces, looking, wanted, tell=tell, check=check)


def _hides(recipe: Recipe) -> bool:
    return bool(recipe.covers) or any(isinstance(one, Anonymise) for one in (*recipe.cast.values(), recipe.everyone))
