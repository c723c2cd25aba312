"""Downloads from a server that stalls, cuts off, spoils, refuses and changes its mind."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.download import TRIES, Download
from models.errors import Cancelled, ModelError, OutputError
from tests.models.shelf import Shelf, serving

DATA = random.Random(5).randbytes(1_000_003)
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf(DATA)) as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=1.0, trust_env=False) as made:
        yield made


class Waits:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def download(client: httpx.Client, folder: Path, *urls: str, expected: str | None = HASH, **more: Any) -> Download:
    return Download("the model", urls, folder / "file.onnx", expected, client, **{"pause": Waits(), **more})


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_says_how_far_it_is(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    found = download(client, tmp_path, shelf.address, progress=lambda have, all: seen.append((have, all))).run()
    assert found.path.read_bytes() == DATA
    assert (found.sha256, found.bytes, found.told) == (HASH, len(DATA), None)
    assert seen[-1] == (len(DATA), len(DATA))
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)
    assert left(tmp_path) == ["file.onnx"]


@pytest.mark.parametrize("faults", [
    ["truncate:400000"], ["stall:400000"], ["truncate:0", "truncate:0", "truncate:0"], ["503", "429:7", "truncate:9"],
    ["truncate:100000"] * 8, ["truncate:400000", "whole"], ["truncate:400000", "shift"], ["truncate:400000", "416"],
    ["500", "502", "504"]])
def test_what_is_interrupted_is_gone_on_with(shelf: Shelf, client: httpx.Client, tmp_path: Path,
                                             faults: list[str]) -> None:
    shelf.faults = list(faults)
    assert download(client, tmp_path, shelf.address).run().path.read_bytes() == DATA
    assert left(tmp_path) == ["file.onnx"]


def test_only_what_is_missing_is_asked_for(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    shelf.faults = ["truncate:400000", "truncate:300000"]
    download(client, tmp_path, shelf.address).run()
    assert shelf.asked == [None, "bytes=400000-", "bytes=700000-"]


def test_a_server_says_how_long_to_wait_within_reason(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    shelf.faults = ["429:7", "503:100000", "503"]
    waits = Waits()
    download(client, tmp_path, shelf.address, pause=waits).run()
    assert waits.seconds == [7.0, 60.0, 4.0]


def test_what_was_fetched_stays_when_it_is_stopped_and_the_next_run_goes_on(shelf: Shelf, client: httpx.Client,
                                                                            tmp_path: Path) -> None:
    have = [0]

    def progress(now: int, _all: int | None) -> None:
        have[0] = now

    with pytest.raises(Cancelled):
        download(client, tmp_path, shelf.address, progress=progress, stopped=lambda: have[0] > 300_000).run()
    assert not (tmp_path / "file.onnx").exists()
    kept = (tmp_path / "file.onnx.part").stat().st_size
    assert kept > 300_000
    download(client, tmp_path, shelf.address).run()
    assert shelf.asked[-1] == f"bytes={kept}-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    shelf.faults = ["truncate:400000", *["404"] * 1]
    with pytest.raises(ModelError):
        download(client, tmp_path, shelf.address).run()
    shelf.data, shelf.tag = DATA[::-1], '"two"'
    found = download(client, tmp_path, shelf.address, expected=hashlib.sha256(DATA[::-1]).hexdigest()).run()
    assert found.path.read_bytes() == DATA[::-1]


def test_parts_of_two_addresses_never_become_one_file(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    with serving(Shelf(DATA)) as mirror:
        shelf.faults = ["truncate:400000", *["404"]]
        assert download(client, tmp_path, shelf.address, mirror.address).run().url == mirror.address
        assert mirror.asked == [None]


def test_a_spoilt_file_is_not_taken_and_the_mirror_is_asked(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    with serving(Shelf(DATA)) as mirror:
        shelf.faults = ["corrupt"]
        assert download(client, tmp_path, shelf.address, mirror.address).run().url == mirror.address
    assert (tmp_path / "file.onnx").read_bytes() == DATA


def test_a_wrong_file_is_named_with_both_hashes_and_leaves_nothing(shelf: Shelf, client: httpx.Client,
                                                                   tmp_path: Path) -> None:
    (tmp_path / "file.onnx").write_bytes(b"the old one")
    with pytest.raises(ModelError, match=f"MODEL.CHECKSUM.*{'0' * 64} expected, {HASH} found"):
        download(client, tmp_path, shelf.address, expected="0" * 64).run()
    assert left(tmp_path) == ["file.onnx"]
    assert (tmp_path / "file.onnx").read_bytes() == b"the old one", "what was there is still there"


def test_where_no_hash_is_known_the_one_that_the_server_names_has_to_fit(shelf: Shelf, client: httpx.Client,
                                                                         tmp_path: Path) -> None:
    shelf.linked = HASH
    shelf.faults = ["truncate:1000"]
    assert download(client, tmp_path, shelf.address, expected=None).run().told == HASH
    shelf.linked = "f" * 64
    with pytest.raises(ModelError, match=r"MODEL\.CHECKSUM"):
        download(client, tmp_path, shelf.address, expected=None).run()


def test_what_no_address_gives_is_said_with_every_reason(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    shelf.faults = ["404"]
    with pytest.raises(ModelError, match=r"DOWNLOAD\.FAILED.*404.*127\.0\.0\.1:9/.*HTTPS_PROXY"):
        download(client, tmp_path, shelf.address, "http://127.0.0.1:9/x").run()
    assert left(tmp_path) == []


def test_a_server_that_is_always_busy_is_given_up(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    shelf.faults = ["503"] * 50
    waits = Waits()
    with pytest.raises(ModelError, match="503"):
        download(client, tmp_path, shelf.address, pause=waits).run()
    assert len(shelf.asked) == TRIES
    assert waits.seconds == [1.0, 2.0, 4.0, 8.0]


def test_a_full_disk_is_said_before_anything_is_fetched(shelf: Shelf, client: httpx.Client, tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr("models.download.shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(OutputError, match=r"DISK\.FULL.*1 MB, and 0 are free"):
        download(client, tmp_path, shelf.address).run()
    assert left(tmp_path) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.integers(0, 60_000).map(lambda n: f"truncate:{n}"),
                          st.sampled_from(["503", "429:1", "416", "whole", "shift"])), max_size=8))
def test_whatever_a_server_does_the_file_is_right_or_not_there(client: httpx.Client,
                                                               tmp_path_factory: pytest.TempPathFactory,
                                                               faults: list[str]) -> None:
    folder = tmp_path_factory.mktemp("any")
    data = DATA[:50_021]
    with serving(Shelf(data, list(faults))) as shelf:
        with suppress(ModelError):
            download(client, folder, shelf.address, expected=hashlib.sha256(data).hexdigest()).run()
        path = folder / "file.onnx"
        assert not path.exists() or path.read_bytes() == data
        assert path.exists() or len(faults) >= TRIES, "few faults keep nobody from it"
