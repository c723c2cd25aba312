"""DFM on twins whose answer is known, and users' own files of that kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.errors import ModelError
from models.families.dfm import DfmSwapper
from models.foreign import Inspected
from models.sessions import SessionManager
from models.store import Store
from models.twins import Graph, zero_swapper

FAMILY = next(family for family in whole_catalogue().family if family.name == "dfm")
SIDE = 64


def person(morphs: bool, side: int | str = SIDE, rows: int | str = "N", level: float = 1.0) -> bytes:
    """The face that went in, half as bright (by the morph, where it takes one), with a trace of `level`. Its first mask
    is the left three quarters, its second the right three quarters."""
    graph = Graph()
    face = graph.input("in_face:0", (rows, side, side, 3))
    half = graph.op("Mul", graph.input("morph_value:0", (1,)), graph.constant(0.5)) if morphs else graph.constant(0.5)
    made = graph.op("Mul", face, graph.op("Mul", half, graph.constant(level)))
    nothing = graph.op("Mul", graph.op("ReduceMean", face, axes=[3], keepdims=1), graph.constant(0.0))
    across = np.arange(SIDE).reshape(1, 1, SIDE, 1)
    masks = [across < SIDE * 3 // 4, across >= SIDE // 4]
    for name, mask in zip(("out_face_mask:0", "out_celeb_face_mask:0"), masks, strict=True):
        graph.output(graph.op("Add", nothing, graph.constant(mask.astype(float))), name, (rows, side, side, 1))
        if len(graph.outputs) == 1:
            graph.output(made, "out_celeb_face:0", (rows, side, side, 3))
    return graph.serialised()


def swapper(graph: bytes) -> DfmSwapper:
    return DfmSwapper(SessionManager().lease(graph, name="twin"), FAMILY.facts)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("rows", [1, "N"])
def test_a_plain_face_comes_back_with_the_colours_in_their_order(kind: type, rows: int | str) -> None:
    twin = swapper(person(False, rows=rows))
    colours = [(40, 120, 200), (10, 20, 30)]
    made = twin.swap([np.full((SIDE, SIDE, 3), colour, kind) for colour in colours])
    assert twin.crop.size == SIDE
    assert not twin.morphs
    for (face, _), colour in zip(made, colours, strict=True):
        assert face.dtype == kind
        assert np.abs(face.astype(float) - np.array(colour) / 2).max() < 1e-4


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_what_goes_in_is_sharper_by_three_quarters_of_what_a_blur_takes_away(kind: type) -> None:
    crop: Pixels = np.full((SIDE, SIDE, 3), 60, kind)
    crop[:, SIDE // 2:] = 140
    blurred = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 2.0)
    wanted = np.clip(crop + 0.75 * (crop - blurred), 0, 255) / 2
    (face, _), = swapper(person(False)).swap([crop])
    assert np.abs(face - wanted).max() <= (1.0 if kind == np.uint8 else 1e-3)
    assert wanted.max() > 75, "sharpening goes beyond what was there"


def test_both_masks_have_to_agree_and_the_edge_lies_inside() -> None:
    (_, mask), = swapper(person(False)).swap([np.zeros((SIDE, SIDE, 3), np.uint8)])
    assert mask.dtype == np.float32
    hard = np.zeros((SIDE, SIDE), np.float32)
    hard[:, SIDE // 4 + 2:SIDE * 3 // 4 - 2] = 1
    assert np.allclose(mask, cv2.GaussianBlur(hard, (0, 0), 6.25), atol=1e-6)


def test_the_morph_goes_in_where_a_file_takes_one() -> None:
    twin = swapper(person(True))
    assert twin.morphs
    for morph in (0.4, 1.0):
        (face, _), = twin.swap([np.full((SIDE, SIDE, 3), 200, np.uint8)], morph)
        assert np.unique(face).tolist() == [round(100 * morph)]


def test_a_file_without_a_fixed_size_is_refused() -> None:
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT"):
        swapper(person(False, side="S"))


# Users' own files

def look(path: Path) -> Inspected:
    """In this process, which takes no second."""
    with SessionManager() as sessions, sessions.lease(path, name=path.name) as lease:
        return Inspected(lease.inputs, lease.outputs)


def store(folder: Path) -> Store:
    return Store(whole_catalogue(), folder / "models", folder / "data" / "models.json", inspect=look)


def made(path: Path, graph: bytes) -> Path:
    path.write_bytes(graph)
    return path


def test_no_model_of_a_person_is_in_the_catalogue() -> None:
    assert not [row.slot for row in whole_catalogue().model if row.family == "dfm" or row.own]


def test_users_files_are_taken_in_under_their_own_names_several_at_once(tmp_path: Path) -> None:
    shop = store(tmp_path)
    files = [made(tmp_path / "Ann 224.dfm", person(True)), made(tmp_path / "李.DFM", person(False))]
    for file in files:
        taken = shop.take_in(file)
        assert taken.path == tmp_path / "models" / file.name
        assert taken.row.own
    found = shop.found()
    assert {slot: (one.path.name, one.state) for slot, one in found.items()} == {
        "dfm.Ann 224": ("Ann 224.dfm", "unverified"), "dfm.李": ("李.DFM", "unverified")}
    assert shop.path("dfm.Ann 224") == tmp_path / "models" / "Ann 224.dfm"
    assert shop.catalogue.row("dfm.Ann 224").family == "dfm"
    assert shop.verify("dfm.李").sha256 == found["dfm.李"].sha256
    assert shop.remove("dfm.李") == tmp_path / "models" / "李.DFM"
    assert list(shop.found()) == ["dfm.Ann 224"]


def test_another_file_of_the_same_name_is_not_written_over(tmp_path: Path) -> None:
    shop, mine = store(tmp_path), made(tmp_path / "ann.dfm", person(False))
    for _ in range(2):  # the same file again is no harm
        shop.take_in(mine)
    mine.write_bytes(person(False, level=0.5))
    with pytest.raises(ModelError, match=r"MODEL\.NAME_TAKEN.*models remove dfm\.ann"):
        shop.take_in(mine)
    assert (tmp_path / "models" / "ann.dfm").read_bytes() == person(False)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["ann.dfm"], "and nothing is left behind"


@pytest.mark.parametrize(("graph", "code"), [
    (zero_swapper(), r"MODEL\.CONTRACT.*in_face:0 expected, source, target found"),
    (b"rubbish", r"MODEL\.UNREADABLE")])
def test_a_dfm_that_is_none_is_refused(tmp_path: Path, graph: Any, code: str) -> None:
    shop = store(tmp_path)
    with pytest.raises(ModelError, match=code):
        shop.take_in(made(tmp_path / "x.dfm", graph))
    made(tmp_path / "models" / "x.dfm", graph)
    assert shop.found() == {}
    with pytest.raises(ModelError, match=code):
        shop.path("dfm.x")


def test_a_dfm_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"MODEL\.MISSING.*models import x\.dfm"):
        store(tmp_path).path("dfm.x")
    shop = store(tmp_path)
    shop.agree("dfm.x")
    with pytest.raises(ModelError, match=r"MODEL\.MISSING.*of your own"):
        shop.get("dfm.x", lambda row, path: pytest.fail("it was fetched"))
