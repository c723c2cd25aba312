"""The studio in a real browser: what a person does, and what is then in the file.

With LIKENESS_PICTURES=1 the pictures that README shows are taken anew.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import ASTRONAUT, HOPPER, SIX_PEOPLE
from tests.studio.hands import TRANSFER, another_result, drop, example, part, saved, shown, slide, take, up_to_date
from tests.studio.serving import PATIENCE, Studio

pytestmark = [pytest.mark.usefixtures("no_complaints"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]

# Grace Hopper's face and her medals in the example picture, as (x0, y0, x1, y1).
FACE = (200, 210, 330, 330)
MEDALS = (320, 490, 460, 560)


@pytest.mark.parametrize(("locale", "words"), [
    ("en-GB", {"people": "People in this picture", "person": "Person 1", "save": "Save JPEG",
               "swap": "Classical swap"}),
    pytest.param("zh-CN", {"people": "图中人物", "person": "人物 1", "save": "保存 JPEG", "swap": "经典换脸"},
                 marks=pytest.mark.long),
])
def test_the_main_job_from_drop_to_saved_file(studio: Studio, tmp_path: Path, locale: str, words: dict[str, str],
                                              ) -> None:
    """Drop a picture, drop a face, say that its use is permitted, slide, compare, save; then look into the file."""
    with studio.page(locale=locale) as page:
        if locale == "en-GB":
            take(page, "empty")
        drop(page, HOPPER, "#viewer")
        expect(page.locator("#person-1")).to_contain_text(words["person"], timeout=PATIENCE)
        expect(page.locator("#people h2").first).to_contain_text(words["people"])
        expect(page.locator("#save")).to_be_disabled()
        drop(page, ASTRONAUT, "#people")
        expect(page.locator(".photo img")).to_be_visible()
        page.click("[data-consent]")
        up_to_date(page)
        first = shown(page)
        with another_result(page):
            slide(page, "#swapper-strength", 0.5)
        half = shown(page)
        with another_result(page):
            slide(page, "#swapper-strength", 1)
        expect(page.locator("[data-effect=swapper] .title")).to_have_text(words["swap"])
        line = page.locator("#compare")
        line.focus()
        page.keyboard.press("Home")
        expect(line).to_have_attribute("aria-valuenow", "0")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        expect(line).to_have_attribute("aria-valuenow", "98")
        board = page.locator("#board").bounding_box()
        knob = page.locator("#compare .knob").bounding_box()
        assert board
        assert knob
        page.mouse.move(knob["x"] + 17, knob["y"] + 17)
        page.mouse.down()
        page.mouse.move(board["x"] + board["width"] * 0.5, knob["y"] + 17, steps=4)
        page.mouse.up()
        assert int(line.get_attribute("aria-valuenow") or 0) == pytest.approx(50, abs=1)
        take(page, f"studio-{locale[:2]}")
        expect(page.locator("#save")).to_contain_text(words["save"])
        path = saved(page, tmp_path)
        expect(page.locator(".notice.good")).to_contain_text("grace_hopper-likeness.jpg")
    before = np.asarray(Image.open(HOPPER).convert("RGB")).astype(int)
    after = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert path.name == "grace_hopper-likeness.jpg"
    assert after.shape == before.shape
    changed = np.abs(after - before).mean(axis=2)
    assert part(changed, FACE).mean() > 5, "the face is another one"
    assert part(changed, MEDALS).max() <= 2, "what is not the face is as it was"
    assert np.abs(after - first).mean() < 1.5, "the file is what the screen showed, but for two ways of JPEG"
    assert part(np.abs(half - before), FACE).mean() < part(np.abs(first - before), FACE).mean()
    assert b"DigitalSourceType" in path.read_bytes(), "the file says what was done to it"


def test_the_example_is_one_click_and_space_shows_the_original_as_long_as_it_is_held(studio: Studio) -> None:
    with studio.page() as page:
        assert page.title() == "Likeness"
        assert page.locator("footer:visible").count() == 0
        assert "gradio" not in page.locator("body").inner_text().lower()
        expect(page.locator(".credit")).to_contain_text("NASA, public domain")
        expect(page.locator(".credit")).to_contain_text("US Navy, public domain")
        example(page)
        expect(page.locator("#person-1")).to_contain_text("Eileen Collins")
        expect(page.locator(".permitted")).to_be_visible()
        page.click("#preset-natural")
        page.keyboard.down("Space")
        expect(page.locator("#board")).to_have_class(re.compile("original"))
        assert "100%" in page.eval_on_selector(".board .after", "image => image.style.clipPath")
        page.keyboard.up("Space")
        expect(page.locator("#board")).not_to_have_class(re.compile("original"))


@pytest.mark.long
def test_undo_and_redo_walk_through_what_was_done(studio: Studio) -> None:
    with studio.page() as page:
        example(page)
        natural = shown(page)
        with another_result(page):
            page.click("[data-mute=enhancer]")
        expect(page.locator("[data-effect=enhancer]")).to_have_class(re.compile("muted"))
        with another_result(page):
            page.click("#preset-fast")
        expect(page.locator(".effect")).to_have_count(3)
        with another_result(page):
            page.keyboard.press("Control+z")
        with another_result(page):
            page.keyboard.press("Control+z")
        expect(page.locator("#preset-natural")).to_have_attribute("aria-pressed", "true")
        assert np.array_equal(shown(page), natural)
        page.keyboard.press("Control+y")
        expect(page.locator("[data-effect=enhancer]")).to_have_class(re.compile("muted"))
        page.click("#redo")
        expect(page.locator(".effect")).to_have_count(3)


@pytest.mark.long
def test_the_chain_can_be_rebuilt_by_hand(studio: Studio) -> None:
    """Add, duplicate, move by menu and by dragging, remove, reset, and the controls behind one click."""
    def ids() -> list[str]:
        return [one.get_attribute("data-effect") or "" for one in page.locator(".effect").all()]

    def more(effect: str, what: str) -> None:
        page.click(f"[data-more='{effect}']")
        page.click(f"#effect-{what}")

    with studio.page(height=1600) as page:
        page.click("#add-effect")
        page.click("#add-ellipse")
        expect(page.locator(".effect")).to_have_count(6)
        assert ids() == ["swapper", "enhancer", "mask", "mask.2", "mask.3", "blender"]
        more("enhancer", "duplicate")
        expect(page.locator(".effect")).to_have_count(7)
        more("enhancer.2", "down")
        expect(page.locator(".effect").nth(3)).to_have_attribute("data-effect", "enhancer.2")
        more("mask.3", "remove")
        expect(page.locator(".effect")).to_have_count(6)
        page.locator("[data-effect='enhancer.2'] .grip").drag_to(page.locator("[data-effect=swapper]"),
                                                                 target_position={"x": 40, "y": 4})
        expect(page.locator(".effect").first).to_have_attribute("data-effect", "enhancer.2")
        expect(page.locator("#blender-levels")).to_have_count(0)
        page.click("[data-key=expert-blender]")
        expect(page.locator("#blender-levels")).to_be_visible()
        slide(page, "#enhancer-sharpen", 0.4)
        expect(page.locator(".preset-help")).to_contain_text("Your own chain")
        more("enhancer", "reset")
        expect(page.locator("#enhancer-sharpen")).to_have_value("0")


@pytest.mark.long
def test_every_person_is_chosen_for_by_number(studio: Studio, tmp_path: Path) -> None:
    """One person gets a source, one is blurred, the others are kept; nobody is changed unasked."""
    with studio.page() as page:
        drop(page, SIX_PEOPLE, "#viewer")
        expect(page.locator(".person")).to_have_count(6, timeout=PATIENCE)
        drop(page, ASTRONAUT, "#people")
        page.click("[data-consent]")
        expect(page.locator(".permitted")).to_be_visible()
        expect(page.locator("#state")).to_have_text("Nothing is changed yet")
        page.click("#face-6 .number")
        with another_result(page):
            page.get_by_role("menuitemradio", name="astronaut").click()
        page.keyboard.press("2")
        with another_result(page):
            page.click("#choose-pixelate")
        expect(page.locator("#person-2")).to_contain_text("Pixelate")
        boxes = {number: page.eval_on_selector(f"#face-{number}", "b => [b.style.left, b.style.top, b.style.width,"
                                               " b.style.height].map(parseFloat)") for number in range(1, 7)}
        path = saved(page, tmp_path)
    before = np.asarray(Image.open(SIX_PEOPLE).convert("RGB")).astype(int)
    after = np.asarray(Image.open(path).convert("RGB")).astype(int)
    height, width = before.shape[:2]
    for number, (x, y, w, h) in boxes.items():
        face = (int(x * width / 100), int(y * height / 100), int((x + w) * width / 100), int((y + h) * height / 100))
        difference = np.abs(part(after, face) - part(before, face)).mean()
        assert (difference > 4) == (number in (2, 6)), f"person {number}: {difference:.1f}"
    assert path.name == "anonymised.jpg", "the file's own name may name the person"


def test_two_tabs_do_not_disturb_each_other(studio: Studio) -> None:
    with studio.page() as first, studio.page(locale="zh-CN") as second:
        first.click("#try-example")
        second.click("#try-example")
        up_to_date(first)
        up_to_date(second)
        mine = shown(first)
        with another_result(second):
            second.click("#preset-fast")
        expect(second.locator(".effect")).to_have_count(3)
        expect(first.locator(".effect")).to_have_count(5)
        assert np.array_equal(shown(first), mine)
        assert not np.array_equal(shown(second), mine)
        assert len(studio.tabs) >= 2
        stolen = first.eval_on_selector(".board .after", "image => image.src")
        assert second.request.get(re.sub(r"/media/[^/]+/", "/media/somebody/", stolen)).status == 404


def test_a_closed_tab_lets_go_of_its_pictures(studio: Studio) -> None:
    with studio.page() as watching:
        with studio.page() as page:
            example(page)
            picture = page.eval_on_selector(".board .after", "image => image.src")
            assert watching.request.get(picture).status == 200
        for _ in range(200):
            if watching.request.get(picture).status == 404:
                break
            watching.evaluate("new Promise((done) => setTimeout(done, 100))")
        assert watching.request.get(picture).status == 404


BAD_FILES = [
    (b"", "MEDIA.EMPTY"), (b"not a picture <img src=x onerror=alert(1)>", "MEDIA.UNKNOWN_FORMAT"),
    (HOPPER.read_bytes()[:9000], "MEDIA.TRUNCATED"),
]


def test_a_bad_file_is_said_in_words_with_the_remedy(studio: Studio, tmp_path: Path) -> None:
    name = "<b onmouseover=alert(1)>x.jpg"
    bad = tmp_path / "bad.jpg"
    with studio.page() as page:
        notice = page.locator("#viewer .notice")
        for content, code in BAD_FILES:
            bad.write_bytes(content)
            drop(page, bad, "#viewer", name)
            expect(notice).to_have_attribute("data-code", code)
            expect(notice).to_contain_text(name)
            expect(notice.locator(".remedy")).not_to_be_empty()
            assert page.locator(".notice b").count() == 0, "a file's name never becomes markup"
        page.click("#language-zh-CN")
        expect(notice.locator(".remedy")).to_contain_text(re.compile("[\u4e00-\u9fff]"))
        notice.get_by_role("button").click()
        expect(notice).to_have_count(0)
        example(page)


def test_a_source_without_a_face_is_refused_and_nothing_is_lost(studio: Studio, tmp_path: Path) -> None:
    plain = tmp_path / "wall.png"
    Image.new("RGB", (400, 300), (120, 130, 140)).save(plain)
    with studio.page() as page:
        example(page)
        drop(page, plain, "#people")
        expect(page.locator("#people .notice")).to_have_attribute("data-code", "INPUT.NO_FACE", timeout=PATIENCE)
        expect(page.locator("#people .notice")).to_contain_text("wall.png")
        expect(page.locator(".source")).to_have_count(1)
        up_to_date(page)


def test_a_picture_on_this_machine_is_opened_by_its_path(studio: Studio, tmp_path: Path) -> None:
    with studio.page() as page:
        page.click("#open-path")
        page.fill("#path-input", str(HOPPER.parent / "nothing.jpg"))
        page.click("#path-open")
        expect(page.locator("#viewer .notice")).to_have_attribute("data-code", "INPUT.MISSING")
        expect(page.locator("#viewer .notice")).to_contain_text(str(HOPPER.parent / "nothing.jpg"))
        page.click("#open-path")
        page.fill("#path-input", f'"{HOPPER}"')
        page.keyboard.press("Enter")
        expect(page.locator("#person-1")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#viewer .notice")).to_have_count(0)
        chinese = tmp_path / "我 的 照片" / "100% 人物.jpg"
        chinese.parent.mkdir()
        chinese.write_bytes(HOPPER.read_bytes())
        page.click("#open-another")
        page.click("#way-path")
        page.fill("#path-input", chinese.as_uri())
        page.keyboard.press("Enter")
        expect(page.locator(".file")).to_have_text(chinese.name, timeout=PATIENCE)


@pytest.mark.long
def test_a_picture_can_be_pasted_and_taken_with_the_webcam(studio: Studio) -> None:
    with studio.page(permissions=["camera"]) as page:
        copied = page.evaluate_handle(TRANSFER, [base64.b64encode(HOPPER.read_bytes()).decode(), "pasted.jpg",
                                                 "image/jpeg"])
        page.evaluate("data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", copied)
        expect(page.locator(".file")).to_have_text("pasted.jpg", timeout=PATIENCE)
        page.click("#open-another")
        page.click("#way-webcam")
        page.click("#webcam-shoot:enabled")
        expect(page.locator(".file")).to_have_text("webcam.png", timeout=PATIENCE)
        expect(page.locator("#people .remark")).to_contain_text("No face was found", timeout=PATIENCE)


@pytest.mark.long
def test_a_recipe_is_saved_and_taken_up_again(studio: Studio, tmp_path: Path) -> None:
    with studio.page() as page:
        example(page)
        with another_result(page):
            slide(page, "#swapper-shape", 0.3)
        page.click("#save-options")
        with page.expect_download() as waiting:
            page.click("#save-recipe")
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        expected = shown(page)
    recipe = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "grace_hopper.likeness.json"
    assert recipe["cast"] == {"1": {"use": "source", "source": "Eileen Collins"}}
    assert recipe["segments"][0]["effects"][0]["params"] == {"shape": 0.3}
    assert recipe["sources"][0]["consent"]
    with studio.page() as page:
        page.click("#save-options")
        with page.expect_file_chooser() as chooser:
            page.click("#load-recipe")
        chooser.value.set_files(path)
        up_to_date(page)
        assert np.array_equal(shown(page), expected)


def test_the_file_is_written_in_the_format_that_was_chosen(studio: Studio, tmp_path: Path) -> None:
    with studio.page() as page:
        example(page)
        page.click("#save-options")
        page.select_option("#save-format", "png")
        page.keyboard.press("Escape")
        expect(page.locator("#save")).to_have_text("Save PNG")
        path = saved(page, tmp_path)
        picture = Image.open(path)
        assert (picture.format, path.suffix) == ("PNG", ".png")
        page.click("#save-options")
        page.select_option("#save-format", "bmp")
        page.keyboard.press("Escape")
        with page.expect_download(lambda download: download.suggested_filename.endswith(".xmp")):
            page.click("#save")
        expect(page.locator(".notice.good")).to_contain_text(".xmp")


def test_work_that_runs_can_be_cancelled(studio: Studio) -> None:
    """The preview waits behind other work on the one device, so that there is time to press Cancel."""
    import threading

    with studio.page() as page:
        example(page)
        tab = next(iter(studio.tabs._by_id.values()))
        gate = threading.Event()
        blocker = tab.worker.start("opening", lambda _: gate.wait(20))
        try:
            slide(page, "#swapper-strength", 0.2)
            page.click("#cancel")
            expect(page.locator("#refresh")).to_be_visible()
            expect(page.locator("#state")).to_have_text("The preview is behind")
        finally:
            gate.set()
        assert blocker.future.result(20)
        with another_result(page):
            page.click("#refresh")
        gate.clear()
        tab.worker.start("opening", lambda _: gate.wait(20))
        try:
            page.click("#looking-summary")
            page.click("#look-small + .track")
            page.click("#cancel")
            expect(page.locator("#state")).to_have_text("Stopped before the faces were found")
        finally:
            gate.set()
        page.click("#refresh")
        expect(page.locator("#person-1")).to_be_visible()


def test_no_request_left_the_machine(studio: Studio) -> None:
    """All that any page asked for up to here was this server; `no_complaints` goes on looking."""
    assert len(studio.requests) > 50
    assert studio.foreign_requests() == []
