"""What a hand does in the studio, and what an eye sees there."""

from __future__ import annotations

import base64
import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.studio.serving import PATIENCE

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"

# A file as the browser hands it to a page that something is dropped on, or pasted into.
TRANSFER = """async ([data, name, type]) => {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""


def drop(page: Page, path: Path, onto: str, name: str | None = None) -> None:
    """As a hand drops a file from the file manager."""
    data = page.evaluate_handle(TRANSFER, [base64.b64encode(path.read_bytes()).decode(), name or path.name, ""])
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(onto, event, {"dataTransfer": data})


def up_to_date(page: Page) -> None:
    """A result is on the screen, and no newer one is under way."""
    expect(page.locator("#state .dot.good")).to_be_visible(timeout=PATIENCE)
    page.wait_for_function("document.querySelector('#board').dataset.after && "
                           "document.querySelector('.board .after').complete")


@contextlib.contextmanager
def another_result(page: Page) -> Iterator[None]:
    """What is done inside brings another result onto the screen."""
    last = page.evaluate("document.querySelector('#board')?.dataset.after ?? ''")
    yield
    page.wait_for_function("(last) => document.querySelector('#board').dataset.after !== last", arg=last,
                           timeout=PATIENCE)
    up_to_date(page)


def example(page: Page) -> None:
    page.click("#try-example")
    up_to_date(page)


def slide(page: Page, control: str, value: float) -> None:
    """Moves a slider as a hand does: many small changes, one release."""
    page.eval_on_selector(control, """(input, value) => {
        for (const step of [0.3, 0.6, 1]) {
            input.value = String(Number(input.value) + (value - Number(input.value)) * step);
            input.dispatchEvent(new Event('input', { bubbles: true }));
        }
        input.value = String(value);
        input.dispatchEvent(new Event('change', { bubbles: true }));
    }""", value)


def shown(page: Page) -> np.ndarray:
    """Pixels of the result that the viewer shows, (H, W, 3) RGB."""
    answer = page.request.get(page.eval_on_selector(".board .after", "image => image.src"))
    return np.asarray(Image.open(io.BytesIO(answer.body())).convert("RGB")).astype(int)


def saved(page: Page, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.click("#save")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def part(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    x0, y0, x1, y1 = box
    return pixels[y0:y1, x0:x1]


def take(page: Page, name: str) -> None:
    """A picture for README, where it was asked for."""
    if not os.environ.get("LIKENESS_PICTURES"):
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=86, animations="disabled")
    assert (PICTURES / f"{name}.jpg").stat().st_size <= 400_000
