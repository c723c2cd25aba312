"""A finished render beside what it was made of, both as browsers play them."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path

from models.errors import MissingInput
from pipeline.engine import Clip
from studio.access import rights
from studio.clip_reload import request_of
from studio.clip_session import ClipSession, Pair
from studio.steps import Steps, run

LOOK_EVERY = 0.3
"""Seconds between two looks at stand-ins that are being made."""

# What browsers play without a stand-in: codec and pixel format of the picture, codecs of the sound, endings of files.
PLAYED = {"h264": ({"yuv420p", "yuvj420p"}, {"aac", "mp3"}, {".mp4", ".m4v", ".mov"}),
          "vp9": ({"yuv420p"}, {"opus", "vorbis"}, {".webm"}),
          "vp8": ({"yuv420p"}, {"opus", "vorbis"}, {".webm"}),
          "av1": ({"yuv420p", "yuv420p10le"}, {"opus", "aac"}, {".webm", ".mp4"})}


def plays_itself(clip: Clip) -> bool:
    """Whether every browser shows this file with its sound, counting time from its first picture."""
    known = PLAYED.get(clip.codec)
    if known is None or clip.kind != "file" or clip.fields != "progressive" or clip.colour.transfer != "sdr":
        return False
    formats, sounds, endings = known
    heard = clip.sounds()
    return (clip.pix_fmt in formats and clip.path.suffix.lower() in endings and clip.sar == 1 and clip.pts[0] == 0
            and (not heard or heard[0].codec in sounds))


async def play(c: ClipSession, id: str) -> Steps:
    """Makes both ready for the page; says again and again how far that is."""
    job = await asyncio.to_thread(c.machine.jobs.get, id)
    request = request_of(job)
    result = Path(job.result.output if job.result else job.output)
    # What a render was made of is shown to whoever made it, and to the owner.
    target = request.recipe.target if rights.may_touch(c.visitor, job) else None
    original = Path(target.path) if target and target.path else None
    pair = c.pair = Pair(id, result.name, offset=_offset(request.recipe.trim.start))
    yield ("clip", "bar")
    if not result.is_file() and "%" not in result.name:
        c.pair = None
        told = str(result) if c.visitor.owner else result.name
        raise MissingInput(f"{told} is no longer there.", subject=told,
                           remedy="It was moved or deleted; render it again.")
    opened: list[list[Clip | None]] = []
    async for step in run(c, "probing", lambda _: [c.engine.open_clip(result), _opened(c, original)], opened):
        yield step
    for which, clip in zip(("result", "original"), opened[0], strict=True):
        if clip is not None:
            async for step in _ready(c, pair, which, clip):
                yield step
    pair.share = 1.0
    yield ("clip", "bar")


def _opened(c: ClipSession, path: Path | None) -> Clip | None:
    """The original may have been moved since: then the result plays alone."""
    return c.engine.open_clip(path) if path is not None and (path.is_file() or "%" in path.name) else None


async def _ready(c: ClipSession, pair: Pair, which: str, clip: Clip) -> Steps:
    key = f"{which}-{pair.job}"
    path: Path | None = clip.path if plays_itself(clip) else None
    if path is None:
        state = await asyncio.to_thread(c.machine.proxies.ask, clip)
        while state.state in ("waiting", "making") and c.pair is pair and not c.closed:
            pair.share = state.share
            yield ("clip",)
            await asyncio.sleep(LOOK_EVERY)
            state = await asyncio.to_thread(c.machine.proxies.look, clip)
        path = state.path
        if state.error is not None:
            raise state.error
    if path is not None and not c.closed:
        c.files[key] = path
        setattr(pair, which, key)
        yield ("clip",)


def _offset(start: str | None) -> float:
    return float(Fraction(start)) if start is not None else 0.0
