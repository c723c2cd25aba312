"""What the server answers, and whom."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from models.interfaces import FaceStack
from pipeline.engine import Engine
from processors.registry import Registry
from studio.app import clear_left_behind, create_app
from studio.settings import Settings

HERE = {"host": "127.0.0.1:7860"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, stack: FaceStack) -> FastAPI:
    return create_app(Engine(registry=Registry(), faces=stack), Settings(data_dir=tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:7860") as running:
        yield running


def test_health_is_json(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


@pytest.mark.parametrize(("headers", "code"), [
    ({"host": "evil.example"}, "ACCESS.UNKNOWN_HOST"), ({"host": ""}, "ACCESS.UNKNOWN_HOST"),
    ({"host": "127.0.0.1.evil.example:7860"}, "ACCESS.UNKNOWN_HOST"), ({"host": "[::1"}, "ACCESS.UNKNOWN_HOST"),
    ({**HERE, "origin": "https://evil.example"}, "STUDIO.FOREIGN_REQUEST"),
    ({**HERE, "origin": "http://127.0.0.1:9999"}, "STUDIO.FOREIGN_REQUEST"),
    ({**HERE, "origin": "null"}, "STUDIO.FOREIGN_REQUEST"),
])
def test_requests_of_other_hosts_and_pages_are_refused(client: TestClient, headers: dict[str, str], code: str) -> None:
    for path in ("/", "/healthz", "/gradio_api/upload"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403, path
        assert answer.json()["code"] == code


def test_the_own_page_is_answered(client: TestClient) -> None:
    answer = client.get("/healthz", headers={**HERE, "origin": "http://127.0.0.1:7860"})
    assert answer.status_code == 200


def test_the_page_may_fetch_only_from_here(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", ["/monitoring", "/gradio_api/monitoring/summary", "/docs", "/openapi.json",
                                  "/media/nobody/aa/before", "/media/nobody/saved/x.jpg",
                                  "/media/nobody/saved/..%2F..%2Fetc%2Fpasswd"])
def test_what_is_not_offered_is_not_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (403, 404)


def test_no_handler_of_a_screen_is_offered_as_an_interface(client: TestClient) -> None:
    assert client.get("/gradio_api/info").json() == {"named_endpoints": {}, "unnamed_endpoints": {}}


def test_nothing_is_recorded_and_nothing_reported(client: TestClient) -> None:
    config = client.get("/config").json()
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert config["footer_links"] == []


def test_what_a_killed_server_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    dead, alive, other = (tmp_path / f"run-{ended.pid}-a", tmp_path / f"run-{os.getpid()}-b", tmp_path / "notes")
    for folder in (dead, alive, other):
        folder.mkdir()
    clear_left_behind(tmp_path)
    assert [folder.exists() for folder in (dead, alive, other)] == [False, True, True]


def test_a_server_that_ends_leaves_nothing_behind(tmp_path: Path, stack: FaceStack) -> None:
    app = create_app(Engine(registry=Registry(), faces=stack), Settings(data_dir=tmp_path))
    folder = next((tmp_path / "tabs").iterdir())
    assert (folder / "uploads").is_dir()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(live())
    assert not folder.exists()
