"""Each network in the manager, in a plain loop, and in insightface's own class; and a chain of all five."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np

from models.arrays import Embedding, Pixels, Points
from models.catalogue import whole_catalogue
from models.errors import LikenessError
from models.face import Face, five_points
from models.families.arcface import ArcfaceRecogniser
from models.families.inswapper import SIDE as SWAP_SIDE
from models.families.scrfd import ScrfdDetector
from models.families.swappers import CropSwapper, Identity
from models.geometry import similarity
from models.interfaces import Search
from models.runtime import plain_session
from models.sessions import DeviceSpec, Lease, SessionManager
from models.templates import ARCFACE_128
from pipeline.bench.models.report import Against, ModelRow
from pipeline.bench.models.timing import LOOP, against, in_turns
from pipeline.bench.models.working import Network, Networks, numbers_for

Told = Callable[[float, str], None]


def leased(manager: SessionManager, network: Network, *, half: bool = False) -> Lease:
    """With a free first axis, where that is safe."""
    return manager.lease(network.path, name=f"twin of {network.path.stem}", rows=network.single, half=half)


def swapper_facts() -> dict[str, Any]:
    catalogue = whole_catalogue()
    return dict(catalogue.family_of(catalogue.row("swapper.inswapper")).facts)


def measured(manager: SessionManager, networks: Networks, device: DeviceSpec, batches: Sequence[int], rounds: int,
             picture: tuple[Pixels, Face], progress: Told) -> tuple[tuple[ModelRow, ...], Against, tuple[str, ...]]:
    """Rows of all networks, the chain of five, and what could not be measured. picture: with a face, for the classes.
    """
    sessions = {one.name: plain_session(one.path, device.providers) for one in networks.all()}
    feeds = {name: numbers_for(session.get_inputs(), 1) for name, session in sessions.items()}
    leases = {one.name: leased(manager, one) for one in networks.all()}
    said: tuple[str, ...] = ()
    try:
        libraries = _library(leases, networks, device, *picture)
    except ImportError as error:
        libraries, said = {}, (f"insightface's classes: {error}",)
    found = []
    for number, one in enumerate(networks.all()):
        progress(number / (len(sessions) + 1), f"measuring {one.name}")
        session, lease, numbers = sessions[one.name], leases[one.name], feeds[one.name]
        ways: dict[str, Callable[[], object]] = {
            "ours": partial(lease.run, numbers), "loop": partial(session.run, None, numbers),
            **libraries.get(one.name, {})}
        taken = in_turns(ways, rounds, calls=LOOP)
        library = against(taken["family"], taken["class"]) if "class" in taken else None
        found.append((one, against(taken["ours"], taken["loop"]), library, _batch(lease, batches, rounds)))
    progress(len(sessions) / (len(sessions) + 1), "measuring the five in a row")
    chain = in_turns({
        "ours": lambda: [leases[name].run(numbers) for name, numbers in feeds.items()],
        "theirs": lambda: [sessions[name].run(None, numbers) for name, numbers in feeds.items()]}, rounds, calls=LOOP)
    counts = {one.name: one for one in manager.counts()}
    rows = tuple(ModelRow(model=one.path.stem, bytes=one.bytes, gmacs=round(one.macs / 1e9, 3), loop=loop,
                          providers=counts[f"twin of {one.path.stem}"].providers,
                          missed=counts[f"twin of {one.path.stem}"].missed, library=library, batch=batch)
                 for one, loop, library, batch in found)
    return rows, against(chain["ours"], chain["theirs"]), said


def _batch(lease: Lease, batches: Sequence[int], rounds: int) -> dict[int, float]:
    """Milliseconds a row; of one row alone where the network takes no more."""
    sizes = batches if lease.packs else batches[:1]
    calls = {rows: max(LOOP // rows, 1) for rows in sizes}  # about as many rows in a row

    def ran(rows: int) -> Callable[[], object]:
        numbers = numbers_for(lease.inputs, rows)
        return lambda: [lease.run(numbers) for _ in range(calls[rows])]

    taken = in_turns({str(rows): ran(rows) for rows in sizes}, rounds)
    return {rows: round(float(np.median(taken[str(rows)])) / calls[rows] / rows, 4) for rows in sizes}


def _library(leases: dict[str, Lease], networks: Networks, device: DeviceSpec, picture: Pixels, face: Face,
             ) -> dict[str, dict[str, Callable[[], object]]]:
    """insightface's class and our family on the same picture, by network. Raises ImportError without insightface,
    LikenessError where both do not find the same: such times compare nothing."""
    from models.families.insightface_library import LibraryCalls

    theirs = LibraryCalls(networks["detector"].path, networks["recogniser"].path, networks["swapper"].path,
                          device.providers)
    detector, recogniser = ScrfdDetector(leases["detector"]), ArcfaceRecogniser(leases["recogniser"])
    swapper = CropSwapper(leases["swapper"], swapper_facts())
    five = five_points(face.points)
    source = recogniser.embed(picture, [face])[0]

    def swapped() -> Pixels:
        return swap_one(swapper, picture, five, source)

    if theirs.detect(picture) != len(detector.detect(picture, Search())) or _apart(
            theirs.swap(picture, five, source), swapped()):
        raise LikenessError("insightface's classes and Likeness's families do not find the same.", subject="bench",
                            remedy="Report this as a fault of the bench.", code="INTERNAL.ERROR")
    return {
        "detector": {"family": lambda: detector.detect(picture, Search()), "class": lambda: theirs.detect(picture)},
        "recogniser": {"family": lambda: recogniser.embed(picture, [face]),
                       "class": lambda: theirs.embed(picture, five)},
        "swapper": {"family": swapped, "class": lambda: theirs.swap(picture, five, source)}}


def swap_one(swapper: CropSwapper, picture: Pixels, five: Points, source: Embedding) -> Pixels:
    """As INSwapper does with one face, from the picture to the crop."""
    crop = np.asarray(cv2.warpAffine(picture, similarity(five, ARCFACE_128 * SWAP_SIDE), (SWAP_SIDE, SWAP_SIDE)))
    return swapper.swap([crop], swapper.sources([Identity(source)]))[0]


def _apart(one: Pixels, other: Pixels) -> bool:
    """By more than the last bit of float32 arithmetic and of rounding may."""
    return bool(np.abs(one.astype(int) - other.astype(int)).max() > 3)
