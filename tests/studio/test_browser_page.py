"""The page round the work, in a real browser: keyboard, language, light, sizes, and a studio that ends."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, expect

from tests.studio.hands import example, take
from tests.studio.serving import Studio

pytestmark = [pytest.mark.usefixtures("no_complaints"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::FutureWarning:gradio.*")]


@pytest.mark.long
def test_a_page_says_when_its_studio_was_ended_and_opens_anew_with_the_next(studio: Studio) -> None:
    with studio.page() as page:
        example(page)
        page.route("**/healthz", lambda route: route.abort("connectionrefused"))
        page.click("#preset-fast")
        notice = page.locator(".bar-notices .notice")
        expect(notice).to_contain_text("Likeness has stopped")
        expect(page.locator("#state")).to_have_text("Not connected")
        page.unroute("**/healthz")
        page.click("#preset-sharp")
        expect(page.locator("#try-example")).to_be_visible()
        expect(notice).to_contain_text("started again")
        notice.get_by_role("button").click()
        expect(notice).to_have_count(0)
    studio.complaints.clear()  # that nothing answers is for the browser and Gradio to complain about


def test_everything_is_reached_with_the_keyboard(studio: Studio) -> None:
    with studio.page() as page:
        example(page)
        reached: list[str] = []
        page.focus(".brand")
        for _ in range(80):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.key || ''"))
            if reached[-1] == "language-zh-CN":
                break
        for wanted in ("tab-image", "undo", "save", "save-options", "person-1", "add-source", "compare", "zoom-2",
                       "preset-sharp", "swapper-strength", "mute-swapper", "more-swapper", "add-effect", "theme"):
            assert wanted in reached, f"{wanted} is not reached by Tab"
        outline = page.eval_on_selector("#language-zh-CN", "b => getComputedStyle(b).outlineStyle")
        assert outline == "solid", "the focus can be seen"
        page.focus("#person-1")
        page.keyboard.press("Enter")
        page.keyboard.press("End")
        assert page.evaluate("document.activeElement.id") == "choose-effects"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "person-1"
        page.focus("#swapper-strength")
        page.keyboard.press("Home")
        expect(page.locator("[data-effect=swapper] .figure").first).to_have_text("0.00")
        nameless = page.evaluate("""() => [...document.querySelectorAll('#frame :is(button, a, input, select)')]
            .filter((e) => e.offsetParent && !(e.textContent.trim() || e.getAttribute('aria-label') || e.title
                                               || e.labels?.length)).length""")
        assert nameless == 0, "every control has a name"


def test_language_and_light_change_without_losing_work(studio: Studio) -> None:
    with studio.page() as page:
        example(page)
        result = page.eval_on_selector(".board .after", "image => image.src")
        page.click("#language-zh-CN")
        expect(page.locator("#save")).to_have_text("保存 JPEG")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        page.click("#theme")
        assert page.eval_on_selector(".lk-people", "e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
        page.click("#language-en")
        take(page, "light")
        assert page.eval_on_selector(".board .after", "image => image.src") == result
        questions: list[str] = []

        def answer(dialog: Dialog) -> None:
            questions.append(dialog.type)
            dialog.accept()

        page.on("dialog", answer)
        page.reload()
        expect(page.locator("#state")).to_be_visible()
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        assert questions == ["beforeunload"], "unsaved work is not lost without a question"


def test_the_system_screen_shows_checks_and_terms(studio: Studio) -> None:
    with studio.page() as page:
        page.click("#tab-system")
        expect(page.locator("#checks tr")).not_to_have_count(0)
        points = page.locator("[data-file='shape_predictor_68_face_landmarks.dat']")
        expect(points).to_contain_text("no commercial use")
        page.click("#language-zh-CN")
        expect(points).to_contain_text("不可商用")
        expect(page.locator("[data-check=disk]")).to_contain_text("数据文件夹所在磁盘")


def test_nothing_reaches_over_the_edge_and_zoom_shows_the_pictures_own_pixels(studio: Studio) -> None:
    with studio.page() as page:
        example(page)
        for width, height in ((1280, 720), (1440, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.wait_for_function("""() => {
                const inner = document.querySelector('#board').getBoundingClientRect();
                const outer = document.querySelector('#viewer').getBoundingClientRect();
                return inner.left >= outer.left && inner.right <= outer.right;
            }""")
            save = page.locator("#save-options").bounding_box()
            assert save
            assert save["x"] + save["width"] <= width
            over = page.evaluate("""() => [...document.querySelectorAll('.lk-bar, .lk-people, .lk-chain, .lk-tray')]
                .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)""")
            assert over == []
        page.locator("#add-effect").scroll_into_view_if_needed()
        expect(page.locator("#add-effect")).to_be_in_viewport()
        page.set_viewport_size({"width": 1440, "height": 900})
        for zoom, wide in (("1", 512), ("2", 1024)):
            page.click(f"#zoom-{zoom}")
            board = page.locator("#board").bounding_box()
            assert board
            assert board["width"] == pytest.approx(wide, abs=1)
        page.keyboard.press("f")
        expect(page.locator("#zoom-fit")).to_have_attribute("aria-pressed", "true")


@pytest.mark.long
def test_a_view_that_never_arrived_is_asked_for_again(studio: Studio) -> None:
    """Two actions that answer at once may leave the page with the older view of a part."""
    with studio.page() as page:
        page.evaluate("Likeness.revs.chain = 0")
        page.wait_for_function("Likeness.revs.chain > 1")
