"""What a job is: its states, which may follow which, and what is known of it at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from models.errors import LikenessError
from pipeline.rendering.control import PartState, Stage

State = Literal["queued", "running", "paused", "done", "failed", "cancelled", "interrupted"]
Wanted = Literal["run", "pause", "cancel"]
Kind = Literal["render", "download"]
Wish = Literal["pause", "resume", "cancel", "retry", "go_on", "remove"]

ALLOWED: Mapping[State, frozenset[State]] = MappingProxyType({
    "queued": frozenset({"running", "cancelled"}),
    "running": frozenset({"paused", "done", "failed", "cancelled", "interrupted"}),
    # A render that is held may be at its last frame already.
    "paused": frozenset({"running", "done", "failed", "cancelled", "interrupted"}),
    "done": frozenset(),
    "failed": frozenset({"queued"}),
    "cancelled": frozenset({"queued"}),
    "interrupted": frozenset({"queued", "cancelled"}),
})
"""Which states may follow each. Nothing else is ever written."""

AT_WORK: frozenset[State] = frozenset({"running", "paused"})
"""A worker process has the job, and holds its lease."""

ENDED_WITHOUT: frozenset[State] = frozenset({"failed", "cancelled", "interrupted"})
"""It has come to an end and there is no output."""


class JobError(LikenessError, RuntimeError):
    """A job cannot be had, or not be changed like that (`JOB.*`)."""

    code = "JOB.NOT_NOW"


@dataclass(frozen=True, slots=True)
class JobFault:
    """Why a job failed: what a LikenessError says, kept. data: more for programs (doubtful spans)."""

    code: str
    message: str
    subject: str = ""
    remedy: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobNote:
    """One remark of a finished render; see `processors.batches.Remark`."""

    code: str
    words: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a finished job wrote. bytes: the output's size. sidecar: a file beside it that says it was edited. data:
    more of `ClipWritten`: container, codec, frames, rendered, reused, changed; version: the id under which what was
    found in it is written down, findings: how many by severity (where they are)."""

    output: str
    bytes: int
    notes: tuple[JobNote, ...] = ()
    sidecar: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when it was asked for.

    title: for people. kind: a render of a clip, or a model that is fetched; one of each kind is at work at a time.
    output: the path that its request names. request: JSON of a `ClipRequest`, or of a `FetchRequest`. order: place in
    the queue, rising. created, started, finished: seconds since 1970; started is the last start's, None before it,
    finished None until it has come to an end (done, failed, cancelled, interrupted).
    stage, finished_frames (of a download: bytes), total_frames, fps, eta, parts: as in `ClipProgress`, the last that
    was written; they stay when the job ends. picture: changes with the last frame's JPEG (`Jobs.picture`);
    0, there is none.
    wanted: what somebody asked of the worker that it may not have done yet: running with `pause` is "pausing".
    owner, expires: who holds the lease, and until when if nothing is heard of them.
    attempts: how often it was started; above 1 it goes on from the finished parts. revision: grows with every change
    of this job; comparable among all jobs of a folder.
    submitter: who asked for it, in words of whoever submits; empty for the machine's owner.
    """

    id: str
    title: str
    kind: Kind
    state: State
    output: str
    request: str
    order: int
    created: float
    started: float | None = None
    finished: float | None = None
    stage: Stage | None = None
    finished_frames: int = 0
    total_frames: int = 0
    fps: float = 0.0
    eta: float | None = None
    parts: tuple[PartState, ...] = ()
    picture: int = 0
    error: JobFault | None = None
    result: JobResult | None = None
    wanted: Wanted = "run"
    owner: str | None = None
    expires: float | None = None
    attempts: int = 0
    revision: int = 0
    submitter: str = ""

    @property
    def at_work(self) -> bool:
        return self.state in AT_WORK

    @property
    def wishes(self) -> frozenset[Wish]:
        """What may be asked of it now: the buttons of its card. A download is not paused but stopped: it goes on where
        it was."""
        wishes = _WISHES[self.state]
        return wishes - {"pause", "resume"} if self.kind == "download" else wishes


_WISHES: Mapping[State, frozenset[Wish]] = MappingProxyType({
    "queued": frozenset({"cancel", "remove"}),
    "running": frozenset({"pause", "resume", "cancel"}),
    "paused": frozenset({"pause", "resume", "cancel"}),
    "done": frozenset({"remove"}),
    "failed": frozenset({"retry", "remove"}),
    "cancelled": frozenset({"retry", "remove"}),
    "interrupted": frozenset({"go_on", "retry", "cancel", "remove"}),
})
