"""What this machine has to run networks on: each CUDA device that works, else the CPU."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.runtime import quiet_runtime, works_on
from models.sessions.binding import CUDA
from models.sessions.device import Cuda, DeviceSpec
from models.sessions.ports import CPU

TENSORRT = "TensorrtExecutionProvider"
SHARE = 0.5
"""Of a card's memory that models' weights may take. The other half is for what runs hold in between, for CUDA itself
and for whoever else draws on the card."""


@dataclass(frozen=True, slots=True)
class Card:
    """A CUDA device. number: CUDA's, in its own order. memory: bytes in all."""

    number: int
    name: str
    memory: int


def cards(driver: Any = None) -> tuple[Card, ...]:
    """The cards that NVIDIA's driver shows; none where there is no driver. driver: its library, for tests."""
    try:
        library = driver or ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return ()
    count = ctypes.c_int(0)
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    found = []
    for number in range(count.value):
        device, memory = ctypes.c_int(0), ctypes.c_size_t(0)
        name = ctypes.create_string_buffer(256)
        if not (library.cuDeviceGet(ctypes.byref(device), number) or library.cuDeviceGetName(name, 256, device)
                or library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)):
            found.append(Card(number, name.value.decode(errors="replace"), memory.value))
    return tuple(found)


def find_devices(kept: Path | None = None, *, runtime: Callable[[], Any] = quiet_runtime,
                 look: Callable[[], tuple[Card, ...]] = cards,
                 tensorrt: Callable[[], str | None] | None = None) -> tuple[DeviceSpec, ...]:
    """What sessions may run on here: every CUDA device on which a tiny network ran, and the CPU as what is left when
    they fail; or the CPU alone, which costs nothing to find out.

    kept: a folder for what is made for one card and one version of the runtime (engines, networks in half precision);
    without it nothing is kept, and TensorRT is not used. Others: for tests.
    """
    found = look()
    module = runtime() if found else None
    if module is None or CUDA not in module.get_available_providers():
        return (DeviceSpec(),)
    version = (tensorrt or tensorrt_version)() if kept and TENSORRT in module.get_available_providers() else None
    specs = []
    for card in found:
        provider = (CUDA, {"device_id": card.number})
        if works_on(module, CUDA, provider):
            place = None if kept is None else kept / _folder(module.__version__, version, card.name)
            specs.append(DeviceSpec(f"cuda:{card.number}", (provider, CPU), int(card.memory * SHARE),
                                    cuda=Cuda(card.number, card.name, tensorrt=version is not None, kept=place)))
    return (*specs, DeviceSpec(spare=True)) if specs else (DeviceSpec(),)


def _folder(runtime: str, tensorrt: str | None, card: str) -> str:
    """What was made for one of these is of no use to another."""
    plain = "".join(sign if sign.isalnum() else "-" for sign in card)
    return "_".join(["ort", runtime, *(["trt", tensorrt] if tensorrt else []), plain])


def tensorrt_version() -> str | None:
    """TensorRT's, loaded from where its wheels lie or the system has it; None where it is not here."""
    name = "nvinfer_10.dll" if sys.platform == "win32" else "libnvinfer.so.10"
    for place in (*_wheels(name), name):
        with suppress(OSError):
            library = ctypes.CDLL(str(place), mode=getattr(ctypes, "RTLD_GLOBAL", 0))
            number = int(library.getInferLibVersion())
            return f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    return None


def _wheels(name: str) -> list[Path]:
    spec = importlib.util.find_spec("tensorrt_libs")
    places = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
    return [place / name for place in places if (place / name).is_file()]
