"""A studio that is ended while it renders, and the next one on the same data folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.studio.serving import serve
from tests.studio.test_browser_clip import LONG, open_clip, swap

pytestmark = [pytest.mark.long,
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]


def test_a_restart_of_the_studio_shows_the_same_cards_and_goes_on(clip: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    shutil.copy(clip, mine)
    folder = tmp_path / "data"
    with serve(folder) as first, first.page() as page:
        open_clip(page, mine)
        swap(page)
        page.click("#render")
        page.click("#render-start")
        expect(page.locator(".tray-job [data-wish=pause]")).to_be_visible(timeout=LONG)
        page.click(".tray-job [data-wish=pause]")
        expect(page.locator(".tray-job [data-wish=resume]")).to_be_visible(timeout=LONG)
        first.complaints.clear()
    with serve(folder) as second, second.page() as page:
        page.click("#jobs")
        card = page.locator(".job-card")
        expect(card).to_have_attribute("data-state", "interrupted", timeout=LONG)
        card.locator("[data-wish=go_on]").click()
        expect(card).to_have_attribute("data-state", "done", timeout=LONG)
    assert (tmp_path / "mine-likeness.mp4").is_file()
