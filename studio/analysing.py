"""Clips that are open are analysed while nobody waits for it: what lies round the playheads first, a pass at a time."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from models.errors import Cancelled, LikenessError
from pipeline.analysis.known import Known
from pipeline.analysis.store import Wanted, spans_of
from pipeline.clips.proxies import step_back
from pipeline.engine import Clip, Control, Engine
from pipeline.jobs.job import JobError
from pipeline.jobs.runner import Jobs
from pipeline.recipe import Looking, Person
from pipeline.rendering.control import ClipProgress
from studio.work import Ticket, Worker

logger = logging.getLogger(__name__)

AT_ONCE = 2
"""Spans of five to ten seconds that are gone through in one pass: what lies before and behind one has to be seen too,
an eighth of it, and the playhead is followed from pass to pass."""
LOOK_EVERY = 1.0
"""Seconds between two looks whether a render wants the same analysis."""

Key = tuple[str, Looking, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A clip that somebody has open. people: as in `Engine.faces_for`. around: the frame under the playhead now. busy:
    whether something runs that somebody waits for."""

    engine: Engine
    clip: Clip
    looking: Looking
    people: tuple[Person, ...]
    around: Callable[[], int]
    busy: Callable[[], bool] = lambda: False

    @property
    def key(self) -> Key:
        return self.clip.id, self.looking, self.people[0].recogniser if self.people else ""

    def known(self) -> Known | None:
        return self.engine.known(self.clip, self.looking, self.people)


@dataclass(frozen=True, slots=True)
class Survey:
    """How far a clip is analysed. working: also while it waits for its turn. share: 0..1 of its frames. error: why
    failed."""

    state: Literal["working", "whole", "failed"] = "working"
    share: float = 0.0
    error: LikenessError | None = None


@dataclass
class Analysing:
    """One pass at a time for all tabs; two with the same clip share it. jobs: the queue of renders: while one finds its
    faces, this keeps out of its way. worker: does it, and portraits beside it, at a low priority."""

    jobs: Callable[[], Jobs]
    _asked: dict[str, Asked] = field(default_factory=dict)
    _surveys: dict[Key, Survey] = field(default_factory=dict)
    _held: list[Key] = field(default_factory=list)
    _running: bool = False
    _closed: bool = False

    def __post_init__(self) -> None:
        self._executor = ThreadPoolExecutor(2, "analysing", initializer=step_back)
        self.worker = Worker(self._executor)
        self._lock = threading.Lock()
        self._looked = -LOOK_EVERY
        self._rendered: frozenset[str] = frozenset()
        """Clips whose renders are finding their faces."""

    def ask(self, who: str, asked: Asked) -> None:
        """Wants a clip analysed, instead of what the same one wanted before. What failed is tried again."""
        with self._lock:
            if self._closed:
                return
            self._asked[who] = asked
            self._surveys = {key: one for key, one in self._surveys.items()
                             if any(other.key == key for other in self._asked.values()) and one.state != "failed"}
            begin, self._running = not self._running, True
        if begin:
            self.worker.start("analysing", self._run)

    def drop(self, who: str) -> None:
        """Wants nothing any more. What was found stays."""
        with self._lock:
            self._asked.pop(who, None)

    def look(self, who: str) -> Survey | None:
        """How far what somebody asked for is; None where they ask for nothing."""
        asked = self._asked.get(who)
        return None if asked is None else self._surveys.get(asked.key, Survey())

    @contextlib.contextmanager
    def held(self, asked: Asked) -> Iterator[None]:
        """While this lasts, the clip is left to whoever wants a place of it at once."""
        self._held.append(asked.key)
        try:
            yield
        finally:
            self._held.remove(asked.key)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._asked.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, _ticket: Ticket[None]) -> None:
        """One pass after the other, of each clip in turn."""
        last: Key | None = None
        while True:
            with self._lock:
                waiting = {one.key: one for one in self._asked.values()
                           if self._surveys.get(one.key, Survey()).state == "working"}
                if not waiting:
                    self._running = False
                    return
            free = [one for one in waiting.values() if not self._is_wanted_elsewhere(one)]
            if not free:
                for one in waiting.values():
                    self._safely(one, self._note)
                time.sleep(LOOK_EVERY / 4)
                continue
            asked = next((one for one in free if one.key != last), free[0])
            last = asked.key
            self._safely(asked, self._pass)

    def _pass(self, asked: Asked) -> None:
        """The next few spans."""
        known = self._note(asked)
        wanted = next_spans(known, asked.clip, asked.around())
        if wanted is None or self._surveys.get(asked.key, Survey()).state == "whole":
            return
        before = 0 if known is None else known.frames

        def tell(progress: ClipProgress) -> None:
            self._surveys[asked.key] = Survey(share=(before + progress.done) / asked.clip.frames)

        asked.engine.analyse_clip(asked.clip, asked.looking, Control(
            cancelled=lambda: self._is_over(asked), paused=asked.busy, progress=tell), wanted, asked.people)
        self._note(asked)

    def _safely(self, asked: Asked, work: Callable[[Asked], object]) -> None:
        """What fails is told, and not tried again."""
        try:
            work(asked)
        except Cancelled:
            pass  # what was found stays, and is seen at the next look
        except LikenessError as error:
            self._surveys[asked.key] = Survey("failed", self._surveys.get(asked.key, Survey()).share, error)
        except Exception as error:  # a fault of the program: said on the screen, and in full on the terminal
            logger.exception("%s could not be analysed.", asked.clip.name)
            self._surveys[asked.key] = Survey("failed", 0.0, LikenessError(
                f"Likeness failed unexpectedly ({type(error).__name__}).", code="INTERNAL.ERROR",
                remedy="Try it again; if it stays, report what the terminal says."))

    def _note(self, asked: Asked) -> Known | None:
        """How far it is by now, whoever went on with it."""
        known = asked.known()
        if known is not None:
            _ = known.clusters  # takes a while for a long clip: here, where nobody waits
            whole = known.is_whole or known.frames == asked.clip.frames
            self._surveys[asked.key] = Survey("whole", 1.0) if whole else Survey(
                share=known.frames / asked.clip.frames)
        return known

    def _is_over(self, asked: Asked) -> bool:
        """Whether nobody wants it any more, or somebody wants it more."""
        return not any(one.key == asked.key for one in list(self._asked.values())) or self._is_wanted_elsewhere(asked)

    def _is_wanted_elsewhere(self, asked: Asked) -> bool:
        if asked.key in self._held:
            return True
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            with contextlib.suppress(JobError):  # the queue's own place on the screen says what is wrong with it
                self._rendered = frozenset(
                    (json.loads(job.request)["recipe"]["target"] or {}).get("id", "") for job in self.jobs().list()
                    if job.kind == "render" and job.state == "running" and job.stage in (None, "look", "analyse"))
        return asked.clip.id in self._rendered


def next_spans(known: Known | None, clip: Clip, around: int) -> Wanted | None:
    """What to look at next: the span that the playhead is in, or the nearest that is not known, with those behind it.
    What is ahead of the playhead is nearer by half."""
    spans = spans_of(clip)
    open_ = {n for n, (first, last) in enumerate(spans) if known is None or not known.holds(first, last)}
    if not open_:
        return None

    def away(number: int) -> int:
        first, last = spans[number]
        return first - around if first > around else 2 * max(around - last, 0)

    near = min(open_, key=lambda number: (away(number), number))
    end = near
    while away(near) and end + 1 in open_ and end - near + 1 < AT_ONCE:
        end += 1
    return Wanted(spans[near][0], spans[end][1])
