"""The exact frame at a time, quickly: for a screen on which somebody scrubs."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from models.errors import MediaError
from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame
from pipeline.clips.reader import read_frames

# Frames that are read before they are asked for: a person who steps by key presses makes at most 30 steps a second, and
# a third of a second ahead and behind is what is reached before the next look.
AHEAD, BEHIND = 8, 8
# A wanted frame so many frames after the decoder's place is reached by going on instead of seeking, even over a
# keyframe: opening a file and beginning to decode costs as much as about a dozen frames (measured: 15-25 ms a seek on
# 1080p H.264, 2 ms a frame; see tests/pipeline/clips/test_seeker.py).
NEAR = 12
BUDGET = 256 * 1024**2
"""Bytes of decoded frames that are kept: 80 of 1080p, 20 of 4K, in 8 bits."""
IDLE = 120.0
"""Seconds without a request after which decoder and frames are let go of."""
# Between two looks at whether a seeker has been idle for long.
_LOOK = 0.5


class _Newer(Exception):
    """Somebody asked for another frame while the decoder was on its way."""


class _Request:
    """One frame that somebody waits for."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.done = threading.Event()
        self.frame: ClipFrame | None = None
        self.error: Exception | None = None

    def settle(self, frame: ClipFrame | None, error: Exception | None = None) -> None:
        self.frame, self.error = frame, error
        self.done.set()


class Seeker:
    """Exact frames of one clip for one viewer: of several requests at once the newest wins. Safe to share between
    threads; a thread of its own decodes, fetches neighbours while nobody waits, and ends when nobody asked for long.

    budget: bytes of decoded frames that are kept. idle: seconds after which everything is let go of; the next request
    begins anew. clock: seconds that only go forward.
    """

    def __init__(self, clip: Clip, *, budget: int = BUDGET, idle: float = IDLE,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.clip = clip
        self._idle = idle
        self._clock = clock
        self._kept = _Frames(budget)
        self._changed = threading.Condition()
        self._request: _Request | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        self._asked = clock()
        self._place = 0
        self._decoder = _Decoder(clip)

    def index_at(self, seconds: Fraction | float) -> int:
        """The number of the frame that is shown at a time, counted from the clip's first picture; before and after
        the clip, its first and last."""
        ticks = self.clip.pts[0] + Fraction(seconds) / self.clip.time_base
        # Ticks of a clip are whole: the last frame at or before the time.
        return int(np.clip(np.searchsorted(self.clip.pts, int(ticks // 1), "right") - 1, 0, self.clip.frames - 1))

    def frame_at(self, seconds: Fraction | float) -> ClipFrame | None:
        """As `frame`, of `index_at`."""
        return self.frame(self.index_at(seconds))

    def frame(self, index: int) -> ClipFrame | None:
        """The frame with this number (0-based), exactly. Waits for it; None where a newer request has overtaken this
        one, or the seeker was closed.

        Raises MediaError where it cannot be decoded, IndexError where the clip has no such frame.
        """
        if not 0 <= index < self.clip.frames:
            raise IndexError(f"{self.clip.name} has frames 0 to {self.clip.frames - 1}, not {index}")
        with self._changed:
            self._asked = self._clock()
            if self._request is not None:
                self._request.settle(None)
                self._request = None
            self._place = index
            found = self._kept.get(index)
            if found is not None and not self._closing:
                self._changed.notify_all()  # its neighbours may be wanted now
                return found
            request = self._request = _Request(index)
            self._wake()
        request.done.wait()
        if request.error is not None:
            raise request.error
        return request.frame

    @property
    def resting(self) -> bool:
        """No decoder is open and no frame is kept."""
        with self._changed:
            return self._thread is None and not self._kept

    def close(self) -> None:
        """Lets go of everything at once; whoever waits gets None."""
        with self._changed:
            self._closing = True
            thread = self._thread
            if self._request is not None:
                self._request.settle(None)
                self._request = None
            self._changed.notify_all()
        if thread is not None:
            thread.join()
        with self._changed:
            self._closing = False

    def _wake(self) -> None:
        if self._closing:
            assert self._request is not None
            self._request.settle(None)
            self._request = None
        elif self._thread is None:
            self._thread = threading.Thread(target=self._run, name="seeker", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._request is None and not self._closing and self._neighbour() is None:
                    if self._clock() - self._asked >= self._idle:
                        break
                    self._changed.wait(_LOOK)
                request, neighbour = self._request, self._neighbour()
                if self._closing or (request is None and neighbour is None):
                    self._decoder.close()
                    self._kept.clear()
                    self._thread = None
                    return
            if request is not None:
                self._answer(request)
            elif neighbour is not None:
                self._prefetch(*neighbour)

    def _answer(self, request: _Request) -> None:
        frame, fault = None, None
        try:
            frame = self._decode(request.index, request)
        except _Newer:
            return  # settled by whoever came after
        except Exception as error:  # carried to whoever waits for the frame
            self._decoder.close()
            fault = error
        with self._changed:
            if self._request is request:
                self._request = None
                request.settle(frame, fault)

    def _prefetch(self, index: int, until: int) -> None:
        """Frames index..until, as far as they are missing."""
        for number in range(index, until + 1):
            with self._changed:
                if self._kept.settled(number):
                    continue
            try:
                self._decode(number, None)
            except _Newer:
                return
            except Exception:  # nobody waits for it; whoever does later gets the error
                self._decoder.close()
                with self._changed:
                    self._kept.give_up(number)

    def _neighbour(self) -> tuple[int, int] | None:
        """A run of frames to fetch while nobody waits: those ahead, one by one, then those behind in one go, because
        each of them costs the way from their keyframe. None where all are there."""
        for index in range(self._place, min(self._place + AHEAD, self.clip.frames - 1) + 1):
            if not self._kept.settled(index):
                return index, index
        for index in range(self._place - 1, max(self._place - BEHIND, 0) - 1, -1):
            if not self._kept.settled(index):
                return max(self._place - BEHIND, 0), index
        return None

    def _decode(self, index: int, mine: _Request | None) -> ClipFrame:
        """The frame; those just before it are kept too. Raises _Newer where the request is no longer `mine`: at the
        next frame, with the decoder left where it is, and already on the way from the keyframe if that way does not
        lead to the newer one. So a drag forward gets somewhere, however quick it is."""
        with self._changed:
            found = self._kept.get(index)
        if found is not None:
            return found

        def check() -> None:
            newer = self._request
            if newer is not mine and (newer is None or not self._decoder.leads_to(newer.index)):
                raise _Newer

        for frame in self._decoder.towards(index, check):
            if frame.index >= index - BEHIND:
                with self._changed:
                    self._kept.add(frame)
            if frame.index == index:
                return frame
            if frame.index > index:
                break
            if self._request is not mine or self._closing:
                raise _Newer
        raise MediaError(f"Frame {index} of {self.clip.name} cannot be decoded.", subject=self.clip.name,
                         code="MEDIA.DAMAGED", remedy="The file is damaged there; look at another frame.")


class _Decoder:
    """One open way through the clip. One thread at a time."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._frames: Iterator[ClipFrame] | None = None
        self._next = 0
        self._check: Callable[[], None] = lambda: None

    def towards(self, index: int, check: Callable[[], None]) -> Iterator[ClipFrame]:
        """Frames in order, up to and past `index`: from where the decoder is if that is on the way, else from the
        keyframe before it. check: raises to turn back."""
        self._check = check
        if self._frames is None or not self.leads_to(index):
            self.close()
            self._check = check
            self._next = self._keyframe(index)
            start = int(self._clip.pts[self._next])
            self._frames = iter(read_frames(self._clip, start, None, check=lambda: self._check()))
        try:
            for frame in self._frames:
                self._next = frame.index + 1
                yield frame
        except _Newer:
            self._frames = None  # a generator that raised is closed
            raise
        self._frames = None

    def leads_to(self, index: int) -> bool:
        """Going on reaches the frame sooner than a seek: it is ahead, and near or before the next keyframe."""
        return self._next <= index and (index - self._next <= NEAR or self._keyframe(index) <= self._next)

    def _keyframe(self, index: int) -> int:
        """The number of the last keyframe at or before a frame."""
        keys = self._clip.keyframes
        key = int(np.searchsorted(keys, self._clip.pts[index], "right")) - 1
        return int(np.searchsorted(self._clip.pts, keys[key])) if key >= 0 else 0

    def close(self) -> None:
        frames, self._frames = self._frames, None
        self._check = lambda: None
        close = getattr(frames, "close", None)
        if close is not None:
            close()


class _Frames:
    """The most recently used frames, up to a budget in bytes; at least one. Not safe to share by itself."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._frames: OrderedDict[int, ClipFrame] = OrderedDict()
        self._given_up: set[int] = set()

    def __len__(self) -> int:
        return len(self._frames)

    def get(self, index: int) -> ClipFrame | None:
        found = self._frames.get(index)
        if found is not None:
            self._frames.move_to_end(index)
        return found

    def settled(self, index: int) -> bool:
        """Nothing is to be fetched: it is there, cannot be had, or there is no room for neighbours."""
        return index in self._frames or index in self._given_up or not self._roomy()

    def _roomy(self) -> bool:
        """All neighbours fit: fetching them would else push each other out for ever."""
        if not self._frames:
            return True
        return (AHEAD + BEHIND + 1) * (self._bytes // len(self._frames)) <= self._budget

    def give_up(self, index: int) -> None:
        self._given_up.add(index)

    def add(self, frame: ClipFrame) -> None:
        if frame.index in self._frames:
            self._frames.move_to_end(frame.index)
            return
        self._frames[frame.index] = frame
        self._bytes += _size(frame)
        while self._bytes > self._budget and len(self._frames) > 1:
            self._bytes -= _size(self._frames.popitem(last=False)[1])

    def clear(self) -> None:
        self._frames.clear()
        self._given_up.clear()
        self._bytes = 0


def _size(frame: ClipFrame) -> int:
    return sum(plane.buffer_size for plane in frame.video_frame().planes)
