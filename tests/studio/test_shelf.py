"""What the Models screen shows and does, without a browser: a catalogue and files of the tests' own, a queue that is
not run."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.catalogue import whole_catalogue
from models.networks import Networks
from models.store import Store
from models.twins import zero_recogniser, zero_swapper
from pipeline.jobs.job import Job
from studio.access.roles import HOST, Visitor
from studio.job_views import card
from studio.machine import Machine
from studio.shelf import Shelf
from tests.models.families.test_dfm import person
from tests.models.test_store import ALONE, catalogue, row

EDITOR, VIEWER = Visitor("a", "editor", "Ann", "link-a"), Visitor("b", "viewer", "Bob", "link-b")
DATA = zero_recogniser()
SHA = hashlib.sha256(DATA).hexdigest()
KNOWN = catalogue(row("arc", "arcface", sha256=SHA, title="Descriptor", commercial="no", presets=["natural"]),
                  row("ins", "inswapper", title="Swapper", needs=["arc"], commercial="unclear"),
                  row("nsfw", "nsfw", title="Analyser"))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    machine = Machine(tmp_path / "data")
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    yield Shelf(Networks(Store(KNOWN, tmp_path / "models", tmp_path / "data" / "models.json")), machine, uploads)
    machine.close()


def do(shelf: Shelf, what: str, visitor: Visitor = HOST, **more: Any) -> dict[str, Any]:
    async def last() -> dict[str, Any]:
        return [view async for view in shelf.perform(visitor, {"do": what, **more})][-1]

    view = asyncio.run(last())
    assert json.loads(json.dumps(view)) == view
    return view


def rows(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["slot"]: one for role in view["roles"] for one in role["rows"]}


def codes(view: dict[str, Any]) -> list[str]:
    return [one["code"] for one in view["told"] or () if one["kind"] == "error"]


def downloads(shelf: Shelf) -> list[tuple[str, str]]:
    return [(job.title, job.state) for job in shelf.machine.jobs.list()]


def test_models_are_grouped_by_what_they_are_for_and_say_what_is_known(shelf: Shelf) -> None:
    view = do(shelf, "models")
    assert [one["role"] for one in view["roles"]] == ["swapper", "analyser", "recogniser"]
    ins = rows(view)["ins"]
    assert (ins["state"], ins["bytes"], ins["tried"], ins["commercial"]) == ("missing", None, "twin", "unclear")
    assert ins["needs"] == [{"slot": "arc", "title": "Descriptor"}]
    assert rows(view)["arc"]["presets"] == ["natural"]
    assert view["told"] is None
    assert view["rev"] < do(shelf, "models")["rev"]


def test_a_file_of_a_model_s_name_that_is_another_is_shown_damaged_with_its_reason(shelf: Shelf) -> None:
    folder = shelf.store.folder
    folder.mkdir()
    (folder / "arc.onnx").write_bytes(DATA[:-1])
    arc = rows(do(shelf, "models"))["arc"]
    assert (arc["state"], arc["fault"]["code"]) == ("damaged", "MODEL.CHECKSUM")
    assert SHA in arc["fault"]["words"]


def test_a_model_that_is_at_no_address_is_shown_and_cannot_be_fetched(shelf: Shelf, tmp_path: Path) -> None:
    alone = catalogue(row("arc", "arcface", **ALONE), row("ins", "inswapper", needs=["arc"]))
    shelf.networks.store = Store(alone, shelf.store.folder, shelf.store.record)
    assert [(slot, one["only_import"], one["state"]) for slot, one in rows(do(shelf, "models")).items()] == [
        ("ins", False, "missing"), ("arc", True, "missing")]
    for asked in (["arc"], ["ins"]):
        assert codes(do(shelf, "fetch_models", slots=asked, agreed=["arc", "ins"])) == ["MODEL.NO_ADDRESS"]
    assert downloads(shelf) == []
    assert not rows(do(shelf, "models"))["ins"]["agreed"]
    (tmp_path / "mine.onnx").write_bytes(DATA)
    view = do(shelf, "take_in_models", files=[{"at": str(tmp_path / "mine.onnx"), "name": "", "how": "machine"}])
    assert rows(view)["arc"]["state"] == "unverified"
    do(shelf, "fetch_models", slots=["ins"], agreed=["ins"])
    assert downloads(shelf) == [("ins", "queued")]


def test_a_download_needs_the_licence_once_and_brings_what_is_needed_beside_it(shelf: Shelf) -> None:
    assert codes(do(shelf, "fetch_models", slots=["ins"], agreed=["ins"])) == ["LICENCE.NOT_AGREED"]
    assert downloads(shelf) == []
    view = do(shelf, "fetch_models", EDITOR, slots=["ins"], agreed=["ins", "arc"])
    assert view["told"] == []
    assert downloads(shelf) == [("Descriptor", "queued"), ("Swapper", "queued")]
    assert rows(view)["arc"]["agreed"]
    assert {job.submitter for job in shelf.machine.jobs.list()} == {"link-a"}
    do(shelf, "fetch_models", slots=["arc"])
    assert len(downloads(shelf)) == 2, "one that is under way is not asked for twice"
    for job in shelf.machine.jobs.list():
        shelf.machine.jobs.ask(job.id, "cancel")
    do(shelf, "fetch_models", slots=["arc"])
    assert sorted(downloads(shelf)) == [("Descriptor", "queued"), ("Swapper", "cancelled")], "it goes on"


@pytest.mark.parametrize(("what", "more"), [
    ("fetch_models", {"slots": ["arc"], "agreed": ["arc"]}), ("take_in_models", {"files": [{"at": "x"}]}),
    ("remove_model", {"slot": "arc"}), ("commercial_safe", {"on": True})])
def test_a_guest_who_looks_changes_nothing(shelf: Shelf, what: str, more: dict[str, Any]) -> None:
    view = do(shelf, what, VIEWER, **more)
    assert codes(view) == ["ACCESS.NOT_ALLOWED"]
    assert view["may"] == {"fetch": False, "change": False}
    assert view["folder"] == "", "paths of the machine are the owner's"
    assert downloads(shelf) == []
    assert not shelf.safe


def test_an_editor_may_fetch_and_not_remove(shelf: Shelf, tmp_path: Path) -> None:
    take(shelf, tmp_path)
    assert codes(do(shelf, "remove_model", EDITOR, slot="arc")) == ["ACCESS.NOT_ALLOWED"]
    assert (shelf.store.folder / "arc.onnx").is_file()
    view = do(shelf, "remove_model", slot="arc")
    assert rows(view)["arc"]["state"] == "missing"
    assert not (shelf.store.folder / "arc.onnx").exists()


def take(shelf: Shelf, tmp_path: Path) -> dict[str, Any]:
    mine = tmp_path / "我的 files"
    mine.mkdir()
    (mine / "whatever.onnx").write_bytes(DATA)
    (mine / "junk.onnx").write_bytes(b"junk")
    return do(shelf, "take_in_models", files=[{"at": str(mine), "how": "machine"}])


def test_a_folder_is_taken_in_by_hash_and_what_is_not_known_is_named(shelf: Shelf, tmp_path: Path) -> None:
    view = take(shelf, tmp_path)
    assert view["told"] == [{"kind": "taken", "models": ["Descriptor"], "unknown": ["junk.onnx"]}]
    assert rows(view)["arc"]["state"] == "verified"
    assert rows(view)["arc"]["bytes"] == len(DATA)
    assert do(shelf, "verify_models")["told"] == [{"kind": "verified", "models": ["Descriptor"]}]


def test_a_dropped_file_is_known_by_its_own_name_and_its_upload_is_deleted(shelf: Shelf) -> None:
    upload = shelf.uploads / "0a" / "upload.onnx"
    upload.parent.mkdir()
    upload.write_bytes(zero_swapper())
    view = do(shelf, "take_in_models", files=[{"at": "0a/upload.onnx", "name": "ins.onnx"}])
    assert view["told"] == [{"kind": "taken", "models": ["Swapper"], "unknown": []}]
    assert rows(view)["ins"]["state"] == "unverified"
    assert not upload.exists()


def test_a_user_s_own_file_of_a_person_is_listed_with_the_swappers(shelf: Shelf, tmp_path: Path) -> None:
    shelf.networks.store = Store(whole_catalogue(), tmp_path / "models", tmp_path / "data" / "models.json")
    (tmp_path / "ann.dfm").write_bytes(person(True))
    view = do(shelf, "take_in_models", files=[{"at": str(tmp_path / "ann.dfm"), "how": "machine"}])
    ann = rows(view)["dfm.ann"]
    assert (ann["role"], ann["state"], ann["own"], ann["commercial"]) == ("swapper", "unverified", True, "unclear")
    assert "dfm.ann" not in rows(do(shelf, "remove_model", slot="dfm.ann"))


@pytest.mark.parametrize(("at", "how", "code"), [
    ("../data/models.json", "upload", "STUDIO.NOT_UPLOADED"), ("/nowhere/at/all", "machine", "INPUT.NO_MODELS")])
def test_what_is_no_upload_and_what_holds_no_models_is_said(shelf: Shelf, at: str, how: str, code: str) -> None:
    assert codes(do(shelf, "take_in_models", files=[{"at": at, "how": how}])) == [code]


def test_offline_says_so_and_fetches_nothing(shelf: Shelf) -> None:
    shelf.machine.offline = True
    view = do(shelf, "fetch_models", slots=["arc"], agreed=["arc"])
    assert view["offline"]
    assert codes(view) == ["DOWNLOAD.OFFLINE"]
    assert downloads(shelf) == []


def test_commercial_safe_bars_what_is_not_allowed_and_what_needs_it(shelf: Shelf) -> None:
    view = do(shelf, "commercial_safe", on=True)
    assert view["safe"]
    assert {slot: one["barred"] for slot, one in rows(view).items()} == {"arc": True, "ins": True, "nsfw": False}
    assert codes(do(shelf, "fetch_models", slots=["arc"], agreed=["arc"])) == ["LICENCE.COMMERCIAL"]
    assert not do(shelf, "commercial_safe", on=False)["safe"]


def test_what_was_said_at_the_start_is_not_the_screen_s_to_switch(shelf: Shelf) -> None:
    shelf.forced = "--commercial-safe"
    view = do(shelf, "commercial_safe", on=False)
    assert codes(view) == ["STUDIO.SAID_AT_START"]
    assert view["safe"]


def test_a_download_s_card_says_bytes_and_which_model_and_offers_no_file(shelf: Shelf) -> None:
    do(shelf, "fetch_models", slots=["arc"], agreed=["arc"])
    job: Job = shelf.machine.jobs.list()[0]
    told = card(job, "tab")
    assert (told["kind"], told["slot"], told["clip"], told["doubts"]) == ("download", "arc", None, [])
    assert card(job, "tab", VIEWER)["title"] == ""
