"""The studio on a home network: plain http under a name of its own, which is no secure page to browsers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.studio.serving import Studio, serve

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with serve(tmp_path_factory.mktemp("data"), "--host-resolver-rules=MAP faces.example 127.0.0.1",
               allowed_hosts=("faces.example",)) as running:
        yield running


def test_a_page_that_is_not_secure_says_so_where_it_matters_and_what_to_do(studio: Studio) -> None:
    """As on the home network: plain http, under a name that is not this machine's own."""
    password = studio.door.keys.make_password()
    address = studio.address.replace("127.0.0.1", "faces.example")
    with studio.page(address=address, ready="#password") as page:
        assert not page.evaluate("isSecureContext")
        page.fill("#password", password)
        page.click("#go")
        expect(page.locator("#viewer .empty")).to_contain_text("goes to the machine that the studio runs on")
        expect(page.locator(".chip.offline")).to_have_count(0)
        page.get_by_role("button", name="Webcam snapshot").click()
        expect(page.locator("dialog")).to_contain_text("by https or from this machine itself")
        page.keyboard.press("Escape")
        page.click("#share")
        page.fill("#guest-name", "Ann")
        page.click("#guest-make")
        link = page.input_value("#guest-link")
        assert link.startswith(f"{address}/#guest=")
        # The browser has no clipboard for this page: the old way is tried, and where that fails too it is said.
        page.evaluate("document.execCommand = () => false")
        page.click("[data-key='guest-link-copy']")
        expect(page.locator("[data-key='guest-link-copy']")).to_have_attribute(
            "title", "Without https the browser lets no page write to the clipboard: it is selected, press Ctrl+C.")
        assert page.evaluate("getSelection().toString() || document.activeElement.value") == link
