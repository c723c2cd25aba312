"""`bench models`: networks in the session manager beside plain sessions and insightface's classes, in one run."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from models.arrays import Pixels
from models.face import Face
from models.runtime import wanted_runtime
from models.sessions import DeviceSpec, SessionManager, find_devices
from pipeline.bench.models import gains, plain
from pipeline.bench.models.report import Best, Gain, ModelsReport, Whole
from pipeline.bench.models.timing import in_turns, told
from pipeline.bench.models.whole import Chain, chain_loop, networks_loop
from pipeline.bench.models.working import Networks, make_networks
from pipeline.bench.speed.floor import floor_loop
from pipeline.bench.speed.moving import Moving, astronaut, make_clip

Progress = Callable[[float, str], None]

NARROW, WIDE = 0.0625, 1.0
"""Width of the twins' layers on a CPU, where the real work takes seconds, and on a card."""
ROUNDS = 15
BATCHES = (1, 2, 4, 8, 16)
FRAMES, SIZE, WORKERS = 192, (1920, 1080), 16
"""Of the clip that goes through the whole chain, and how many of its frames are worked on at a time: enough that every
network finds a few rows waiting."""
TURNS = 3
"""How often the clip goes through."""


def _silent(_share: float, _stage: str) -> None:
    return None


def models(*, devices: Sequence[DeviceSpec] | None = None, width: float | None = None, rounds: int = ROUNDS,
           batches: Sequence[int] = BATCHES, frames: int = FRAMES, size: tuple[int, int] = SIZE, turns: int = TURNS,
           moving: Moving | None = None, picture: tuple[Pixels, Face] | None = None, whole: bool | None = None,
           progress: Progress = _silent) -> ModelsReport:
    """Measures the session manager on this machine: about five minutes.

    devices: of which the first is measured (None: what there is). width: of the twins. frames, size, turns: of the clip
    for the whole chain. moving, picture: that clip, and a picture with a face, where the ones that are made of
    installed packages are not to be used. whole: whether the chain is measured (None: on a CUDA device). Needs 1.5 GB
    in the folder for temporary files on a card, 8 GB on the card. Raises InputError where the picture is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="likeness-bench-") as place:
        folder = Path(place)
        device = (find_devices(folder / "kept") if devices is None else devices)[0]
        cuda = device.cuda is not None
        width = (WIDE if cuda else NARROW) if width is None else width
        progress(0, "making networks")
        moving = moving or make_clip(folder / "clip.mp4", *size, frames)
        networks = make_networks(folder, moving, width, "N" if cuda else 1)
        picture = picture or astronaut()
        with SessionManager((device,)) as manager:
            rows, five, said = plain.measured(manager, networks, device, batches, rounds, picture,
                                              lambda share, stage: progress(0.4 * share, stage))
        steps: tuple[Gain, ...] = ()
        best: Best | None = None
        if cuda:
            steps, best = gains.measured(networks, device, batches, rounds,
                                         lambda share, stage: progress(0.4 + 0.4 * share, stage))
        progress(0.8, "measuring the whole chain")
        wanted = cuda if whole is None else whole
        through = _whole(networks, device, moving, turns, picture, folder) if wanted else None
    progress(1, "done")
    return ModelsReport(machine=machine(), device=_name(device), runtime=version(wanted_runtime()), width=width,
                        rounds=rounds, models=rows, five=five, gains=steps, best=best, whole=through, said=said)


def _whole(networks: Networks, device: DeviceSpec, moving: Moving, turns: int, picture: tuple[Pixels, Face],
           folder: Path) -> Whole:
    with SessionManager((device,)) as manager:
        leases = {one.name: plain.leased(manager, one, half=True) for one in networks.all()}
        chain = Chain(leases, *picture)
        output = folder / "out.mp4"
        taken = in_turns({"floor": floor_loop(moving.path, output),
                          "networks": networks_loop(leases, moving.frames, WORKERS),
                          "chain": chain_loop(moving.path, output, chain, WORKERS)}, turns)
    each = {name: told([ms / moving.frames for ms in all_ms]) for name, all_ms in taken.items()}
    return Whole(size=f"{moving.width} x {moving.height}", frames=moving.frames, workers=WORKERS, **each,
                 ratio=round(each["chain"].median / max(each["floor"].median, each["networks"].median), 3))


def machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _name(device: DeviceSpec) -> str:
    return device.name if device.cuda is None else f"{device.name} ({device.cuda.card})"
