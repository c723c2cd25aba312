"""The Clip screen in a real browser: what a person does, and what is then in the file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from pipeline.jobs.job import JobFault
from tests.conftest import ASTRONAUT, HOPPER
from tests.studio.clips import FRAMES, SIZE
from tests.studio.hands import drop, slide, take
from tests.studio.serving import Studio

pytestmark = [pytest.mark.usefixtures("no_complaints"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]

LONG = 120_000
"""Milliseconds for what takes a render: a process that starts, and its frames."""


def open_clip(page: Page, path: Path) -> None:
    """By its path, and until everybody in it was found."""
    page.click("#tab-clip")
    page.click("#open-clip, #open-other")
    if page.locator("#way-path").count():
        page.click("#way-path")
    page.fill("#path-input", str(path))
    page.keyboard.press("Enter")
    expect(page.locator(".person")).to_have_count(3, timeout=LONG)


def swap(page: Page, source: Path = ASTRONAUT) -> None:
    """The source on the second person."""
    drop(page, source, "#people")
    page.click("[data-consent]")
    expect(page.locator(".permitted")).to_be_visible()
    page.click("#person-2")
    page.get_by_role("menuitemradio", name=source.stem).click()


def at(page: Page, frame: int) -> None:
    """The exact frame is on the screen."""
    expect(page.locator("#clip-board")).to_have_attribute("data-frame", str(frame), timeout=LONG)


def result_at(page: Page, frame: int) -> None:
    at(page, frame)
    page.wait_for_function("document.querySelector('#clip-board').dataset.after", timeout=LONG)




def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def test_the_main_job_from_drop_to_downloaded_file(studio: Studio, clip: Path, tmp_path: Path) -> None:
    """Drop a clip, scrub, put a source on one person, look at three seconds, render, reload in the middle, play,
    download; then look into the file."""
    with studio.page() as page:
        drop(page, clip, "#viewer")
        expect(page.locator("#tab-clip")).to_have_attribute("aria-current", "page")
        expect(page.locator(".facts .figures")).to_contain_text(f"{SIZE[0]} × {SIZE[1]} · 30 fps · 00:01")
        at(page, 0)
        expect(page.locator("#people h2").first).to_contain_text("People in this clip")
        expect(page.locator(".person")).to_have_count(3, timeout=LONG)
        expect(page.locator("#render")).to_be_disabled()
        swap(page)
        strip = page.locator(".strip").bounding_box()
        assert strip
        page.mouse.move(strip["x"] + strip["width"] * 0.1, strip["y"] + 20)
        page.mouse.down()
        page.mouse.move(strip["x"] + strip["width"] * 0.76, strip["y"] + 20, steps=6)
        page.mouse.up()
        result_at(page, 27)
        expect(page.locator("#clip-frame")).to_have_text("frame 27")
        expect(page.locator("#clip-face-2")).to_be_visible()
        take(page, "clip")
        page.keyboard.press("p")
        expect(page.locator("#clip-span")).to_be_visible(timeout=LONG)
        page.wait_for_function("document.querySelector('#clip-span').readyState >= 2")
        expect(page.locator(".span-words")).to_have_count(0, timeout=LONG)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#estimate")).to_contain_text(f"{FRAMES} frames", timeout=LONG)
        expect(page.locator("#render-path")).to_have_value(re.compile(r"renders/interview-likeness\.mp4$"))
        page.click("#render-start")
        expect(page.locator(".tray-job")).to_be_visible(timeout=LONG)
        page.reload()
        expect(page.locator("#jobs")).to_be_visible()
        studio.complaints.clear()  # that its connections were cut is for Gradio to complain about
        page.click("#jobs")
        card = page.locator(".job-card")
        expect(card).to_have_attribute("data-state", "done", timeout=LONG)
        with page.expect_download() as waiting:
            card.locator("[data-download]").click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        card.locator("[data-play]").click()
        for video in ("#result-video", "#original-video"):
            page.wait_for_selector(video, timeout=LONG)
            page.wait_for_function("(one) => document.querySelector(one).readyState >= 2", arg=video)
        page.click("#result-original")
        expect(page.locator(".screens")).to_have_attribute("data-mode", "original")
        page.click("#result-again")
        expect(page.locator("#person-2")).to_contain_text("astronaut", timeout=LONG)
    before, after = frames_of(clip), frames_of(path)
    assert path.name == "interview-likeness.mp4"
    assert len(after) == len(before) == FRAMES
    changed = [np.abs(one - other).mean(axis=2) for one, other in zip(before, after, strict=True)]
    middle = np.s_[110:250, 280:400]
    assert max(change[middle].mean() for change in changed[:18]) < 3, "the first person is kept"
    assert min(change[middle].mean() for change in changed[20:]) > 4, "the second is another one"


@pytest.mark.long
def test_the_words_are_there_in_chinese(studio: Studio, clip: Path) -> None:
    with studio.page(locale="zh-CN") as page:
        page.click("#tab-clip")
        expect(page.locator(".empty h1").last).to_have_text("把视频拖到这里")
        open_clip(page, clip)
        expect(page.locator("#people h2").first).to_contain_text("视频中的人物")
        expect(page.locator("#person-others")).to_contain_text("其他所有人")
        expect(page.locator("#preview-span")).to_contain_text("预览 3 秒")
        expect(page.locator("#render")).to_have_text("渲染")
        page.keyboard.press("?")
        expect(page.locator("#dialogue")).to_contain_text("播放与暂停")


@pytest.mark.long
def test_the_transport_is_exact_to_the_frame(studio: Studio, clip: Path) -> None:
    with studio.page() as page:
        open_clip(page, clip)
        at(page, 0)
        for key, frame in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Shift+ArrowRight", 31),
                           ("End", 35), ("ArrowRight", 35), ("Shift+ArrowLeft", 5), ("Home", 0)):
            page.keyboard.press(key)
            at(page, frame)
            expect(page.locator("#playhead")).to_have_attribute("aria-valuenow", str(frame))
        expect(page.locator("#clip-play")).to_be_enabled(timeout=LONG)
        page.keyboard.press(" ")
        expect(page.locator("#clip-play")).to_have_attribute("aria-pressed", "true")
        page.wait_for_function("Number(document.querySelector('#playhead').getAttribute('aria-valuenow')) > 3")
        page.keyboard.press("k")
        expect(page.locator("#clip-play")).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("End")
        at(page, 35)
        page.keyboard.press("j")
        page.wait_for_function("Number(document.querySelector('#playhead').getAttribute('aria-valuenow')) < 30")
        page.keyboard.press("k")
        for key, frame in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2)):
            page.keyboard.press(key)
            at(page, frame)
        page.keyboard.press("i")
        expect(page.locator("#trim-in")).to_have_attribute("aria-valuenow", "2")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("o")
        expect(page.locator("#trim-out")).to_have_attribute("aria-valuenow", "35")
        page.focus("#trim-out")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#trim-out")).to_have_attribute("aria-valuenow", "34")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        expect(page.locator("#trim-out")).to_have_attribute("aria-valuenow", "36")


@pytest.mark.long
def test_a_split_gives_each_side_sliders_of_its_own(studio: Studio, clip: Path) -> None:
    with studio.page() as page:
        open_clip(page, clip)
        page.keyboard.press("Shift+ArrowRight")
        at(page, 30)
        page.keyboard.press("s")
        expect(page.locator("#segment-banner")).to_have_text("Editing segment 2 of 2 · 00:01 – 00:01")
        slide(page, "#swapper-strength", 0.4)
        expect(page.locator("[data-effect=swapper] .figure").first).to_have_text("0.40")
        page.click("#segment-1", position={"x": 30, "y": 10})
        expect(page.locator("#segment-banner")).to_contain_text("segment 1 of 2")
        expect(page.locator("[data-effect=swapper] .figure").first).to_have_text("1.00")
        page.click("#segment-2", position={"x": 30, "y": 10})
        expect(page.locator("[data-effect=swapper] .figure").first).to_have_text("0.40")
        page.click("#join")
        expect(page.locator("#segment-banner")).to_have_count(0)
        page.keyboard.press("Control+z")
        expect(page.locator("#segment-2")).to_be_visible()


@pytest.mark.long
def test_a_box_is_drawn_by_hand_or_by_keys_on_both_screens(studio: Studio, clip: Path) -> None:
    with studio.page() as page:
        open_clip(page, clip)
        at(page, 0)
        page.click("#clip-draw-box")
        board = page.locator("#clip-board").bounding_box()
        assert board
        page.mouse.move(board["x"] + board["width"] * 0.1, board["y"] + board["height"] * 0.2)
        page.mouse.down()
        page.mouse.move(board["x"] + board["width"] * 0.3, board["y"] + board["height"] * 0.6, steps=4)
        page.mouse.up()
        chip = page.locator("#clip-cover-0")
        expect(chip).to_be_visible()
        box = chip.bounding_box()
        assert box
        assert box["width"] / board["width"] == pytest.approx(0.2, abs=0.02)
        expect(page.locator(".drawn-mark")).to_be_visible()
        chip.click(position={"x": 6, "y": 6})
        page.click("#cover-solid")
        page.wait_for_function("document.querySelector('#clip-board').dataset.after", timeout=LONG)
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        expect(chip).to_have_count(0)
        drop(page, HOPPER, "#clip")
        expect(page.locator("#tab-image")).to_have_attribute("aria-current", "page")
        expect(page.locator("#person-1")).to_be_visible(timeout=LONG)
        page.focus("#draw-box")
        page.keyboard.press("Enter")
        for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Enter"):
            page.keyboard.press(key)
        cover = page.locator("#cover-0")
        expect(cover).to_have_attribute("style", re.compile(r"left: ?38%.*width: ?22%"))


@pytest.mark.long
def test_a_held_render_asks_its_questions_and_goes_on(studio: Studio, clip: Path, tmp_path: Path) -> None:
    """The queue stands still, and a worker's end is written by hand: what it saw is not this test's."""
    jobs = studio.tabs.machine.jobs
    mine = tmp_path / "witness.mp4"
    shutil.copy(clip, mine)
    jobs.stop()
    try:
        with studio.page() as page:
            open_clip(page, mine)
            page.click("#person-others")
            page.click("#choose-blur")
            page.click("#render:enabled")
            expect(page.locator("#render-path")).to_have_value(str(tmp_path / "anonymised.mp4"))
            page.click("#render-start")
            expect(page.locator(".tray-job")).to_have_attribute("data-state", "queued", timeout=LONG)
            job = jobs._store.claim("somebody")
            assert job is not None
            doubts = [{"code": "ANONYMISE.GAP", "start": 0.4, "stop": 0.6, "words": "Not seen for a while."}]
            jobs._store.settle(job.id, "somebody", "failed", error=JobFault(
                "ANONYMISE.DOUBTFUL", "Somebody might be recognised.", data={"doubts": doubts}))
            question = page.locator(".question")
            expect(question).to_contain_text("00:00.4 – 00:00.6", timeout=LONG)
            page.keyboard.press("End")
            question.locator("[data-look]").click()
            at(page, 12)
            expect(page.locator(".lane-mark")).to_be_visible()
            question.locator("[data-accept]").click()
            expect(question).to_have_count(0, timeout=LONG)
            assert jobs.get(job.id).state == "queued"
            jobs.ask(job.id, "cancel")
            jobs.ask(job.id, "remove")
    finally:
        jobs.start()


def test_nothing_reaches_over_the_edge(studio: Studio, clip: Path) -> None:
    with studio.page() as page:
        open_clip(page, clip)
        swap(page)
        page.keyboard.press("s")
        for width, height in ((1280, 720), (1440, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function("(width) => document.documentElement.scrollWidth <= width", arg=width)
            over = page.evaluate("""() => [...document.querySelectorAll(
                '.lk-bar, .lk-people, .lk-chain, .lk-tray, .lk-clip, .transport, .timeline')]
                .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)""")
            assert over == [], width
        for wanted in ("#clip-play", "#open-other", "#render", "#trim-out", "#person-others", "#add-effect"):
            page.locator(wanted).scroll_into_view_if_needed()
            expect(page.locator(wanted)).to_be_in_viewport()
        nameless = page.evaluate("""() => [...document.querySelectorAll('#frame :is(button, a, input, select)')]
            .filter((e) => e.offsetParent && !(e.textContent.trim() || e.getAttribute('aria-label') || e.title
                                               || e.labels?.length)).length""")
        assert nameless == 0, "every control has a name"


def test_a_bad_clip_is_said_in_words_and_its_name_is_no_markup(studio: Studio, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no clip at all")
    with studio.page() as page:
        page.click("#tab-clip")
        drop(page, bad, "#clip", "<b onmouseover=alert(1)>x.mp4")
        notice = page.locator("#clip .notice")
        expect(notice).to_contain_text("<b onmouseover=alert(1)>x.mp4")
        expect(notice.locator(".remedy")).not_to_be_empty()
        assert page.locator(".notice b").count() == 0


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(studio: Studio, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(40 << 20)
    with studio.page() as page:
        page.click("#tab-clip")
        page.route("**/upload/**", lambda route: None)  # it never comes to an end
        with page.expect_file_chooser() as chooser:
            page.click("#upload-clip")
        chooser.value.set_files(large)
        expect(page.locator(".lk-tray .stage")).to_contain_text("large.mp4")
        page.click("#upload-stop")
        expect(page.locator("#state")).to_be_visible()
        expect(page.locator("#clip .notice")).to_have_count(0)


@pytest.mark.long
def test_a_render_is_paused_cancelled_and_gone_on_with_and_every_page_shows_the_same_card(
        studio: Studio, clip: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    shutil.copy(clip, mine)
    with studio.page() as page, studio.page(locale="zh-CN") as other:
        open_clip(page, mine)
        swap(page)
        page.click("#render")
        page.click("#render-start")
        card = ".tray-job"
        expect(page.locator(f"{card} [data-wish=pause]")).to_be_visible(timeout=LONG)
        page.click(f"{card} [data-wish=pause]")
        expect(page.locator(f"{card} [data-wish=resume]")).to_be_visible(timeout=LONG)
        expect(other.locator(f"{card} [data-wish=resume]")).to_be_visible(timeout=LONG)
        expect(other.locator(f"{card} [data-wish=resume]")).to_have_text("继续")
        other.click(f"{card} [data-wish=cancel]")
        page.click("#jobs")
        held = page.locator(".job-card").first
        held_id = held.get_attribute("data-job")
        expect(held).to_have_attribute("data-state", "cancelled", timeout=LONG)
        held.locator("[data-wish=retry]").click()
        expect(held).to_have_attribute("data-state", "done", timeout=LONG)
        assert (tmp_path / "mine-likeness.mp4").is_file()
        held.locator("[data-wish=remove]").click()
        expect(page.locator(f"[data-job='{held_id}']")).to_have_count(0)


def test_no_request_left_the_machine(studio: Studio) -> None:
    """All that any page asked for up to here was this server; `no_complaints` goes on looking."""
    assert len(studio.requests) > 50
    assert studio.foreign_requests() == []
