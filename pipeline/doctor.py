"""Checks of this machine: one row each, with its one remedy. The command line and the System screen show the same."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.arrays import Pixels
from models.catalogue import CatalogueRow, load_catalogue, verify
from models.errors import LikenessError, ModelError
from models.families.dlib_faces import dlib_stack
from models.interfaces import FaceStack, Search
from models.runtime import WANTED_OPENCV, Provider, duplicates, try_providers, wanted_runtime
from models.sessions import SessionManager
from models.sessions.ports import Counts, DeviceCounts
from pipeline.version import VERSION
from processors.registry import Problem

State = Literal["ok", "remark", "failure"]

# A rendered picture needs a few megabytes; below this a disk is as good as full for the system itself.
LOW_DISK = 1 << 30
FULL_DISK = 64 << 20
# The oldest Python that pyproject.toml allows, and the first that it does not.
PYTHONS = ((3, 11), (3, 14))
REINSTALL = "Install again: `python3 -m uv sync --reinstall`."
GPU_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CoreMLExecutionProvider",
                 "DmlExecutionProvider", "OpenVINOExecutionProvider", "ROCMExecutionProvider")


@dataclass(frozen=True, slots=True)
class Row:
    """One check. name: stable, for programs; words: what was found; remedy: what to do, empty where all is well.
    values: the same in figures."""

    name: str
    state: State
    words: str
    remedy: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        return asdict(self)


def examine(data_folder: Path, problems: Iterable[Problem] = (), manager: SessionManager | None = None,
            faces: Callable[[], FaceStack] = dlib_stack) -> tuple[Row, ...]:
    """Every check, in the order in which people need them. problems: the registry's. manager: of this process, whose
    networks may have run. faces: what finds and knows them here."""
    return (
        check_python(),
        check_faces(faces, manager=manager),
        *check_device(),
        check_duplicates(),
        check_ffmpeg(),
        check_data_folder(data_folder),
        check_disk(data_folder),
        *check_models(load_catalogue()),
        *check_foreign(problems),
        *(check_networks(manager.counts(), manager.devices()) if manager is not None else ()),
    )


def works(rows: Sequence[Row]) -> bool:
    """Whether the main job (a swap in a picture) works."""
    return all(row.state != "failure" for row in rows)


def check_python(version: tuple[int, int] | None = None) -> Row:
    found = version or sys.version_info[:2]
    words = f"Likeness {VERSION} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if PYTHONS[0] <= found < PYTHONS[1]:
        return Row("python", "ok", words)
    return Row("python", "failure", f"{words}: not a version that Likeness is made for.",
               "Start it with `python3 -m uv run webui.py`, which brings a fitting Python.")


def check_faces(stack: Callable[[], FaceStack] = dlib_stack, picture: Callable[[], Pixels] | None = None,
                manager: SessionManager | None = None) -> Row:
    """Really finds the one face in scikit-image's astronaut and describes it: what every swap begins with. manager:
    what runs the stack's networks, where it has any."""
    began = time.monotonic()
    try:
        tools = stack()
        pixels = (picture or _astronaut)()
        faces = tools.landmarker.landmarks(pixels, tools.detector.detect(pixels, Search()))
        tools.recogniser.embed(pixels, faces)
    except Exception as error:  # libraries and data files fail in their own ways; each means that no face is found
        words = error.message if isinstance(error, LikenessError) else f"{type(error).__name__}: {error}"
        remedy = error.remedy if isinstance(error, LikenessError) else REINSTALL
        return Row("faces", "failure", f"Faces cannot be found. {words}", remedy)
    if len(faces) != 1:
        return Row("faces", "failure", f"{len(faces)} faces were found in the example picture instead of one.",
                   REINSTALL, {"faces": len(faces)})
    seconds = time.monotonic() - began
    places = _places_of(tools, manager)
    return Row("faces", "ok", f"Faces are found by {tools.detector.name}, their points by {tools.landmarker.name}, who "
               f"they are by {tools.recogniser.name}, on {' and '.join(places)}: tried on the example picture, which "
               f"took {seconds:.1f} s with loading",
               values={"detector": tools.detector.name, "landmarker": tools.landmarker.name,
                       "recogniser": tools.recogniser.name, "devices": places, "seconds": round(seconds, 3)})


def _places_of(tools: FaceStack, manager: SessionManager | None) -> list[str]:
    """What the parts of a stack ran on: their networks' own providers; what is none runs on the processor."""
    counts = manager.counts() if manager is not None else ()
    ran = [one for one in counts if one.name in tools.slots and one.providers]
    parts = (tools.detector, tools.landmarker, tools.recogniser)
    places = [_short(one.providers[0]) for one in ran] + ["the CPU"] * (len(ran) < len(parts))
    return list(dict.fromkeys(places))


def _astronaut() -> Pixels:
    import cv2
    from skimage import data

    picture: Pixels = data.astronaut()  # type: ignore[no-untyped-call]
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def check_device(trial: Callable[[], tuple[Provider, ...]] = try_providers) -> tuple[Row, ...]:
    """The processor, and what ONNX Runtime can use. The main job of this version needs neither GPU nor runtime."""
    cores = os.cpu_count() or 1
    graphics = _graphics()
    rows = [Row("device", "ok", ", ".join([f"{cores} CPU {'core' if cores == 1 else 'cores'}",
                                           *(graphics or ["no NVIDIA graphics card"])]),
                values={"cores": cores, "graphics": graphics})]
    try:
        providers = trial()
    except Exception as error:  # a broken installation fails in its own ways; the swap without models still works
        return *rows, Row("providers", "remark", f"ONNX Runtime cannot be loaded ({type(error).__name__}: {error}).",
                          REINSTALL)
    usable = [p.name for p in providers if p.works]
    values = {"usable": usable, "tried": [asdict(p) for p in providers]}
    words = f"ONNX Runtime uses {', '.join(map(_short, usable)) or 'nothing'}"
    broken = [f"{_short(p.name)} is offered and does not work here: {p.reason}" for p in providers if not p.works]
    if any(name in GPU_PROVIDERS for name in usable):
        return *rows, Row("providers", "ok", words, values=values)
    if not usable:
        return *rows, Row("providers", "remark", "; ".join([words, *broken]),
                          REINSTALL, values)
    return *rows, Row("providers", "remark", "; ".join([words, *broken]), _gpu_remedy(), values)


def _graphics() -> list[str]:
    """Name and memory of each NVIDIA card, as its driver tells; empty without a driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        said = subprocess.run([tool, "--query-gpu=name,memory.total", "--format=csv,noheader"], capture_output=True,
                              text=True, timeout=20, check=True, stdin=subprocess.DEVNULL).stdout
    except (OSError, subprocess.SubprocessError):
        return []  # a driver tool that does not run is as good as none; the providers' row tells the rest
    return [" with ".join(part.strip() for part in line.split(",")) for line in said.splitlines() if line.strip()]


def _gpu_remedy() -> str:
    if not _graphics():
        return "Nothing needs doing: everything works without a GPU."
    return "For the GPU, start Likeness with `python3 -m uv run --extra cuda webui.py` (downloads about 2 GB once)."


def _short(provider: str) -> str:
    return {"CPUExecutionProvider": "the CPU", "CUDAExecutionProvider": "CUDA", "TensorrtExecutionProvider": "TensorRT",
            "CoreMLExecutionProvider": "CoreML", "DmlExecutionProvider": "DirectML"}.get(provider, provider)


def check_duplicates(installed: Iterable[str] | None = None) -> Row:
    found = duplicates(installed)
    if not found:
        return Row("duplicates", "ok", "ONNX Runtime and OpenCV are installed once each")
    names = [name for rows in found.values() for name in rows]
    wanted = [name for name in (wanted_runtime(), WANTED_OPENCV) if name in names]
    words = "; ".join(f"{kind} is installed {len(rows)} times ({', '.join(rows)})" for kind, rows in found.items())
    return Row("duplicates", "remark", f"{words}: they overwrite each other's files.",
               # An exact sync takes the others away; their files went over those of the one that stays.
               f"Run `python3 -m uv sync {' '.join(f'--reinstall-package {name}' for name in wanted)}`.",
               {"installed": names})


def check_ffmpeg(find: Callable[[], str] | None = None) -> Row:
    """ffmpeg comes as a package; pictures do not need it."""
    remedy = "Install again: `python3 -m uv sync --reinstall-package imageio-ffmpeg`. Pictures work without it."
    try:
        if find is None:
            import imageio_ffmpeg

            find = imageio_ffmpeg.get_ffmpeg_exe
        path = find()
        said = subprocess.run([path, "-hide_banner", "-version"], capture_output=True, text=True, timeout=20,
                              check=True, stdin=subprocess.DEVNULL).stdout
    except (ImportError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        return Row("ffmpeg", "remark", f"ffmpeg does not run: {error}.", remedy)
    version = said.split()[2] if len(said.split()) > 2 else "of an unknown version"
    return Row("ffmpeg", "ok", f"ffmpeg {version}", values={"path": path, "version": version})


def check_data_folder(folder: Path) -> Row:
    """Writes and removes a small file, in the folder or (where it is not there yet) in the nearest that is."""
    values = {"path": str(folder)}
    place = _existing(folder)
    try:
        if not place.is_dir():
            raise NotADirectoryError(0, "a file stands in its way")
        with tempfile.NamedTemporaryFile(dir=place, prefix=".likeness-") as probe:
            probe.write(b"likeness")
            probe.flush()
    except OSError as error:
        return Row("data folder", "failure", f"{folder} cannot be written: {error.strerror}{_whose(place)}.",
                   "Name another one with --data-dir or LIKENESS_DATA_DIR, or change its permissions.", values)
    return Row("data folder", "ok", f"{folder} can be written", values=values)


def _whose(place: Path) -> str:
    """Where a folder is somebody else's, whose: the usual fault of volumes that were mounted into a container."""
    if not hasattr(os, "geteuid"):
        return ""
    try:
        owner = place.stat().st_uid
    except OSError:
        return ""
    mine = os.geteuid()
    return "" if owner == mine else f" ({place} belongs to user {owner}, and this is user {mine}: chown it to {mine})"


def check_disk(folder: Path, free: int | None = None) -> Row:
    if free is None:
        free = shutil.disk_usage(_existing(folder)).free
    values = {"free_bytes": free}
    words = f"{free / 1e9:.1f} GB free for the data folder"
    if free < FULL_DISK:
        return Row("disk", "failure", words, "Free some space, or move the data folder with --data-dir.", values)
    if free < LOW_DISK:
        return Row("disk", "remark", words, "Free some space soon.", values)
    return Row("disk", "ok", words, values=values)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    for place in (folder, *folder.parents):
        if place.exists():
            return place
    return Path(folder.anchor or ".")


def check_models(rows: Iterable[CatalogueRow], check: Callable[[CatalogueRow], Path] = verify) -> tuple[Row, ...]:
    """Every model file: there, whole, and what may be done with it. A missing one that nothing needs is a remark."""
    return tuple(_check_model(row, check) for row in rows)


def _check_model(row: CatalogueRow, check: Callable[[CatalogueRow], Path]) -> Row:
    values: dict[str, Any] = {"slot": row.slot, "file": row.file, "bytes": row.bytes, "sha256": row.sha256,
                              "licence": row.licence, "commercial": row.commercial, "terms": row.terms,
                              "needed": row.needed}
    name = f"model {row.slot}"
    try:
        values["path"] = str(check(row))
    except ModelError as error:
        return Row(name, "failure" if row.needed else "remark", error.message, error.remedy,
                   {**values, "code": error.code})
    words = f"{row.title} ({(row.bytes or 0) / 1e6:.1f} MB): {row.file} is whole; {row.licence}"
    if row.commercial == "yes":
        return Row(name, "ok", words, values=values)
    use = "not for commercial use" if row.commercial == "no" else "commercial use is unclear"
    return Row(name, "remark", f"{words}; {use}. {row.terms}",
               "For commercial work ask the owners of the training photographs first." if row.needed else "", values)


def check_networks(counts: Iterable[Counts], devices: Iterable[DeviceCounts]) -> tuple[Row, ...]:
    """What the session manager did so far: a row for each device that has held a model, and for each model. A remark
    where a device failed, or where a model runs on another provider than was asked for, which ONNX Runtime does not
    say."""
    models = list(counts)
    used = {one.device for one in models}
    return (*(_check_place(one) for one in devices if one.lost or one.name in used), *map(_check_network, models))


def _check_place(one: DeviceCounts) -> Row:
    of = "" if one.budget is None else f" of {one.budget / 1e6:.0f} MB"
    words = (f"{one.name} holds {one.bytes / 1e6:.0f} MB{of} of models, for {one.owners} at work; {one.unloads} had to "
             "make room so far")
    values = {"device": one.name, **asdict(one)}
    if one.lost:
        return Row(f"networks on {one.name}", "remark", f"{one.name} failed, and is not used any more.",
                   "Start Likeness again; if it happens again, see the driver.", values)
    return Row(f"networks on {one.name}", "ok", words, values=values)


def _check_network(one: Counts) -> Row:
    values = {"network": one.name, **asdict(one), "batches": {str(size): runs for size, runs in one.batches.items()},
              "ms_each": round(one.ms / one.runs, 2) if one.runs else None}
    where = ", ".join(map(_short, one.providers)) or "nothing yet"
    batches = ", ".join(f"{runs} × {size}" for size, runs in sorted(one.batches.items()))
    words = f"{one.name} runs on {where}" if one.loads else f"{one.name} was not loaded yet"
    if one.runs:
        words += (f": {one.requests} requests in {one.runs} runs (times × rows: {batches}), "
                  f"{one.ms / one.runs:.1f} ms each, {one.moved / 1e6:.1f} MB moved")
    words += f"; {one.bytes / 1e6:.1f} MB{'' if one.loaded else ', let go of'}" if one.loads else ""
    words += "".join(f"; {said}" for said in one.said)
    if one.missed:
        return Row(f"network {one.name}", "remark", f"{words}. {', '.join(map(_short, one.missed))} was asked for, and "
                                                    "it fell back in silence.",
                   "See the row on ONNX Runtime above; the results are the same, only later.", values)
    return Row(f"network {one.name}", "ok", words, values=values)


def check_foreign(problems: Iterable[Problem]) -> tuple[Row, ...]:
    """Processors of other packages that could not be loaded."""
    return tuple(Row(f"processor {p.name}", "remark", f"The processor package {p.name} was left out: {p.reason}",
                     "Update or remove that package.") for p in problems)
