"""Sharing in a real browser: a tunnel from the dialogue, a guest who works through it, an owner who ends it."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import ASTRONAUT, HOPPER
from tests.studio.hands import drop, up_to_date
from tests.studio.serving import Studio, serve
from tests.studio.test_browser_clip import LONG, frames_of
from tests.studio.tunnels.sshd import agent, sshd

pytestmark = [pytest.mark.long,  # two minutes of real Chromium; what each route lets through is in tests/studio/access
              pytest.mark.usefixtures("no_complaints"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]

STAND_IN = Path(__file__).parent / "tunnels" / "stand_in.py"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One of its own: others' pages would be asked for a password."""
    with serve(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(autouse=True)
def closed(studio: Studio) -> Iterator[None]:
    """Each test finds a studio that was started just now: no tunnel is open, and none was."""
    yield
    studio.app.state.sharing.keeper.close()
    studio.door.was_tunnelled = False


PROGRAM = f"{shlex.join([sys.executable, str(STAND_IN)])} {{port}}"


def open_tunnel(page: Page, kind: str = "cmd", text: str = PROGRAM) -> str:
    """By the dialogue; the link."""
    page.click("#share")
    page.check(f"#share-{kind}")
    page.fill("#share-text", text)
    page.click("#share-open")
    expect(page.locator("#share-state")).to_have_attribute("data-state", "open", timeout=LONG)
    return page.input_value("#share-link")


def invite(page: Page, name: str, role: str) -> str:
    page.fill("#guest-name", name)
    page.select_option("#guest-role", role)
    page.click("#guest-make")
    expect(page.locator("#guest-link")).to_be_visible()
    return page.input_value("#guest-link")


def close_tunnel(page: Page) -> None:
    if not page.locator("#share-dialogue").count():
        page.click("#share")
    page.click("#share-close")
    expect(page.locator("#share-open")).to_be_visible(timeout=LONG)


@pytest.fixture(params=["cmd", "ssh"])
def tunnel(request: pytest.FixtureRequest, tmp_path: Path,
           monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """How to share: by a program that stands in for those that there are, and by a real ssh to a real server."""
    if request.param == "cmd":
        yield "cmd", PROGRAM
        return
    with sshd(tmp_path) as server, agent(tmp_path, server.key) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield "ssh", f"{server.who}:{server.port}"


def test_an_editor_uploads_previews_renders_plays_and_seeks_through_the_tunnel(
        studio: Studio, clip: Path, tmp_path: Path, tunnel: tuple[str, str]) -> None:
    with studio.page() as owner:
        expect(owner.locator("#share")).to_be_visible()
        first = not studio.door.keys.has_password
        before = len(studio.tabs.machine.jobs.list())
        link = open_tunnel(owner, *tunnel)
        if first:
            assert studio.door.keys.is_password(owner.input_value("#share-password"))
        expect(owner.locator(".share-link .qr")).to_be_visible()
        assert owner.eval_on_selector(".share-link .qr", "image => image.naturalWidth") > 50
        guest_link = invite(owner, "Ann", "editor")
        assert guest_link.startswith(f"{link}#guest=")
        with studio.page(address=guest_link) as guest:
            expect(guest.locator("#visitor")).to_contain_text("Ann")
            assert "guest=" not in guest.url, "the token is not left in the address"
            expect(guest.locator("#share")).to_have_count(0)
            expect(guest.locator(".chip.offline")).to_have_count(0)
            expect(guest.locator("#open-path")).to_have_count(0)
            expect(owner.locator("#share-connected")).to_contain_text("Ann", timeout=LONG)
            drop(guest, clip, "#viewer")
            expect(guest.locator(".person")).to_have_count(3, timeout=LONG)
            guest.click("#person-2")
            guest.get_by_role("menuitemradio", name="Blur").click()
            guest.wait_for_function("document.querySelector('#clip-board').dataset.after", timeout=LONG)
            guest.keyboard.press("Control+Enter")
            expect(guest.locator("#render-path")).to_have_count(0)
            guest.click("#render-start")
            expect(guest.locator("#jobs")).to_be_visible(timeout=LONG)
            guest.click("#jobs")
            expect(guest.locator(".job-card")).to_have_count(before + 1, timeout=LONG)
            card = guest.locator(".job-card").first
            expect(card).to_have_attribute("data-state", "done", timeout=LONG)
            assert "/" not in card.locator(".job-path code").inner_text(), "no path of the machine is told"
            with guest.expect_download() as waiting:
                card.locator("[data-download]").click()
            waiting.value.save_as(tmp_path / "got.mp4")
            card.locator("[data-play]").click()
            guest.wait_for_selector("#result-video", timeout=LONG)
            guest.wait_for_function("document.querySelector('#result-video').readyState >= 2")
            guest.evaluate("document.querySelector('#result-video').currentTime = 0.9")
            guest.wait_for_function("Math.abs(document.querySelector('#result-video').currentTime - 0.9) < 0.1 "
                                    "&& !document.querySelector('#result-video').seeking")
            # What is done here is seen there, and ends there.
            owner.keyboard.press("Escape")
            owner.click("#jobs")
            expect(owner.locator(".job-card").first).to_have_attribute("data-state", "done", timeout=LONG)
            owner.keyboard.press("Escape")
            owner.click("#share")
            owner.locator("[data-end]").click()
            expect(owner.locator("#share-links li")).to_have_count(0)
            studio.complaints.clear()  # what was asked for meanwhile was refused, as it should be
            guest.reload()
            expect(guest.locator("#password")).to_be_visible(timeout=LONG)
        close_tunnel(owner)
    assert len(frames_of(tmp_path / "got.mp4")) == len(frames_of(clip))
    studio.complaints.clear()  # the browser complains of 401


def test_a_viewer_sees_results_and_nothing_to_set(studio: Studio) -> None:
    """After the test above there are results."""
    with studio.page() as owner:
        open_tunnel(owner)
        guest_link = invite(owner, "Bob", "viewer")
        with studio.page(address=guest_link) as guest:
            expect(guest.locator("#visitor")).to_contain_text("Bob")
            expect(guest.locator(".empty h1").first).to_have_text("Results appear here")
            for gone in ("#people", "#chain", "#save", "#open-file", "#share"):
                expect(guest.locator(gone)).to_be_hidden()
            guest.click("#jobs")
            expect(guest.locator(".job-card [data-wish], .job-card [data-again]")).to_have_count(0)
            card = guest.locator(".job-card").first
            expect(card.locator("[data-download]")).to_be_visible()
            card.locator("[data-play]").click()
            guest.wait_for_function("document.querySelector('#result-video')?.readyState >= 2", timeout=LONG)
            expect(guest.locator("#original-video")).to_have_count(0)
        close_tunnel(owner)
    studio.complaints.clear()


def test_the_owner_comes_in_by_the_password_from_elsewhere_and_nobody_else(studio: Studio) -> None:
    with studio.page() as owner:
        link = open_tunnel(owner)
        owner.click("summary:has-text('Password')")
        owner.click("#new-password")
        expect(owner.locator("#share-password")).to_be_visible(timeout=LONG)
        password = owner.input_value("#share-password")
        with studio.page(address=link, ready="#password") as other:
            other.fill("#password", "not the password")
            other.click("#go")
            expect(other.locator("#refused")).to_contain_text("not the password")
            other.fill("#password", password)
            other.click("#go")
            expect(other.locator("#state")).to_be_visible(timeout=LONG)
            drop(other, HOPPER, "#viewer")
            expect(other.locator(".person")).to_have_count(1, timeout=LONG)
        expect(owner.locator("#state")).to_be_visible()
        close_tunnel(owner)
    studio.complaints.clear()


def test_an_owner_and_an_editor_work_at_once_and_neither_disturbs_the_other(studio: Studio, clip: Path) -> None:
    """Each has their own picture; a guest who takes nothing off the wire does not hold the owner up."""
    with studio.page() as owner:
        open_tunnel(owner)
        guest_link = invite(owner, "Ann", "editor")
        owner.keyboard.press("Escape")
        with studio.page(address=guest_link) as guest:
            drop(guest, ASTRONAUT, "#viewer")
            expect(guest.locator(".person")).to_have_count(1, timeout=LONG)
            owner.click("#try-example")
            guest.click("#person-1")
            guest.get_by_role("menuitemradio", name="Blur").click()
            up_to_date(owner)
            up_to_date(guest)
            assert guest.locator(".facts .file").inner_text() == ASTRONAUT.name
            assert owner.locator(".facts .file").inner_text() != ASTRONAUT.name
            guest.keyboard.press("Control+z")
            expect(owner.locator("#undo")).to_be_enabled()
            # Renders stand in one line, and both see both.
            before = len(studio.tabs.machine.jobs.list())
            for page in (owner, guest):
                drop(page, clip, "#viewer")
                expect(page.locator(".person")).to_have_count(3, timeout=LONG)
                page.click("#person-others")
                page.click("#choose-pixelate")
                page.click("#render:enabled", timeout=LONG)
                page.click("#render-start")
            for page in (owner, guest):
                page.click("#jobs", timeout=LONG)
                expect(page.locator(".job-card")).to_have_count(before + 2, timeout=LONG)
            for page in (owner, guest):
                expect(page.locator(".job-card[data-state='done']")).to_have_count(before + 2, timeout=LONG)
            first, second = studio.tabs.machine.jobs.list()[-2:]
            assert first.finished is not None
            assert second.started is not None
            assert second.started >= first.finished, "one after the other"
        close_tunnel(owner)
    studio.complaints.clear()


def test_a_slow_guest_does_not_hold_up_the_owner_s_preview(studio: Studio) -> None:
    """Sixty answers that nobody takes off the wire and twenty uploads that stand still: none of them has a thread, nor
    the device."""
    with studio.page() as owner:
        open_tunnel(owner)
        guest_link = invite(owner, "Ann", "editor")
        owner.keyboard.press("Escape")
        place = urlsplit(studio.address)
        with studio.page(address=guest_link) as guest, contextlib.ExitStack() as held:
            cookies = "; ".join(f"{one['name']}={one['value']}" for one in guest.context.cookies())
            head = f"Host: {place.netloc}\r\nOrigin: {studio.address}\r\nCookie: {cookies}\r\n"
            tab = guest.evaluate("Likeness.views.bar.tab")
            for number in range(80):
                one = held.enter_context(socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.connect((place.hostname or "", place.port or 0))
                one.sendall((f"GET /studio.js?{number} HTTP/1.1\r\n{head}\r\n" if number < 60 else
                             f"PUT /upload/{tab}?name=a.mp4 HTTP/1.1\r\n{head}"
                             "Content-Length: 1000000\r\n\r\nslow").encode())
            drop(owner, ASTRONAUT, "#viewer")
            expect(owner.locator(".person")).to_have_count(1, timeout=LONG)
            owner.click("#person-1")
            owner.get_by_role("menuitemradio", name="Blur").click()
            up_to_date(owner)
            expect(guest.locator("#state")).to_be_visible()
            assert len(list(studio.tabs.uploads.glob("*/upload.mp4"))) >= 20, "they stood still all the while"
        close_tunnel(owner)
    studio.complaints.clear()


def test_the_dialogue_fits_on_a_phone_and_every_control_has_a_name(studio: Studio) -> None:
    with studio.page(width=390, height=844) as page:
        page.click("#share")
        expect(page.locator("#share-open")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.eval_on_selector("#share-dialogue", "e => e.scrollWidth <= e.clientWidth + 1")
        nameless = page.evaluate("""() => [...document.querySelectorAll(
            '#share-dialogue :is(button, a, input, select)')]
            .filter((e) => e.offsetParent && !(e.textContent.trim() || e.getAttribute('aria-label') || e.title
                                               || e.labels?.length)).length""")
        assert nameless == 0


def test_a_program_that_is_not_there_is_named_in_the_dialogue(studio: Studio) -> None:
    with studio.page() as page:
        page.click("#share")
        page.check("#share-cmd")
        page.fill("#share-text", "no-such-program --port {port}")
        page.click("#share-open")
        notice = page.locator("#share-dialogue .notice[data-code='SHARE.NO_PROGRAM']")
        expect(notice).to_contain_text("no-such-program", timeout=LONG)
        expect(notice.locator(".remedy")).not_to_be_empty()


def test_settings_say_where_they_came_from(studio: Studio) -> None:
    with studio.page() as page:
        page.click("#tab-system")
        row = page.locator("#settings [data-setting='listen']")
        expect(row).to_contain_text("127.0.0.1", timeout=LONG)
        expect(row).to_have_attribute("data-origin", "default")
