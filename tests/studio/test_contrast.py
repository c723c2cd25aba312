"""The colours of both themes, by the formulas of WCAG 2.2 (relative luminance, contrast ratio)."""

import re

import pytest

from studio.media import WEB

TEXT_AA = 4.5
PARTS_AA = 3.0


def themes() -> dict[str, dict[str, str]]:
    """Custom properties of the two blocks in tokens.css; the light one inherits what it does not set."""
    text = (WEB / "tokens.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root(\[data-theme=\"light\"\])? \{(.*?)\n\}", text, re.S)
    dark, light = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", body)) for _, body in blocks)
    return {"dark": dark, "light": {**dark, **light}}


def luminance(colour: str) -> float:
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_gives_the_known_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


# Which colours of text stand on which grounds (see the style sheets).
ON = {
    "text": ("ground", "panel", "raised", "high", "higher", "accent-soft", "stage"),
    "muted": ("ground", "panel", "raised", "high"),
    "faint": ("ground", "panel", "raised"),
    "on-accent": ("accent", "accent-strong"),
    "accent-strong": ("panel", "raised"),
    "good": ("panel", "raised"),
    "warning": ("panel", "warning-soft"),
    "danger": ("panel", "raised"),
}


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("text", "ground"), [(text, ground) for text, grounds in ON.items() for ground in grounds])
def test_text_can_be_read(theme: str, text: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[text], colours[ground]) >= TEXT_AA


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("part", "ground"), [("accent", "panel"), ("accent", "raised"), ("accent-strong", "ground"),
                                              ("edge-strong", "panel"), ("warning", "panel"), ("danger", "panel")])
def test_what_is_not_text_can_be_told_from_its_ground(theme: str, part: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[part], colours[ground]) >= PARTS_AA
