"""`models` on the command line, with a catalogue of the tests' own and a server on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.catalogue import Catalogue
from models.twins import zero_recogniser, zero_swapper
from tests.conftest import ASTRONAUT, HOPPER
from tests.door.conftest import Call
from tests.models.families.test_dfm import person
from tests.models.shelf import Shelf, serving
from tests.models.test_store import ALONE, catalogue, row

ARC = hashlib.sha256(zero_recogniser()).hexdigest()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf(zero_recogniser())) as running:
        yield running


@pytest.fixture
def known(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    made = catalogue(row("arc", "arcface", sha256=ARC, urls=[shelf.address], licence="X-1.0", commercial="no"),
                     row("ins", "inswapper", urls=[shelf.address], needs=["arc"]))
    monkeypatch.setattr("pipeline.models_folder.whole_catalogue", lambda: made)
    return made


@pytest.mark.usefixtures("known")
def test_a_model_is_listed_fetched_verified_and_removed(call: Callable[..., Call], tmp_path: Path) -> None:
    folder = tmp_path / "带 空格"
    here = ("--models-dir", folder)
    assert [one["state"] for one in call("models", "list", *here, "--json").data["models"]] == [None, None]
    refused = call("models", "get", "arc", *here)
    assert refused.code == 1
    assert refused.last.startswith("LICENCE.NOT_AGREED: ")
    assert "X-1.0" in refused.last
    got = call("models", "get", "arc", "--agree", *here, "--json")
    assert got.code == 0, got.err
    assert [(one["slot"], one["state"], one["sha256"]) for one in got.data["models"]] == [("arc", "verified", ARC)]
    assert (folder / "arc.onnx").read_bytes() == zero_recogniser()
    assert "There is nothing to do" in call("models", "get", "arc", *here).out
    assert call("models", "verify", *here).out == "arc: verified\n"
    listed = call("models", "list", *here)
    assert "verified" in listed.out
    assert "no commercial use" in listed.out
    licences = call("models", "licences", *here).out
    assert "arc (arc), agreed to\n  X-1.0: no commercial use." in licences
    assert call("models", "remove", "arc", *here).code == 0
    assert not (folder / "arc.onnx").exists()


@pytest.mark.usefixtures("known")
def test_what_a_model_needs_comes_first(call: Callable[..., Call], tmp_path: Path, shelf: Shelf) -> None:
    done = call("models", "get", "ins", "--agree", "--models-dir", tmp_path)
    assert len(shelf.asked) == 2
    assert (tmp_path / "arc.onnx").is_file()
    assert done.code == 1, "the shelf has one file, which is not the swapper"
    assert done.last.startswith("MODEL.CONTRACT: ins.onnx")


@pytest.mark.usefixtures("known")
def test_nothing_is_fetched_offline(call: Callable[..., Call], tmp_path: Path, shelf: Shelf) -> None:
    done = call("models", "get", "arc", "--agree", "--offline", "--models-dir", tmp_path)
    assert (done.code, done.last.partition(":")[0]) == (1, "DOWNLOAD.OFFLINE")
    assert "models import" in done.last
    assert shelf.asked == []


@pytest.mark.usefixtures("known")
def test_a_folder_of_files_that_somebody_has_is_taken_in(call: Callable[..., Call], tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.onnx").write_bytes(zero_recogniser())
    (mine / "ins.onnx").write_bytes(zero_swapper())
    (mine / "other.onnx").write_bytes(b"rubbish")
    monkeypatch.setenv("LIKENESS_MODELS_DIR", str(tmp_path / "models"))
    done = call("models", "import", mine, "--json")
    assert done.code == 0
    assert {one["slot"]: one["state"] for one in done.data["models"]} == {"arc": "verified", "ins": "unverified"}
    assert "MODEL.UNKNOWN: other.onnx" in done.err
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["arc.onnx", "ins.onnx"]


@pytest.mark.usefixtures("known")
def test_a_file_that_was_spoilt_is_found_out(call: Callable[..., Call], tmp_path: Path) -> None:
    call("models", "get", "arc", "--agree", "--models-dir", tmp_path)
    (tmp_path / "arc.onnx").write_bytes(zero_swapper())
    done = call("models", "verify", "arc", "--models-dir", tmp_path)
    assert done.code == 1
    assert f"sha256 {ARC} expected" in done.err


def test_a_file_of_a_person_is_the_user_s_own(call: Callable[..., Call], tmp_path: Path) -> None:
    (tmp_path / "ann.dfm").write_bytes(person(True))
    here = ("--models-dir", tmp_path / "models")
    done = call("models", "import", tmp_path / "ann.dfm", *here)
    assert done.out == f"dfm.ann: taken in, unverified ({tmp_path / 'models' / 'ann.dfm'})\n"
    mine = [one for one in call("models", "list", *here, "--json").data["models"] if one["own"]]
    assert [(one["slot"], one["role"], one["state"], one["file"]) for one in mine] == [
        ("dfm.ann", "swapper", "unverified", "ann.dfm")]
    assert "(your own file)" in call("models", "list", *here).out
    assert call("models", "get", "dfm.bob", *here).last.startswith("MODEL.MISSING: ")


def test_a_model_that_is_at_no_address_is_listed_with_what_to_do_and_nothing_is_fetched_for_it(
        call: Callable[..., Call], tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalogue(row("arc", "arcface", **ALONE), row("ins", "inswapper", urls=[shelf.address], needs=["arc"]))
    monkeypatch.setattr("pipeline.models_folder.whole_catalogue", lambda: known)
    here = ("--models-dir", tmp_path / "models")
    assert "(at no address: `models import` takes in arc.onnx if you have it)" in call("models", "list", *here).out
    for slots in (["arc"], ["ins"], ["ins", "arc"]):
        done = call("models", "get", *slots, "--agree", *here)
        assert (done.code, done.last.partition(":")[0]) == (1, "MODEL.NO_ADDRESS")
        assert "`models import arc.onnx`" in done.last
    assert shelf.asked == [], "nothing is begun that cannot be ended"
    (tmp_path / "mine.onnx").write_bytes(zero_recogniser())
    assert call("models", "import", tmp_path / "mine.onnx", *here).code == 0
    listed = call("models", "list", *here, "--json").data["models"]
    assert [(one["slot"], one["state"], one["only_import"]) for one in listed] == [
        ("arc", "unverified", True), ("ins", None, False)]
    assert "(at no address" not in call("models", "list", *here).out


def test_a_name_that_there_is_not_is_said(call: Callable[..., Call], tmp_path: Path) -> None:
    assert call("models", "get", "no.such", "--models-dir", tmp_path).last.startswith("MODEL.UNKNOWN: ")
    assert call("models", "import", tmp_path / "none.onnx").last.startswith("MODEL.MISSING: ")
    assert call("models").code == 2


@pytest.mark.usefixtures("known")
def test_commercial_safe_leaves_out_what_is_not_allowed_and_what_needs_it(
        call: Callable[..., Call], tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ("--models-dir", tmp_path)
    listed = call("models", "list", "--commercial-safe", *here, "--json").data
    assert (listed["commercial_safe"], listed["models"]) == (True, [])
    done = call("models", "get", "ins", "--agree", "--commercial-safe", *here)
    assert done.last.startswith("LICENCE.COMMERCIAL: arc (arc), which ins (ins) needs, may not be used commercially: X")
    assert shelf.asked == []
    monkeypatch.setenv("LIKENESS_COMMERCIAL_SAFE", "yes")
    assert call("models", "list", *here, "--json").data["models"] == []


def test_the_chain_without_models_is_refused_where_commercial_safe_is_wanted(
        call: Callable[..., Call], tmp_path: Path) -> None:
    """Its points of a face come from photographs whose terms exclude commercial use, and there is nothing else."""
    done = call("render", "--commercial-safe", "--source", ASTRONAUT, "--target", HOPPER, "--output",
                tmp_path / "out.png", "--json")
    assert done.data["error"]["code"] == "LICENCE.COMMERCIAL"
    assert done.data["error"]["message"].startswith("68 points of a face (dlib.points68) may not be used commercially")
    assert not (tmp_path / "out.png").exists()
