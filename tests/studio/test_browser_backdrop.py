"""In a browser: a backdrop chosen in an effect's card by file and by drop, and the switch for copying."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.door.making import write_clip
from tests.pipeline.test_backdrop import halves, png
from tests.processors.classical.test_keying import scene
from tests.studio.hands import another_result, drop, up_to_date
from tests.studio.serving import Studio

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_complaints")]


def test_a_backdrop_is_chosen_dropped_and_removed(studio: Studio, tmp_path: Path) -> None:
    target, behind = png(tmp_path / "in.png", scene(noise=0).pixels), png(tmp_path / "beach.png", halves())
    other = png(tmp_path / "dunes.png", halves()[:, ::-1])
    with studio.page() as page:
        drop(page, target, "#viewer")
        page.click("#add-effect")
        page.click("#add-keyer")
        up_to_date(page)
        page.click("#frame-behind-picture")
        expect(page.locator("[data-code='RECIPE.NO_BACKDROP']")).to_be_visible()
        page.click("#backdrop-frame")
        with another_result(page), page.expect_file_chooser() as chooser:
            page.click("#backdrop-file")
            chooser.value.set_files(str(behind))
        expect(page.locator(".backdrop-name")).to_have_text("beach.png")
        assert page.eval_on_selector(".chosen-backdrop img", "(image) => image.decode().then(() => image.naturalWidth)")
        expect(page.locator("[data-code='RECIPE.NO_BACKDROP']")).to_have_count(0)
        with another_result(page):
            drop(page, other, "[data-backdrop]")
        expect(page.locator(".backdrop-name")).to_have_text("dunes.png")
        page.click("#backdrop-frame-remove")
        expect(page.locator(".backdrop-name")).to_have_count(0)
        expect(page.locator("[data-code='RECIPE.NO_BACKDROP']")).to_be_visible()
        page.click("#undo")
        expect(page.locator(".backdrop-name")).to_have_text("dunes.png")
        expect(page.locator("[data-code='RECIPE.NO_BACKDROP']")).to_have_count(0)


def test_the_render_dialogue_says_what_is_copied_and_switches_it_off(studio: Studio, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", [scene(noise=0).pixels[:, :352]] * 30, gop=10, sound=False)
    with studio.page() as page:
        page.click("#tab-clip")
        drop(page, clip, "#frame")
        expect(page.locator("#add-effect")).to_be_visible()
        page.wait_for_function("Likeness.views.clip?.clip")
        page.evaluate("Likeness.ask({ do: 'split', frame: 10 })")
        page.wait_for_function("Likeness.views.clip.segments.length === 2")
        page.click("#add-effect")
        page.click("#add-keyer")
        page.click("#render")
        expect(page.locator("#estimate-copied")).to_have_text("20 frames are copied as they are")
        page.click("#output-options")
        page.click("label.toggle:has(#output-smart)")
        expect(page.locator("#estimate-copied")).to_have_count(0)
        expect(page.locator("#output-smart")).not_to_be_checked()
