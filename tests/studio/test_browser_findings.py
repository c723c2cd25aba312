"""Findings in a real browser: opened from a job's card, gone through by key, mended, rendered again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from models.interfaces import FaceStack
from pipeline.engine import Engine
from pipeline.rendering.fixing import painting
from studio.machine import Machine
from studio.tabs import Tabs
from studio.work import Worker
from tests.studio.clips import do
from tests.studio.defects import finish, plant, prepare, quick
from tests.studio.serving import Studio, serve

pytestmark = [pytest.mark.usefixtures("no_complaints"), pytest.mark.long,
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]

LONG = 120_000


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, stack: FaceStack, planted_clip: Path) -> Iterator[Studio]:
    """With a job that was finished before it was started."""
    folder = tmp_path_factory.mktemp("data")
    clip = tmp_path_factory.mktemp("mine") / "holiday.mp4"
    clip.write_bytes(planted_clip.read_bytes())
    engine, machine = quick(Engine(faces=stack)), Machine(folder)
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with ThreadPoolExecutor(1) as executor:
            tabs = Tabs(engine, Worker(executor), folder / "tabs" / "run", machine)
            tabs.uploads.mkdir(parents=True)
            tab = tabs.open("maker")
            prepare(tab, clip)
            do(tab, do="render")
            finish(engine, machine, machine.jobs.list()[0].id)
            tabs.close_all()
            machine.close()
        with serve(folder, engine=engine) as running:
            yield running


def test_findings_are_looked_at_one_after_the_other_and_mended(studio: Studio) -> None:
    with studio.page() as page:
        page.click("#tab-clip")
        page.click("#jobs")
        card = page.locator(".job-card")
        expect(card.locator(".job-findings")).to_contain_text("2 findings")
        card.locator("[data-look-findings]").click()
        rows = page.locator(".finding")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("00:00.40")
        expect(rows.first).to_contain_text("The face is missing in 3 frames")
        stage = page.locator("#found-stage")
        expect(stage).to_have_attribute("data-frame", "11")
        expect(stage.locator("img")).to_have_count(10)
        page.wait_for_function("[...document.querySelectorAll('#found-stage img, .finding img')]"
                               ".every((one) => one.complete && one.naturalWidth)")
        page.keyboard.press("n")
        expect(rows.nth(1)).to_have_attribute("aria-pressed", "true")
        expect(stage).to_have_attribute("data-frame", re.compile("2[6-9]|3[01]"))
        frame = int(stage.get_attribute("data-frame") or 0)
        page.keyboard.press("ArrowRight")
        expect(stage).to_have_attribute("data-frame", str(frame + 1))
        page.keyboard.press("Shift+N")
        expect(stage).to_have_attribute("data-frame", "11")
        page.click("#ignore-finding")
        expect(rows.first).to_have_attribute("data-state", "ignored")
        page.keyboard.press("n")
        page.click("#fix-hold")
        expect(rows.nth(1)).to_have_attribute("data-state", "fixed")
        expect(page.locator("[data-fix=hold]")).to_contain_text("frames 26")
        expect(stage).to_be_hidden()
        page.click("[data-unfix]")
        expect(rows.nth(1)).to_have_attribute("data-state", "open")
        page.keyboard.press("Control+z")
        expect(rows.nth(1)).to_have_attribute("data-state", "fixed")
        page.click("#render-again")
        # A worker of its own makes none of the planted mistakes.
        expect(page.locator(".findings-top .file")).to_have_text("holiday-likeness-2.mp4", timeout=LONG)
        expect(page.locator("#parts-rendered")).to_be_visible()


def test_points_are_dragged_and_masks_are_painted_on_the_enlarged_face(studio: Studio) -> None:
    with studio.page() as page:
        page.click("#tab-clip")
        page.click("#jobs")
        page.locator("[data-look-findings]").last.click()
        expect(page.locator(".finding").first).to_be_visible()
        page.keyboard.press("Home")
        page.keyboard.press("m")
        expect(page.locator("#mend-first")).to_have_value("0")
        page.click("#fix-points")
        nose = page.locator("[data-point='30']")
        box = nose.bounding_box(timeout=LONG)
        square = page.locator(".points").bounding_box()
        assert box
        assert square
        page.click("#move-one")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + square["width"] / 10, y, steps=4)
        page.mouse.up()
        page.click("#points-apply")
        expect(page.locator("[data-fix=points]")).to_contain_text("frame 0")
        page.click("#fix-mask")
        canvas = page.locator("#paint-canvas").bounding_box(timeout=LONG)
        assert canvas
        page.mouse.move(canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2)
        page.mouse.down()
        page.mouse.move(canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] * 0.7, steps=4)
        page.mouse.up()
        page.click("#paint-apply")
        expect(page.locator("[data-fix=mask]")).to_contain_text("frame 0")
        [tab] = studio.tabs.all()
        moved, painted = tab.clip.recipe.fixes
    assert moved.fix == "points"
    assert list(moved.points) == [30]
    across, down = moved.points[30]
    assert across == pytest.approx(0.3, abs=0.03), "a tenth of three outer-eye distances"
    assert down == pytest.approx(0, abs=0.02)
    assert painted.fix == "mask"
    paint = painting(painted.png)
    assert paint.shape == (256, 256)
    assert paint[150, 128] < 20, "the original shows where the brush went"
    assert (paint[:, :60] == 128).all()
    assert (paint != 128).mean() < 1 / 6
