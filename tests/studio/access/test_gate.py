"""Who gets past the gate: nobody without a credential to anything but /healthz and the sign-in, on every route that the
running app has; and what each role may ask for."""

from __future__ import annotations

import asyncio
import errno
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from models.interfaces import FaceStack
from pipeline.engine import Engine
from processors.registry import Registry
from studio.access.door import Door, Refused
from studio.access.hosts import Hosts
from studio.access.keys import Keys, Link
from studio.access.lockout import FREE, WAITING, Lockout
from studio.app import create_app
from studio.settings import Settings

HERE = "http://127.0.0.1:7860"
THERE = "http://faces.example"


def make(folder: Path, stack: FaceStack, **settings: Any) -> FastAPI:
    return create_app(Engine(registry=Registry(), faces=stack), Settings(data_dir=folder, **settings))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, stack: FaceStack) -> Iterator[FastAPI]:
    """As behind a proxy, which shows it under a name of its own."""
    made = make(tmp_path_factory.mktemp("data"), stack, allowed_hosts=("faces.example",))
    with TestClient(made, base_url=THERE):  # started, and ended once
        yield made


@pytest.fixture(scope="module")
def door(app: FastAPI) -> Door:
    found: Door = app.state.door
    return found


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A browser's: with a jar of its own; nobody has guessed yet."""
    app.state.door.lockout = Lockout()
    return TestClient(app, base_url=THERE)


def carried(client: TestClient, door: Door, link: Link | None = None) -> None:
    client.cookies.set(door.cookie, door.keys.sign_in(link))


def every_route(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of all routes, those of mounted apps (Gradio's) too, with something in their blanks."""
    found: set[tuple[str, str]] = set()

    def walk(routes: Any, before: str) -> None:
        for route in routes:
            path = before + re.sub(r"\{[^}]+\}", "x", getattr(route, "path", ""))
            if hasattr(route, "original_router"):  # how FastAPI keeps what was included
                walk(route.original_router.routes, before + route.include_context.prefix)
            elif isinstance(route, Mount):
                found.add(("GET", path + "/x"))
                walk(getattr(route.app, "routes", []), path)
            elif isinstance(route, Route):
                found.update((method, path) for method in route.methods or ("GET",))
            else:
                found.add(("GET", path))

    walk(app.routes, "")
    return sorted(found)


def test_the_walk_sees_gradio_s_routes_too(app: FastAPI) -> None:
    paths = {path for _, path in every_route(app)}
    for wanted in ("/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/upload", "/gradio_api/cancel",
                   "/gradio_api/heartbeat/x", "/gradio_api/file=x", "/config", "/healthz", "/jobs/x", "/upload/x",
                   "/clip/x/x/frame/x", "/access/sharing", "/access/tunnel"):
        assert wanted in paths, f"{wanted} is not among {sorted(paths)}"
    assert len(paths) > 50


def test_nothing_is_answered_without_a_credential(app: FastAPI, client: TestClient) -> None:
    """Every route with every method, as programs and as browsers ask."""
    answered = []
    for method, path in every_route(app):
        for accept in ("*/*", "text/html"):
            answer = client.request(method, path, headers={"accept": accept})
            if answer.status_code != 401:
                answered.append((method, path, answer.status_code))
    assert {(method, path) for method, path, _ in answered} == {("GET", "/healthz"), ("POST", "/access/enter")}


def test_what_there_is_not_is_not_told_either(client: TestClient) -> None:
    for path in ("/no/such/place", "/..%2f..%2fetc/passwd", "/healthz/", "//healthz", "/HEALTHZ", "/access/enter/x"):
        assert client.get(path).status_code == 401, path


def test_a_websocket_is_closed(client: TestClient) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/queue/join"):
        pass


def test_a_browser_gets_a_page_to_sign_in_in_its_language(client: TestClient) -> None:
    page = client.get("/", headers={"accept": "text/html", "accept-language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert page.status_code == 401
    assert "密码" in page.text
    assert 'lang="zh-CN"' in page.text
    page = client.get("/", headers={"accept": "text/html", "accept-language": "fr"})
    assert "Password" in page.text
    assert "{" + "enter." not in page.text
    assert page.headers["cache-control"] == "no-store"


def test_the_password_lets_the_owner_in_and_a_wrong_one_does_not(client: TestClient, door: Door) -> None:
    password = door.keys.make_password()
    refused = client.post("/access/enter", json={"password": "wrong"})
    assert (refused.status_code, refused.json()["code"]) == (403, "ACCESS.PASSWORD")
    assert client.get("/access/me").status_code == 401
    assert client.post("/access/enter", json={"password": password}).status_code == 200
    assert client.get("/access/me").json() == {"name": "Owner", "role": "owner", "asks": True, "shared": False}
    assert client.get("/").status_code == 200
    client.post("/access/leave", headers={"origin": THERE})
    assert client.get("/").status_code == 401
    assert [entry["what"] for entry in door.audit.last(3)] == ["leave", "enter", "enter.refused"]


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_cookie_is_out_of_scripts_reach_and_goes_nowhere_else(app: FastAPI, door: Door, scheme: str,
                                                                  secure: bool) -> None:
    _, token = door.make_link("Ann", "viewer", 1)
    answer = TestClient(app, base_url=THERE).post("/access/enter", json={"token": token},
                                                  headers={"x-forwarded-proto": scheme})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("likeness-7860=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert ("secure" in cookie) is secure


def test_an_expired_and_a_revoked_link_are_refused_in_words(app: FastAPI, client: TestClient, door: Door) -> None:
    link, token = door.make_link("Ann", "viewer", 1)
    assert client.post("/access/enter", json={"token": token}).status_code == 200
    assert client.get("/access/me").json()["name"] == "Ann"
    door.revoke(link.id)
    assert client.get("/access/me").status_code == 401
    _, late = door.make_link("Bob", "viewer", 0)
    door.make_link("Cleo", "viewer", 1)
    stranger = TestClient(app, base_url=THERE)
    assert stranger.post("/access/enter", json={"token": token}).json()["code"] == "ACCESS.LINK"
    told = stranger.post("/access/enter", json={"token": late}).json()
    assert told["code"] == "ACCESS.EXPIRED"
    assert "clock" in told["remedy"]


def test_a_revoked_link_ends_a_stream_that_is_under_way(app: FastAPI, door: Door) -> None:
    """The gate looks at each piece that goes out."""
    from studio.access.gate import Gate

    link, _ = door.make_link("Ann", "viewer", 1)
    cookie = f"{door.cookie}={door.keys.sign_in(link)}".encode()
    pieces: list[bytes] = []

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(5):
            if number == 2:
                door.revoke(link.id)
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            pieces.append(message["body"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/studio.js", "client": ("127.0.0.1", 1),
             "headers": [(b"host", b"faces.example"), (b"cookie", cookie)]}
    asyncio.run(Gate(endless, door)(scope, receive, send))
    assert pieces == [b"0", b"1", b""]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("headers", [
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "https://faces.example.evil"},
    {"origin": "http://faces.example:8080"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {}])
def test_another_page_s_request_is_refused_with_the_owner_s_cookie_on_it(
        client: TestClient, door: Door, method: str, headers: dict[str, str]) -> None:
    carried(client, door)
    answer = client.request(method, "/access/leave", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "STUDIO.FOREIGN_REQUEST")


def test_the_own_page_s_request_is_answered(client: TestClient, door: Door) -> None:
    carried(client, door)
    for headers in ({"origin": THERE}, {"origin": "https://faces.example"}, {"sec-fetch-site": "same-origin"}):
        assert client.post("/access/password", headers=headers).status_code == 200
        carried(client, door)


def test_a_link_from_another_page_may_open_the_first_page_and_nothing_more(client: TestClient, door: Door) -> None:
    carried(client, door)
    away = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers={**away, "sec-fetch-mode": "navigate"}).status_code == 200
    assert client.get("/", headers={**away, "sec-fetch-mode": "no-cors"}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "faces.example.evil", "[::1",
                                  "192.168.1.5", "xn--faces.example"])
def test_other_names_are_refused_with_what_to_do(client: TestClient, door: Door, host: str) -> None:
    carried(client, door)
    answer = client.get("/healthz", headers={"host": host})
    assert answer.status_code == 403
    assert answer.json()["code"] == "ACCESS.UNKNOWN_HOST"
    assert "--allowed-host" in answer.json()["remedy"]


@pytest.mark.parametrize("host", ["faces.example", "FACES.example:443", "faces.example.", "localhost:7860", "127.0.0.1",
                                  "[::1]:7860"])
def test_its_own_names_are_known(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_studio_on_the_network_knows_its_addresses_and_the_machine_s_name(tmp_path: Path, stack: FaceStack) -> None:
    import socket

    app = make(tmp_path, stack, listen="0.0.0.0")
    with TestClient(app, base_url=HERE) as client:
        for host in ("192.168.1.5:7860", "[fe80::1]:7860", socket.gethostname(), f"{socket.gethostname()}.local"):
            assert client.get("/healthz", headers={"host": host}).status_code == 200, host
            assert client.get("/", headers={"host": host}).status_code == 401, host
        assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 403


def test_at_the_machine_itself_nobody_is_asked_until_a_tunnel_opens(tmp_path: Path, stack: FaceStack) -> None:
    app = make(tmp_path, stack)
    door: Door = app.state.door
    with TestClient(app, base_url=HERE) as client:
        assert client.get("/access/me").json() == {"name": "Owner", "role": "owner", "asks": False, "shared": False}
        opened = client.post("/access/tunnel", json={"how": "cmd:sleep 30"}, headers={"origin": HERE})
        assert opened.status_code == 200
        password = opened.json()["password"]
        assert door.keys.is_password(password), "it is made, and told this once"
        assert client.get("/access/me").status_code == 200, "whoever opened it is in"
        assert TestClient(app, base_url=HERE).get("/access/me").status_code == 401, "and nobody else, from this machine"
        assert client.get("/access/sharing").json()["tunnel"]["state"] == "opening"
        assert "password" not in client.get("/access/sharing").json()
        closed = client.delete("/access/tunnel", headers={"origin": HERE})
        assert closed.json()["tunnel"]["state"] == "closed"
        assert TestClient(app, base_url=HERE).get("/access/me").status_code == 401, "what is left of it finds nothing"
        assert client.get("/access/me").json()["shared"] is False


def test_a_proxy_in_front_of_an_open_studio_is_refused(tmp_path: Path, stack: FaceStack) -> None:
    """Somebody shows it to the world without having said so: nobody would be asked."""
    with TestClient(make(tmp_path, stack), base_url=HERE) as client:
        answer = client.get("/", headers={"x-forwarded-for": "203.0.113.7"})
        assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS.PROXY_OPEN")
        assert "--allowed-host" in answer.json()["remedy"]


def test_a_refusal_is_a_page_in_a_browser_and_a_line_in_the_terminal_told_once(
        app: FastAPI, client: TestClient, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(door, "tell", told.append)
    for language, words in (("en", "does not answer to the name <b>.example"), ("zh-CN", "这个工作室不接受名称")):
        page = client.get("/", headers={"host": "<b>.example", "accept": "text/html", "accept-language": language})
        assert page.status_code == 403
        assert page.headers["content-type"].startswith("text/html")
        assert html.escape(words) in page.text
        assert "<b>" not in page.text, "what somebody sends is text"
        assert "ACCESS.UNKNOWN_HOST" in page.text
    assert len(told) == 1
    assert told[0].startswith("ACCESS.UNKNOWN_HOST: ")
    assert "--allowed-host" in told[0]
    assert door.audit.last(1)[0]["what"] == "request.refused"


def test_what_runs_here_is_told_to_those_who_were_let_in(client: TestClient, door: Door) -> None:
    assert set(client.get("/healthz").json()) == {"status", "instance"}
    carried(client, door)
    assert set(client.get("/healthz").json()) == {"status", "instance", "version", "tabs"}


def test_a_link_that_cannot_be_kept_is_an_error_with_a_remedy(client: TestClient, door: Door,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    carried(client, door)
    monkeypatch.setattr("studio.access.keys.os.replace", full_disk)
    answer = client.post("/access/links", json={"name": "Ann", "role": "viewer", "days": 1}, headers={"origin": THERE})
    assert (answer.status_code, answer.json()["code"]) == (422, "ACCESS.STORE")
    assert "room" in answer.json()["remedy"]


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_proxy_that_drops_the_host_header_is_named(client: TestClient, door: Door) -> None:
    carried(client, door)
    answer = client.post("/access/leave", headers={"host": "127.0.0.1:7860", "origin": "https://faces.example",
                                                   "sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS.PROXY")
    assert "proxy_set_header Host" in answer.json()["remedy"]


@pytest.mark.parametrize(("method", "path", "body"), [
    ("GET", "/access/sharing", None), ("POST", "/access/tunnel", {"how": "gradio"}), ("DELETE", "/access/tunnel", None),
    ("POST", "/access/links", {"name": "x", "role": "editor", "days": 1}), ("DELETE", "/access/links/x", None),
    ("POST", "/access/password", None)])
@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_a_guest_shares_nothing(client: TestClient, door: Door, role: Any, method: str, path: str, body: Any) -> None:
    link, _ = door.make_link("Ann", role, 1)
    carried(client, door, link)
    assert client.request(method, path, json=body, headers={"origin": THERE}).status_code == 403


def test_every_answer_carries_the_headers(client: TestClient, door: Door) -> None:
    carried(client, door)
    for path in ("/", "/healthz", "/studio.js", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=(self)" in headers["permissions-policy"]


def test_guessing_is_slowed_for_whoever_guesses(app: FastAPI, client: TestClient, door: Door,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    door.keys.make_password()
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(door, "pause", sleep)
    for number in range(8):
        assert client.post("/access/enter", json={"password": f"guess {number}"}).status_code == 403
    assert waited == [0.0] * 5 + [1.0, 2.0, 4.0]
    _, token = door.make_link("Ann", "viewer", 1)
    assert TestClient(app, base_url=THERE).post("/access/enter", json={"token": token}).status_code == 200
    assert len(waited) == 8, "a link waits for nothing"
    client.post("/access/enter", json={"password": "guess"})
    assert waited[-1] == 8.0, "and forgives nothing"
    refused = [entry for entry in door.audit.last(20) if entry["what"] == "enter.refused"]
    assert len(refused) <= 2, "a flood of tries does not fill the log"


def test_neither_a_forged_address_nor_others_guesses_change_how_long_one_waits(
        app: FastAPI, client: TestClient, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(door, "pause", sleep)
    carried(client, door)
    stranger = TestClient(app, base_url=THERE)
    for number in range(6):
        stranger.post("/access/enter", json={"password": f"guess {number}"},
                      headers={"x-forwarded-for": f"203.0.113.{number}"})
    assert waited == [0.0] * 5 + [1.0], "the sixth waits, whatever the proxy's header says"
    assert client.post("/access/enter", json={"password": "not it"}, headers={"origin": THERE}).status_code == 403
    assert waited[-1] == 0.0, "a browser that was in before waits for its own failures alone"


def test_a_hundred_tries_at_once_are_a_hundred_tries(tmp_path: Path) -> None:
    """All counted before the first was looked at; few at a time, and the rest turned away."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0.01)

    door = Door(tmp_path, Hosts(), listening=True, pause=sleep)
    door.keys.make_password()

    async def flood() -> list[str]:
        tries = [door.by_password(f"guess {number}", "there") for number in range(100)]
        told = await asyncio.gather(*tries, return_exceptions=True)
        return [one.code for one in told if isinstance(one, Refused)]

    codes = asyncio.run(flood())
    assert len(codes) == 100
    assert codes.count("ACCESS.PASSWORD") == WAITING
    assert sorted(waited) == [0.0] * FREE + [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/gradio_api/file=https://evil.example/x.png"), ("GET", "/gradio_api/file=/etc/hosts"),
    ("HEAD", "/gradio_api/file=https://evil.example/x.png"), ("GET", "/gradio_api/proxy=https://evil.example/x"),
    ("POST", "/gradio_api/upload"), ("POST", "/gradio_api/process_recording"), ("GET", "/gradio_api/deep_link"),
    ("POST", "/gradio_api/component_server"), ("POST", "/gradio_api/api/predict"), ("POST", "/gradio_api/call/predict"),
    ("GET", "/gradio_api/stream/a/b/c/playlist.m3u8"), ("GET", "/monitoring"), ("GET", "/gradio_api/dev/reload"),
    ("POST", "/gradio_api/vibe-edit"), ("GET", "/gradio_api/openapi.json"), ("GET", "/gradio_api/runs"),
    ("GET", "/gradio_api/heartbeat/a/../../file=x"), ("GET", "//gradio_api/queue/data")])
@pytest.mark.parametrize("who", ["owner", "editor"])
def test_of_gradio_s_addresses_only_those_are_there_that_the_page_uses(
        client: TestClient, door: Door, method: str, path: str, who: str) -> None:
    """Some of the others fetch pages from elsewhere and show them as this one's, or write to the disk for anybody."""
    carried(client, door, None if who == "owner" else door.make_link("Ann", "editor", 1)[0])
    answer = client.request(method, path, headers={"origin": THERE} if method == "POST" else {})
    assert answer.status_code == 404
    if method != "HEAD":
        assert answer.json()["code"] == "STUDIO.NO_PAGE"


def test_what_strangers_send_is_short_and_what_others_send_has_a_bound(client: TestClient, door: Door) -> None:
    answer = client.post("/access/enter", content=b"x" * 65536)
    assert (answer.status_code, answer.json()["code"]) == (413, "STUDIO.TOO_LARGE")
    carried(client, door)
    assert client.post("/access/links", content=b" " * (5 << 20), headers={"origin": THERE}).status_code == 413
    kept = client.post("/access/links", json={"name": "Ann", "role": "viewer", "days": 1}, headers={"origin": THERE})
    assert kept.status_code == 200


def test_whoever_leaves_is_out_though_they_kept_the_cookie(client: TestClient, door: Door) -> None:
    kept = door.keys.sign_in()
    client.cookies.set(door.cookie, kept)
    assert client.post("/access/leave", headers={"origin": THERE}).status_code == 200
    client.cookies.set(door.cookie, kept)
    assert client.get("/access/me").status_code == 401


def test_a_guest_s_upload_ends_with_the_link(app: FastAPI, door: Door) -> None:
    from studio.access.gate import Gate

    link, _ = door.make_link("Ann", "editor", 1)
    cookie = f"{door.cookie}={door.keys.sign_in(link)}".encode()
    seen: list[str] = []

    async def takes(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.append(message["body"].decode())
            if len(seen) == 2:
                door.revoke(link.id)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "PUT", "path": "/upload/tab", "client": ("127.0.0.1", 1), "headers": [
        (b"host", b"faces.example"), (b"origin", b"http://faces.example"), (b"cookie", cookie)]}
    asyncio.run(Gate(takes, door)(scope, receive, send))
    assert seen == ["x", "x"]


def test_a_start_after_an_end_that_closed_no_tunnel_asks_everybody(tmp_path: Path, stack: FaceStack) -> None:
    door = Door(tmp_path, Hosts())
    door.keys.make_password()
    door.keys.tunnel(True)
    with TestClient(make(tmp_path, stack), base_url=HERE) as client:
        assert client.get("/access/me").status_code == 401
        after = client.app.state.door  # type: ignore[attr-defined]
        after.keys.tunnel(False)
    assert not Door(tmp_path, Hosts()).asks


def test_a_password_made_in_a_terminal_meanwhile_is_not_undone(tmp_path: Path) -> None:
    running, terminal = Keys(tmp_path), Keys(tmp_path)
    running.make_password()
    made = Keys(tmp_path).make_password()
    running.make_link("Ann", "viewer", 3600)
    assert Keys(tmp_path).is_password(made)
    assert [link.name for link in Keys(tmp_path).links()] == ["Ann"]
    assert terminal.has_password is False


@pytest.mark.parametrize("path", ["/likeness/healthz", "/healthz"])
def test_a_proxy_may_keep_the_path_it_shows_the_studio_under_or_take_it_off(
        tmp_path: Path, stack: FaceStack, path: str) -> None:
    app = make(tmp_path, stack, root_path="/likeness", allowed_hosts=("faces.example",))
    with TestClient(app, base_url=THERE) as client:
        assert client.get(path).json()["status"] == "ok"
        door: Door = app.state.door
        carried(client, door)
        page = client.get(path.replace("healthz", ""))
        assert page.status_code == 200
        assert 'href="/studio.css' not in page.text, "addresses count from the page's own"
        redirect = client.get("/likeness", follow_redirects=False)
        assert (redirect.status_code, redirect.headers["location"]) == (308, "/likeness/")
