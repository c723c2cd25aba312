"""A download as a job: how far it is, stopped and gone on with, beside a render and never two at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.catalogue import Catalogue
from models.errors import Cancelled, ModelError
from models.store import Store
from models.twins import zero_recogniser
from pipeline.jobs.fetching import FetchRequest, Speed, fetch
from pipeline.jobs.job import Job, JobError
from pipeline.jobs.runner import Jobs
from pipeline.jobs.store import JobStore
from pipeline.rendering.control import ClipProgress, Control
from tests.models.shelf import Shelf, serving
from tests.models.test_store import catalogue, row
from tests.pipeline.jobs.conftest import until

DATA = zero_recogniser()
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf(DATA)) as running:
        yield running


def known(shelf: Shelf) -> Catalogue:
    return catalogue(row("arc", "arcface", urls=[shelf.address], sha256=SHA))


def job_of(folder: Path, slot: str = "arc") -> Job:
    request = FetchRequest(slot=slot, folder=folder / "models", record=folder / "models.json",
                           output=folder / "models" / f"{slot}.onnx")
    return Job("1", slot, "download", "running", str(request.output), request.model_dump_json(), 1, 0.0)


def agreed(folder: Path, shelf: Shelf) -> Store:
    store = Store(known(shelf), folder / "models", folder / "models.json")
    store.agree("arc")
    return store


def test_a_download_ends_as_a_verified_model_and_says_its_bytes(tmp_path: Path, shelf: Shelf) -> None:
    agreed(tmp_path, shelf)
    told: list[ClipProgress] = []
    result = fetch(job_of(tmp_path), Control(progress=told.append), known(shelf))
    assert (result.bytes, result.data["state"]) == (len(DATA), "verified")
    assert Path(result.output).read_bytes() == DATA
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("fetch", len(DATA), len(DATA))


def test_a_stopped_download_goes_on_where_it_was(tmp_path: Path, shelf: Shelf) -> None:
    agreed(tmp_path, shelf)
    shelf.faults = [f"truncate:{len(DATA) // 2}"]
    with pytest.raises(Cancelled):  # at the second request, when half of it is there
        fetch(job_of(tmp_path), Control(cancelled=lambda: len(shelf.asked) > 1), known(shelf))
    part = tmp_path / "models" / "arc.onnx.part"
    assert not (tmp_path / "models" / "arc.onnx").exists()
    had = part.stat().st_size
    fetch(job_of(tmp_path), Control(), known(shelf))
    assert (tmp_path / "models" / "arc.onnx").read_bytes() == DATA
    assert had == len(DATA) // 2
    assert shelf.asked[-1] == f"bytes={had}-"


def test_nothing_is_fetched_whose_licence_nobody_agreed_to(tmp_path: Path, shelf: Shelf) -> None:
    with pytest.raises(ModelError, match="was not agreed to") as refused:
        fetch(job_of(tmp_path), Control(), known(shelf))
    assert refused.value.code == "LICENCE.NOT_AGREED"
    assert shelf.asked == []


def test_speed_counts_what_arrives_now_and_falls_where_nothing_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    speed = Speed()
    speed.told(5000, 10000)  # what an earlier try left, and the first chunk
    now[0] += 2
    speed.told(7000, 10000)
    there = speed.now()
    assert (there.done, there.total, there.fps, there.eta) == (7000, 10000, 1000.0, 3.0)
    for _ in range(12):
        now[0] += 0.5
        there = speed.now()
    assert (there.done, there.fps, there.eta) == (7000, 0.0, None)


def test_a_download_and_a_render_are_at_work_at_once_and_two_downloads_are_not(tmp_path: Path) -> None:
    store = JobStore(tmp_path, time.time)
    for id, kind in (("a", "render"), ("b", "download"), ("c", "download"), ("d", "render")):
        store.add(id, id, kind, f"/{id}", "{}")  # type: ignore[arg-type]
    claimed = [store.claim("me", "render"), store.claim("me", "download")]
    assert [job.id for job in claimed if job] == ["a", "b"]
    assert store.claim("me", "download") is None
    assert store.claim("me", "render") is None
    assert "pause" in store.get("a").wishes
    assert "pause" not in store.get("b").wishes
    with pytest.raises(JobError, match="cannot be paused"):
        store.want("b", "pause")
    store.close()


def test_a_download_that_is_dropped_leaves_no_part(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    request = FetchRequest.model_validate_json(job_of(tmp_path).request)
    part = request.output.with_name("arc.onnx.part")
    part.parent.mkdir()
    part.write_bytes(b"half")
    id = jobs.submit("arc", request)
    jobs.ask(id, "remove")
    assert not part.exists()
    jobs.close()


def test_an_offline_queue_leaves_downloads_waiting(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs", command=("false",))
    id = jobs.submit("arc", FetchRequest.model_validate_json(job_of(tmp_path).request))
    jobs.start(("render",))
    try:
        until(lambda: not jobs._wake["render"].is_set(), "the queue was looked at")
        assert jobs.get(id).state == "queued"
    finally:
        jobs.close()
