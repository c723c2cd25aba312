"""The Clip screen's routes: ranges, exact frames, uploads, cards; and what they refuse."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from models.interfaces import FaceStack
from pipeline.analysis import file as blocks
from pipeline.analysis.found import Found
from pipeline.analysis.known import Known
from pipeline.engine import Engine
from studio.app import create_app
from studio.clip_lanes import make_lanes
from studio.clip_times import time_of
from studio.session import TabSession
from studio.settings import Settings
from tests.pipeline.analysis.test_store import piece
from tests.studio.clips import FRAMES, SIZE

HERE = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def engine(stack: FaceStack) -> Iterator[Engine]:
    engine = Engine(faces=stack)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> FastAPI:
    return create_app(engine, Settings(data_dir=tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE) as running:
        yield running


@pytest.fixture(scope="module")
def tab(app: FastAPI, client: TestClient, engine: Engine, clip: Path) -> TabSession:
    """A tab that has the clip open; nothing of it is looked for."""
    tab: TabSession = app.state.tabs.open("one")
    opened = engine.open_clip(clip)
    tab.clip.keep_clip(opened)
    tab.clip.set_target(opened)
    tab.clip.files["video"] = clip
    return tab


def key_of(tab: TabSession) -> str:
    return next(iter(tab.clip.clips)).partition(":")[2][:16]


def test_a_page_fetches_lanes_as_frames_numbers_alone(client: TestClient, tab: TabSession, stack: FaceStack,
                                                      tmp_path: Path) -> None:
    address = f"/clip/{tab.id}/{key_of(tab)}/lanes"
    assert client.get(address).status_code == 404
    path = tmp_path / "some.faces"
    with path.open("wb") as file:
        blocks.begin(file, {})
        blocks.put_span(file, Found(0, 9, pieces=(piece(2, 5), piece(4, 6, x=300, seed=2))))
        blocks.put_span(file, Found(10, 19, (10,), pieces=(piece(10, 10),)))
    clip = tab.clip.clip
    assert clip is not None
    tab.clip.lanes = make_lanes(7, clip, Known(path, clip, stack.recogniser), tab.clip.recipe)
    try:
        assert client.get(address).json() == {
            "rev": 7, "lanes": [{"number": 0, "runs": [[2, 19]]}], "cuts": [10], "unknown": [[20, FRAMES - 1]]}
    finally:
        tab.clip.lanes = None


def test_a_video_is_served_by_ranges(client: TestClient, tab: TabSession, clip: Path) -> None:
    address, content = f"/clip/{tab.id}/file/video", clip.read_bytes()
    whole = client.get(address)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "video/mp4"
    end = len(content)
    for asked, low, high in (("bytes=0-99", 0, 100), ("bytes=100-199", 100, 200), ("bytes=-50", end - 50, None),
                             (f"bytes={end - 10}-", end - 10, None)):
        part = client.get(address, headers={"range": asked})
        assert (part.status_code, part.content) == (206, content[low:high]), asked
        assert part.headers["content-range"].endswith(f"/{len(content)}")
    beyond = client.get(address, headers={"range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    head = client.head(address)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))


@pytest.mark.parametrize("path", [
    "/clip/nobody/file/video", "/clip/{tab}/file/..%2F..%2Fetc%2Fpasswd", "/clip/{tab}/file/interview.mp4",
    "/clip/{tab}/file/%2Fetc%2Fpasswd", "/clip/nobody/{key}/frame/0", "/clip/{tab}/{key}/frame/36",
    "/clip/{tab}/{key}/frame/-1", "/clip/{tab}/0000000000000000/frame/0", "/clip/{tab}/{key}/thumb/99",
    "/clip/nobody/{key}/times", "/jobs/nobody", "/jobs/{tab}/abc/result", "/jobs/{tab}/abc/picture",
    "/jobs/{tab}/..%2F..%2Fjobs.db/result",
])
def test_what_a_tab_was_not_given_is_not_there(client: TestClient, tab: TabSession, path: str) -> None:
    answer = client.get(path.format(tab=tab.id, key=key_of(tab)))
    assert answer.status_code == 404


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_other_pages_get_nothing(client: TestClient, tab: TabSession, headers: dict[str, str]) -> None:
    for path in (f"/clip/{tab.id}/file/video", f"/jobs/{tab.id}", f"/clip/{tab.id}/{key_of(tab)}/frame/0"):
        assert client.get(path, headers=headers).status_code == 403
    assert client.put(f"/upload/{tab.id}?name=x.mp4", content=b"x", headers=headers).status_code == 403


def test_the_exact_frame_is_the_clips_own(client: TestClient, tab: TabSession, engine: Engine) -> None:
    opened = next(iter(tab.clip.clips.values()))
    for frame in (0, 17, 18, FRAMES - 1):
        answer = client.get(f"/clip/{tab.id}/{key_of(tab)}/frame/{frame}")
        assert answer.headers["x-frame"] == str(frame)
        assert answer.headers["cache-control"] == "private, no-store"
        shown = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
        own = engine.desk.frame(opened, time_of(opened, frame)).bgr8()[..., ::-1].astype(int)
        assert shown.shape == own.shape == (SIZE[1], SIZE[0], 3)
        assert np.abs(shown - own).mean() < 2, "but for JPEG"
    small = client.get(f"/clip/{tab.id}/{key_of(tab)}/frame/3?w=160")
    assert Image.open(io.BytesIO(small.content)).size == (160, 90)


def test_thumbnails_and_times(client: TestClient, tab: TabSession) -> None:
    thumb = client.get(f"/clip/{tab.id}/{key_of(tab)}/thumb/20?clip")
    assert Image.open(io.BytesIO(thumb.content)).width == 160
    times = np.frombuffer(client.get(f"/clip/{tab.id}/{key_of(tab)}/times").content, "<f8")
    assert times == pytest.approx(np.arange(FRAMES) / 30)


def test_an_upload_goes_to_the_disk_piece_by_piece(client: TestClient, tab: TabSession) -> None:
    pieces = [bytes([n]) * 300_000 for n in range(12)]
    answer = client.put(f"/upload/{tab.id}", params={"name": "../../my <clip>.MP4"}, content=iter(pieces))
    path = tab.uploads / answer.json()["path"]
    assert "/tmp" not in answer.text, "no path of the machine is told"
    assert path.read_bytes() == b"".join(pieces)
    assert path.is_relative_to(tab.uploads)
    assert re.fullmatch(r"upload\.mp4", path.name), "the disk does not get the page's names"
    assert client.put("/upload/nobody?name=x.mp4", content=b"x").status_code == 404


def test_an_upload_that_the_disk_has_no_room_for_is_refused_before_it_comes(client: TestClient, tab: TabSession,
                                                                           ) -> None:
    before = sorted(tab.uploads.iterdir())
    answer = client.put(f"/upload/{tab.id}?name=x.mp4", content=b"x", headers={"content-length": str(1 << 60)})
    assert answer.status_code == 507
    assert sorted(tab.uploads.iterdir()) == before


def test_an_upload_that_breaks_off_leaves_nothing(tab: TabSession, app: FastAPI) -> None:
    """As a server hands over a connection that ends in the middle."""
    before = sorted(tab.uploads.iterdir())
    messages: Iterator[dict[str, object]] = iter([
        {"type": "http.request", "body": b"x" * 10, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(messages)

    async def send(_message: object) -> None:
        return None

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PUT", "scheme": "http",
             "path": f"/upload/{tab.id}", "raw_path": b"", "query_string": b"name=x.mp4", "root_path": "",
             "headers": [(b"host", b"127.0.0.1:7860")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 7860)}

    async def break_off() -> None:
        from starlette.requests import ClientDisconnect

        with pytest.raises(ClientDisconnect):
            await app(scope, receive, send)

    asyncio.run(break_off())
    assert sorted(tab.uploads.iterdir()) == before


def test_cards_are_sent_when_something_changed(client: TestClient, tab: TabSession) -> None:
    first = client.get(f"/jobs/{tab.id}").json()
    assert first["jobs"] == []
    again = client.get(f"/jobs/{tab.id}", params={"since": first["revision"]}).json()
    assert again == {"revision": first["revision"], "trouble": None, "told": {}}
    number = tab.next_view(("clip", "bar"))
    assert client.get(f"/jobs/{tab.id}").json()["told"] == {"clip": number, "bar": number}
