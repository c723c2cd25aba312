"""What was found in a finished render, on the Clip screen: looked at beside the clip that it was made from, let be, or
mended."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from models.errors import Cancelled, InputError, MediaError, OutputError
from pipeline.clips.clip import Clip
from pipeline.clips.kinds import is_clip
from pipeline.clips.planes import ClipFrame
from pipeline.findings.finding import Finding
from pipeline.findings.store import Version, Versions
from pipeline.jobs.job import Job
from studio import actions, clip_fixes
from studio.clip_reload import take_up
from studio.clip_session import ClipSession
from studio.clip_times import time_of
from studio.judged import Judged
from studio.project import short_of
from studio.steps import Steps, run

_LETTERS = {"open": "o", "fixed": "f", "ignored": "i"}


def found_in(job: Job) -> dict[str, Any] | None:
    """How many findings a finished job's result has, by severity; None where nobody looked."""
    data = job.result.data if job.state == "done" and job.result is not None else {}
    counts = data.get("findings")
    if counts is None or not data.get("version"):
        return None
    return {"count": sum(counts.values()), **{name: counts.get(name, 0) for name in ("high", "middle", "low")}}


async def look(c: ClipSession, action: actions.LookAtFindings) -> Steps:
    """Opens a job's clip, with the job's recipe where another clip is open, and what was found in its result."""
    job = await asyncio.to_thread(c.machine.jobs.get, action.job)
    if found_in(job) is None:
        raise _gone(job)
    assert job.result is not None
    version_id, output = str(job.result.data["version"]), Path(job.result.output)

    def read(_: Any) -> tuple[Version | None, frozenset[str], Clip | None]:
        versions = _versions(c)
        return versions.get(version_id), versions.ignored(version_id), _result(c, output, version_id)

    there: list[tuple[Version | None, frozenset[str], Clip | None]] = []
    async for step in run(c, "probing", read, there):
        yield step
    version, ignored, after = there[0]
    if version is None:
        raise _gone(job)
    if c.clip is None or c.clip.id != version.target:
        async for step in take_up(c, actions.TakeUp(do="take_up", job=job.id)):
            yield step
    clip = c.clip
    assert clip is not None
    number = c.judged.number + 1 if c.judged is not None else 1
    c.judged = Judged(job.id, output.name, version, clip, after, _getter(c), ignored, job.result.data.get("rendered"),
                      job.result.data.get("reused"), number)
    if version.findings:
        c.go_to(version.findings[0].worst)
    yield ("clip", "chain", "tray", "people", "bar")


def _versions(c: ClipSession) -> Versions:
    return Versions(c.machine.data_dir / "versions")


def _gone(job: Job) -> InputError:
    return InputError(f"What was found in {job.title} is no longer known.", subject=job.title,
                      code="STUDIO.FINDINGS_GONE", remedy="Render it again.")


def _result(c: ClipSession, output: Path, version: str) -> Clip | None:
    """The rendered clip; None where the file was moved, or another one is there now. output: of numbered pictures their
    pattern or folder."""
    if not is_clip(output):
        return None
    try:
        clip = c.engine.open_clip(output)
    except (InputError, MediaError):  # pictures are missing by now, or others lie beside them
        return None
    return clip if clip.id == version else None


def _getter(c: ClipSession) -> Any:
    """A decoder of its own, beside the playhead's, for which nobody has to wait."""
    def get(clip: Clip, index: int) -> ClipFrame:
        frame = c.engine.desk.look(clip, time_of(clip, index), f"{c.id} found")
        if frame is None:
            raise Cancelled("The clip was closed.", subject=clip.name, remedy="Open it again.")
        return frame

    return get


async def ignore(c: ClipSession, action: actions.IgnoreFinding) -> None:
    """Kept beside the result's scores, so that it outlives the studio. Raises InputError, OutputError."""
    judged = c.judged
    if judged is None or action.finding not in {one.key for one in judged.findings}:
        raise InputError("That finding is no longer looked at.", subject=action.finding,
                         code="STUDIO.NO_SUCH_FINDING", remedy="Open the findings of the render again.")
    keys = judged.ignored | {action.finding} if action.ignored else judged.ignored - {action.finding}
    try:
        await asyncio.to_thread(_versions(c).ignore, judged.version.output, keys)
    except OSError as error:
        raise OutputError(f"It cannot be written down that this is let be: {error.strerror or error}.",
                          subject=judged.name,
                          remedy="Look whether the data folder's disk is full or write-protected.") from error
    judged.ignored = keys


def mended(c: ClipSession) -> str | None:
    """The finished clip that a render of the present recipe mends: what is let be in it is let be in that, too."""
    judged = c.judged
    return judged.version.output if judged is not None and judged.is_made_with(c.for_engine(c.recipe)) else None


# What the page is told ----------------------------------------------------------------------------------------------


def view(c: ClipSession) -> dict[str, Any] | None:
    """A letter for each finding: o, f, i. The list itself is fetched once (`listed`)."""
    judged, clip = c.judged, c.clip
    if judged is None or clip is None or not judged.is_of(c.recipe):
        return None
    states = judged.states(c.recipe)
    counts = Counter(states)
    return {
        "job": judged.job, "name": judged.name, "number": judged.number,
        "at": f"findings/{c.id}/{short_of(judged.version.output)}",
        "states": "".join(_LETTERS[state] for state in states), "open": counts["open"],
        "result": judged.after is not None, "same": judged.is_made_with(c.for_engine(c.recipe)),
        "span": [judged.version.sheet.first, judged.version.sheet.last],
        "unrendered": len(judged.new_fixes(c.recipe)) + sum(fix not in c.recipe.fixes for fix in judged.recipe.fixes),
        "rendered": judged.rendered, "reused": judged.reused, "mended": bool(judged.recipe.fixes),
    }


def mending(c: ClipSession) -> dict[str, Any]:
    """What belongs to the open clip, whether or not anything was found in a render of it."""
    clip = c.clip
    return {"found": view(c), "fixes": clip_fixes.views(c.recipe, clip) if clip is not None else [],
            "again": c.again}


def listed(judged: Judged) -> list[dict[str, Any]]:
    return [_row(finding) for finding in judged.findings]


def _row(finding: Finding) -> dict[str, Any]:
    return {"key": finding.key, **{name: value for name, value in finding.data().items() if name != "strand"}}
