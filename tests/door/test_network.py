"""The main job with the network cut off: nothing but loopback can be reached."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import read_bgr
from tests.door.conftest import WEBUI
from tests.door.offline import guarded, namespace

# 192.0.2.1 is an address for documentation (RFC 5737); no machine has it.
PROBE = """
import json, socket, urllib.request
def failure(call):
    try:
        call()
    except OSError as error:
        return type(error).__name__
    return "reached"
print(json.dumps([
    failure(lambda: socket.create_connection(("192.0.2.1", 80), timeout=2)),
    failure(lambda: socket.getaddrinfo("example.com", 80)),
]))
"""

# Runs inside the cut-off place: starts the studio, asks it for its pages, ends it.
STUDIO = """
import json, re, signal, subprocess, sys, urllib.request
process = subprocess.Popen([sys.executable, sys.argv[1], "serve", "--no-browser", "--data-dir", sys.argv[2]],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
line = process.stdout.readline()
address = re.search(r"http://[\\d.:]+", line)
answers = {}
if address:
    for page in ("/healthz", "/"):
        with urllib.request.urlopen(address[0] + page, timeout=30) as answer:
            answers[page] = [answer.status, answer.read().decode("utf-8", "replace")[:100000]]
process.send_signal(signal.SIGINT)
out, err = process.communicate(timeout=60)
print(json.dumps({"line": line, "answers": answers, "code": process.returncode, "err": err}))
"""

Offline = Callable[..., "subprocess.CompletedProcess[str]"]


def cut_off(way: str, folder: Path) -> Offline:
    """Runs Python with words, by one of the two ways."""
    words = namespace() if way == "namespace" else None
    env = None if words else guarded(folder)

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*(words or []), sys.executable, *map(str, arguments)], capture_output=True, text=True,
                              env=env, cwd=cwd, timeout=180, check=False, stdin=subprocess.DEVNULL)

    return run


@pytest.fixture
def offline(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """In a namespace of its own, or guarded where this machine lets nobody make one: never not at all."""
    return cut_off("namespace", tmp_path_factory.mktemp("guard"))


@pytest.mark.parametrize("way", ["namespace", "guard"])
def test_the_cut_is_a_real_one(way: str, tmp_path: Path) -> None:
    done = cut_off(way, tmp_path)("-c", PROBE)
    assert done.returncode == 0, done.stderr
    assert "reached" not in json.loads(done.stdout)


def test_a_face_is_swapped_without_a_network(offline: Offline, folder: Path) -> None:
    done = offline(WEBUI, "render", "--source", "astronaut.png", "--target", "hopper.jpg", "--output", "out.png",
                   cwd=folder)
    assert done.returncode == 0, done.stderr
    difference = (read_bgr(folder / "hopper.jpg") != read_bgr(folder / "out.png")).any(axis=2)
    assert 0.02 < difference.mean() < 0.4


def test_the_studio_opens_without_a_network_and_ends_quietly(offline: Offline, tmp_path: Path) -> None:
    done = offline("-c", STUDIO, WEBUI, tmp_path / "data")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["line"].startswith("Likeness is at http://127.0.0.1:"), told["err"]
    assert told["answers"]["/healthz"][0] == 200
    assert told["answers"]["/"][0] == 200
    assert told["code"] == 130
    assert "Traceback" not in told["err"]
