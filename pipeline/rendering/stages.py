"""Stages that overlap: a source that runs ahead, a sink that runs behind, with few items between them.

Threads, not processes: PyAV, cv2, dlib and ONNX Runtime let go of Python's lock, and frames pass by reference. Queues
are bounded, so that memory does not grow with a clip's length.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

DEPTH, LEAST = 4, 2
"""Frames that wait between two stages: enough that none waits for another's slow frame (reference: queues of 4); of
large ones as many as are worth their memory."""
WAITING = 32 << 20
"""Bytes that may wait there: four frames of 1440p, two of 4K, which take 201 MB over the floor so (four: 322 to 427, at
the same speed; `bench pipeline`)."""

_LOOK_EVERY = 0.1
"""Seconds after which a waiting stage looks whether the other side has gone."""


def depth_for(frame_bytes: int) -> int:
    """How many frames of such a size may wait between two stages."""
    return min(max(WAITING // max(frame_bytes, 1), LEAST), DEPTH)


class _Ended:
    """The last item of a queue. error: what ended it, if not the end of the frames."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Generator[T, None, None], depth: int = DEPTH) -> Generator[T, None, None]:
    """The same items, made in a thread of their own while the caller works on earlier ones. Closing this closes them.
    """
    waiting: queue.Queue[T | _Ended] = queue.Queue(depth)
    gone = threading.Event()

    def run() -> None:
        end = _Ended()
        try:
            with contextlib.closing(items):
                for item in items:
                    if not _offer(waiting, item, gone):
                        return
        except BaseException as error:  # carried to the caller, who raises it
            end = _Ended(error)
        _offer(waiting, end, gone)

    thread = threading.Thread(target=run, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _Ended):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        gone.set()
        thread.join()


def _offer(waiting: queue.Queue[T], item: T, gone: threading.Event) -> bool:
    while not gone.is_set():
        with contextlib.suppress(queue.Full):
            waiting.put(item, timeout=_LOOK_EVERY)
            return True
    return False


class Behind(Generic[T]):
    """Hands items to `consume`, which runs through them in a thread of its own. What it raises is raised by the next
    `put`, or at the end of the `with`; after an exception in the body, what waits is dropped."""

    def __init__(self, consume: Callable[[Iterator[T]], None], depth: int = DEPTH) -> None:
        self._consume = consume
        self._waiting: queue.Queue[T | _Ended] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        if not _offer(self._waiting, item, self._gone) and self._error is not None:
            raise self._error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if error is not None:
            self._gone.set()
        _offer(self._waiting, _Ended(), self._gone)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._consume(self._items())
        except BaseException as error:  # raised in the caller's thread
            self._error = error
            self._gone.set()

    def _items(self) -> Iterator[T]:
        while not self._gone.is_set():
            try:
                item = self._waiting.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                continue
            if isinstance(item, _Ended):
                return
            yield item
