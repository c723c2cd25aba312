"""Lanes of people in a real browser: who is where is seen, and said better."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline.analysis.store import Analyses
from pipeline.engine import Engine
from tests.studio.crowd import crowd_clip, crowd_stack
from tests.studio.serving import Studio, serve

pytestmark = [pytest.mark.usefixtures("no_complaints"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """With a place for analyses, and people who are quickly told apart."""
    folder = tmp_path_factory.mktemp("data")
    engine = Engine(faces=crowd_stack(), analyses=Analyses(folder / "analyses"))
    with serve(folder, engine=engine) as running:
        yield running


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two, and then another."""
    return crowd_clip(tmp_path_factory.mktemp("crowd") / "crowd.mp4",
                      [(30, [(0, 46), (3, 146)]), (30, [(1, 96)])])


def whole(page: Page, rows: int) -> None:
    """The clip was gone through, and so many lanes are there."""
    page.wait_for_function("Likeness.views.clip.survey?.state === 'whole'")
    expect(page.locator(".lane-row")).to_have_count(rows)


@pytest.mark.long  # a browser, and what six actions lead to
def test_two_lanes_become_one_and_two_again(studio: Studio, crowd: Path) -> None:
    with studio.page() as page:
        page.click("#tab-clip")
        page.click("#open-clip")
        page.fill("#path-input", str(crowd))
        page.keyboard.press("Enter")
        whole(page, 3)
        expect(page.locator("#survey")).to_be_hidden()
        expect(page.locator("[data-lane='2'] .lane-span")).to_have_count(1)
        expect(page.locator("#person-2 .seen")).to_have_text("0:01")
        # A click on a span goes there, and shows who it is.
        page.locator("[data-lane='3'] .lane-span").click()
        expect(page.locator("#clip-frame")).to_have_text(re.compile(r"frame 4[3-6]"))
        expect(page.locator("[data-person='3']")).to_have_class("person use-keep selected")
        expect(page.locator("#clip-face-3")).to_be_visible()
        # The same person: one lane with both, and back.
        page.click("#lane-label-3")
        page.click("#choose-who")
        page.click("#who-same")
        page.click("#who-2")
        expect(page.locator(".lane-row")).to_have_count(2)
        expect(page.locator("#person-3")).to_have_count(0)
        expect(page.locator("[data-lane='2'] .lane-span")).to_have_attribute("style", "left: 0%; width: 100%;")
        expect(page.locator("#clip-face-2")).to_be_visible()
        page.keyboard.press("Control+z")
        whole(page, 3)
        # A name is shown wherever the person is.
        page.click("#person-2")
        page.click("#choose-who")
        page.click("#who-name")
        page.fill("#who-input", "Grace")
        page.keyboard.press("Enter")
        expect(page.locator("#person-2 .name")).to_have_text("Grace")
        expect(page.locator("#lane-label-2")).to_have_text("Grace")
        expect(page.locator(".menu")).to_have_count(0)
        # Not her, from the number on the picture.
        page.locator("[data-lane='2'] .lane-span").click()
        expect(page.locator("#clip-face-2")).to_be_visible()
        page.click("#clip-face-2 .number")
        page.click("#choose-who")
        page.click("#who-not")
        expect(page.locator("[data-lane='0'] .lane-span")).to_have_count(1)
        expect(page.locator("[data-lane='2'] .lane-span")).to_have_count(0)
        expect(page.locator(".face-chip.nobody")).to_be_visible()
        page.keyboard.press("Control+z")
        whole(page, 3)
        expect(page.locator("#clip-face-2")).to_be_visible()
