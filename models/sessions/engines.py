"""TensorRT engines: built in a process of their own, which may die without harm, and kept for each card and version.

Building one takes minutes. Until it is there, and where it cannot be built, the model runs on CUDA; nobody waits.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.sessions.binding import CUDA
from models.sessions.cards import TENSORRT
from models.sessions.device import DeviceSpec
from models.sessions.halves import difference, probe
from models.sessions.ports import CPU
from models.sessions.requests import MOST
from models.sessions.trouble import first_line

PATIENCE = 1800.0
"""Seconds that one engine may take: networks of 0.5 GB take some minutes on a fast card, more on a slow one."""
USUAL_ROWS = 4
"""Rows that TensorRT makes the engine fastest for; it takes 1 to `MOST`."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Wish:
    """An engine that is wanted. model: the file. folder: its own, for engine and timing cache. number: CUDA's device.
    half: half precision is allowed. shapes: of the inputs, for one row, where the first axis is free."""

    model: str
    folder: str
    number: int
    half: bool
    shapes: Mapping[str, Sequence[int]]

    @property
    def provider(self) -> tuple[str, dict[str, Any]]:
        """TensorRT with an engine from, or into, the folder."""
        options: dict[str, Any] = {
            "device_id": self.number, "trt_engine_cache_enable": True, "trt_engine_cache_path": self.folder,
            "trt_timing_cache_enable": True, "trt_timing_cache_path": str(Path(self.folder).parent),
            "trt_fp16_enable": self.half}
        for which, rows in (("min", 1), ("opt", USUAL_ROWS), ("max", MOST)):
            if self.shapes:
                options[f"trt_profile_{which}_shapes"] = ",".join(
                    f"{name}:{'x'.join(str(size) for size in (rows, *shape))}" for name, shape in self.shapes.items())
        return TENSORRT, options

    def spec(self) -> DeviceSpec:
        return DeviceSpec(f"cuda:{self.number}", (self.provider, (CUDA, {"device_id": self.number}), CPU))


class Engines:
    """One manager's. One is built at a time. start: the command that builds, for tests."""

    def __init__(self, start: Sequence[str] = (sys.executable, "-m", "models.sessions.engines")) -> None:
        self._start = tuple(start)
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self._builder: ThreadPoolExecutor | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def wish(self, source: Path | bytes, spec: DeviceSpec, half: bool, ports: Sequence[Any]) -> Wish | None:
        """For a model on a device; None where no engine can be: it has no place, or sizes other than rows are free."""
        cuda = spec.cuda
        if cuda is None or not cuda.tensorrt or cuda.kept is None or any(
                not isinstance(size, int) for port in ports for size in port.shape[1:]):
            return None
        content = hashlib.sha256(source if isinstance(source, bytes) else source.read_bytes()).hexdigest()
        folder = cuda.kept / "engines" / f"{content[:32]}{'-half' if half else ''}"
        folder.mkdir(parents=True, exist_ok=True)
        model = source if isinstance(source, Path) else folder / "model.onnx"
        if isinstance(source, bytes) and not model.is_file():
            model.write_bytes(source)
        shapes = {port.name: tuple(port.shape[1:]) for port in ports
                  if port.shape and not isinstance(port.shape[0], int)}
        return Wish(str(model), str(folder), cuda.number, half, shapes)

    def state(self, wish: Wish, done: Callable[[], None]) -> str:
        """Empty where the engine is there; else why it is not, in words. The first time it is begun then; done: called
        when it became ready."""
        told = _told(Path(wish.folder))
        if told is not None:
            return told
        with self._lock:
            if not self._closed and wish.folder not in self._under_way:
                self._under_way.add(wish.folder)
                self._builder = self._builder or ThreadPoolExecutor(1, thread_name_prefix="engines")
                self._builder.submit(self._build, wish, done)
        return "without TensorRT: its engine is being built"

    def _build(self, wish: Wish, done: Callable[[], None]) -> None:
        folder = Path(wish.folder)
        order = folder / "order.json"
        order.write_text(json.dumps(asdict(wish)), encoding="utf-8")
        with self._lock:
            if self._closed:
                return
            self._child = subprocess.Popen([*self._start, str(order)], cwd=_ROOT, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            code: int | None = self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            code = None
        if self._closed:  # it was stopped, which says nothing about the engine
            return
        if _told(folder) is None:
            ended = f"took more than {PATIENCE:.0f} seconds" if code is None else f"ended ({code})"
            tell(folder, f"without TensorRT: the process that built its engine {ended}")
        if not _told(folder):
            done()

    def close(self) -> None:
        """Stops what is under way."""
        with self._lock:
            self._closed = True
            child = self._child
        if child is not None and child.poll() is None:
            child.kill()
        if self._builder is not None:
            self._builder.shutdown(wait=True, cancel_futures=True)


def _told(folder: Path) -> str | None:
    """What became of a build; None where it did not end."""
    try:
        return str(json.loads((folder / "outcome.json").read_text(encoding="utf-8"))["why"])
    except (OSError, ValueError, KeyError):
        return None


def tell(folder: Path, why: str) -> None:
    trial = folder / ".outcome.json"
    trial.write_text(json.dumps({"why": why}), encoding="utf-8")
    trial.replace(folder / "outcome.json")


# In the process of its own ------------------------------------------------------------------------------------------


def build(wish: Wish) -> str:
    """Makes the engine, and compares its answers with those of CUDA. Empty, or why it may not be used."""
    from models.sessions.manager import SessionManager

    plain = DeviceSpec("cuda", ((CUDA, {"device_id": wish.number}), CPU))
    answers = []
    for spec in (wish.spec(), plain):
        with SessionManager((spec,)) as manager, manager.lease(Path(wish.model), name="engine") as lease:
            feeds = probe(lease.inputs)
            if feeds is None:
                return "without TensorRT: its sizes are not fixed"
            answers.append(lease.run(feeds))
            if spec is not plain and TENSORRT in manager.counts()[0].missed:
                return "without TensorRT: ONNX Runtime does not offer it here"
    why = difference(*answers)
    return f"without TensorRT: {why}" if why else ""


def main(argv: Sequence[str]) -> int:
    wish = Wish(**json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    try:
        why = build(wish)
    except Exception as error:  # of the runtime's own kinds: there is no engine then
        why = f"without TensorRT: {first_line(error)}"
    tell(Path(wish.folder), why)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
