"""The cpu image, built without a Docker engine and run as compose.yaml runs it: another user, a read-only root file
system, one volume, a secret. A browser goes through its door: upload, render, download; and it is
stopped in the middle.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.studio.clips import small_clip
from tests.studio.hands import drop
from tests.studio.serving import chromium

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PORT, UID = 7861, 10001
PASSWORD = "a password for this test alone"
LONG = 180_000


@dataclass
class Image:
    root: Path
    bytes: int


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    missing = [name for name in ("buildah", "debootstrap", "unshare") if shutil.which(name) is None]
    if os.getuid() != 0 or missing:
        pytest.skip("building an image needs root, buildah and debootstrap"
                    + (f" ({', '.join(missing)} missing)" if missing else ""))
    if shutil.disk_usage("/var/tmp").free < 10 << 30:
        pytest.skip("building an image needs 10 GB in /var/tmp")
    work = Path("/var/tmp") / f"likeness-image-{os.getpid()}"
    try:
        done = subprocess.run([str(ROOT / "docker" / "build-without-engine.sh"), str(work)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=1400)
        assert done.returncode == 0, done.stdout[-4000:]
        told = dict(re.findall(r"^(IMAGE_\w+) (.+)$", done.stdout, flags=re.M))
        yield Image(Path(told["IMAGE_ROOT"]), int(told["IMAGE_BYTES"]))
    finally:
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{work}/"):
                subprocess.run(["umount", line.split()[1]], check=False)
        shutil.rmtree(work)


@contextmanager
def container(image: Image, volume: Path, secret: Path) -> Iterator[subprocess.Popen[bytes]]:
    """In a mount namespace of its own. The environment is the image's."""
    text = (ROOT / "docker" / "Dockerfile").read_text()
    block = re.search(r"^ENV PATH=.*?(?<!\\)$", text, flags=re.M | re.S)
    assert block is not None
    variables = dict(re.findall(r"([A-Z_]+)=(\S+)", block[0].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")))
    variables |= {"LIKENESS_PORT": str(PORT), "LIKENESS_PASSWORD_FILE": "/run/secrets/password"}
    given = " ".join(f"{name}={value}" for name, value in variables.items())
    root = image.root
    script = f"""set -e
mount --bind {root} {root}
mount --bind {volume} {root}/data
mkdir -p {root}/run/secrets && mount -t tmpfs tmpfs {root}/run/secrets
install -m 0444 {secret} {root}/run/secrets/password
mount -t proc proc {root}/proc
mount --rbind /dev {root}/dev
mount -o remount,ro,bind {root}
cd / && exec chroot --userspec={UID}:{UID} {root} /usr/bin/env -i {given} \\
    sh -c 'cd /app && exec python3 /app/webui.py serve --no-browser'
"""
    process = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "bash", "-c", script])
    try:
        _ready()
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _ready() -> None:
    end = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=5).read()
            return
        except OSError:
            assert time.monotonic() < end, "the container does not answer"
            time.sleep(0.3)


@contextmanager
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[
            "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
        page = browser.new_page(accept_downloads=True)
        page.set_default_timeout(60_000)
        page.goto(f"http://127.0.0.1:{PORT}/")
        page.fill("#password", PASSWORD)
        page.click("#go")
        expect(page.locator("#state")).to_be_visible(timeout=60_000)
        yield page
        browser.close()


def begin_render(page: Page, clip: Path) -> None:
    drop(page, clip, "#viewer")
    expect(page.locator(".person")).not_to_have_count(1, timeout=LONG)
    page.click("#person-others")
    page.click("#choose-pixelate")
    page.click("#render:enabled", timeout=LONG)
    page.click("#render-start")


def test_an_image_is_small_runs_as_nobody_renders_stops_in_time_and_goes_on(
        image: Image, tmp_path_factory: pytest.TempPathFactory) -> None:
    if chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    folder = Path("/var/tmp") / f"likeness-volume-{os.getpid()}"
    folder.mkdir()
    os.chown(folder, UID, UID)
    secret = folder.with_suffix(".secret")
    secret.write_text(PASSWORD + "\n")
    clip = small_clip(tmp_path_factory.mktemp("clips"))
    try:
        assert image.bytes < 2 << 30
        with container(image, folder, secret) as running, browser_page() as page:
            status = Path(f"/proc/{running.pid}/status").read_text()
            assert f"Uid:\t{UID}\t{UID}" in status
            begin_render(page, clip)
            page.click("#jobs")
            card = page.locator(".job-card")
            expect(card).to_have_attribute("data-state", "done", timeout=LONG)
            with page.expect_download() as waiting:
                card.locator("[data-download]").click()
            assert Path(waiting.value.path()).stat().st_size > 1000
            page.keyboard.press("Escape")
            page.locator("#person-others").click()
            page.click("#choose-solid")
            page.click("#render:enabled", timeout=LONG)
            page.click("#render-start")
            expect(page.locator(".tray-job")).to_have_attribute("data-state", "running", timeout=LONG)
            began = time.monotonic()
            os.kill(running.pid, signal.SIGTERM)
            running.wait(30)
            assert time.monotonic() - began < 10
        owners = {path.stat().st_uid for path in folder.rglob("*")}
        assert owners == {UID}
        with container(image, folder, secret), browser_page() as page:
            page.click("#jobs")
            cards = page.locator(".job-card")
            expect(cards).to_have_count(2)
            for number in range(2):
                expect(cards.nth(number)).to_have_attribute("data-state", "done", timeout=LONG)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        secret.unlink(missing_ok=True)
