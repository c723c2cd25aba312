"""Every family for editing: its twin takes and gives what the catalogue says, and is known by that."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.catalogue import whole_catalogue
from models.families.portrait import Networks, Portrait
from models.foreign import Inspected
from models.sessions import SessionManager
from models.twins import Graph
from tests.models.families import test_ages, test_colour, test_dfm, test_lips, test_portrait

CATALOGUE = whole_catalogue()
TWINS = {
    "ddcolor": test_colour.ddcolor(), "deoldify": test_colour.deoldify(), "dfm": test_dfm.person(True),
    "fran": test_ages.fran(1024), "styleganex_age": test_ages.styleganex(), "wav2lip": test_lips.wav2lip(),
    "edtalk": test_lips.edtalk(), "portrait_features": test_portrait.features(),
    "portrait_motion": test_portrait.motion(), "portrait_generator": test_portrait.generator(),
    "portrait_stitcher": test_portrait.stitcher(), "portrait_eyes": test_portrait.retargeter(66),
    "portrait_lips": test_portrait.retargeter(65)}


def ports(graph: bytes) -> Inspected:
    with SessionManager() as sessions, sessions.lease(graph, name="twin") as lease:
        return Inspected(lease.inputs, lease.outputs)


def test_every_family_for_editing_has_a_twin() -> None:
    wanted = {family.name for family in CATALOGUE.family if family.role in ("colouriser", "age", "portrait", "lips")}
    assert set(TWINS) == wanted | {"dfm"}


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_of_its_family_and_of_no_other_for_editing(name: str) -> None:
    found = ports(TWINS[name])
    fitting = [other for other in TWINS
               if next(f for f in CATALOGUE.family if f.name == other).contract.fits(found)]
    assert fitting == [name]


def test_a_dfm_fits_with_and_without_a_morph_but_not_under_other_names(tmp_path: Path) -> None:
    contract = next(family.contract for family in CATALOGUE.family if family.name == "dfm")
    assert contract.fits(ports(test_dfm.person(False)))
    graph = Graph()
    face = graph.input("face", (1, 64, 64, 3))
    for name, planes in (("a", 1), ("b", 3), ("c", 1)):
        made = face if planes == 3 else graph.op("ReduceMean", face, axes=[3], keepdims=1)
        graph.output(made, name, (1, 64, 64, planes))
    assert contract.difference(ports(graph.serialised())) == "inputs in_face:0 expected, face found"


def test_angles_may_come_as_single_numbers() -> None:
    """Exports of the motion network differ in the shape of the numbers of which there is one for each face."""
    graph = Graph()
    given = graph.input("input", (1, 3, 256, 256))
    nothing = graph.op("Mul", graph.op("ReduceMean", given, axes=[0, 1, 2, 3], keepdims=0), graph.constant(0.0))
    for name, value in zip(("pitch", "yaw", "roll", "scale"), (3.0, 4.0, 5.0, 1.5), strict=True):
        graph.output(graph.op("Add", nothing, graph.constant(value)), name, ())
    for name, values, shape in (("t", [[0.1, 0.2, 0.3]], (1, 3)), ("exp", test_portrait.EXPRESSION[None], (1, 21, 3)),
                                ("kp", test_portrait.REST[None], (1, 21, 3))):
        graph.output(graph.op("Add", nothing, graph.constant(values)), name, shape)
    motion = graph.serialised()
    family = next(family for family in CATALOGUE.family if family.name == "portrait_motion")
    assert family.contract.fits(ports(motion))
    manager = SessionManager()
    leases = {name: manager.lease(network, name=name, rows=True) for name, network in (
        ("features", test_portrait.features()), ("motion", motion), ("generator", test_portrait.generator()))}
    found = Portrait(Networks(**leases), test_portrait.FACTS).motions([test_portrait.grey(), test_portrait.grey(0.5)])
    assert [(one.pitch, one.yaw, one.roll, one.scale) for one in found] == [(3.0, 4.0, 5.0, 1.5)] * 2
