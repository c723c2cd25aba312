"""Whole pictures in colour, and people before another background, through the chain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.frame import Frame
from tests.models.families.test_colour import ddcolor
from tests.processors.classical.test_keying import GREEN, scene
from tests.processors.neural.twins import Twins, run


def samples(deep: bool) -> Frame:
    made = scene(noise=0).pixels
    return Frame(made.astype(np.uint16) * 257) if deep else Frame(made)


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_a_black_and_white_picture_gets_colour_and_keeps_its_light(deep: bool) -> None:
    grey = np.repeat(np.linspace(40, 180, 90)[:, None], 120, axis=1)
    levels = np.dstack([grey] * 3)
    frame = Frame(np.rint(levels * 257).astype(np.uint16) if deep else np.rint(levels).astype(np.uint8))
    models = Twins({"colour.ddcolor": ddcolor()})
    done = run(frame, [], models, ["colourise"], colourise={"strength": 1.0})
    found = done.frame.samples.astype(np.float32) / (65535 if deep else 255)
    was = frame.samples.astype(np.float32) / (65535 if deep else 255)
    lab, old = (cv2.cvtColor(one, cv2.COLOR_BGR2LAB) for one in (found, was))
    assert np.abs(lab[..., 0] - old[..., 0]).max() < 0.6
    assert np.allclose(lab[:, 60, 1], 40 * was[:, 60, 2], atol=1.5), "the twin's a is 40 times the red"
    assert run(frame, [], Twins({}), ["colourise"], colourise={"strength": 0.0}).ran == ()


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_a_screen_is_found_and_becomes_a_colour(deep: bool) -> None:
    made, frame = scene(noise=0), samples(deep)
    done = run(frame, [], Twins({}), ["keyer"], keyer={"colour": "#204060"})
    found = done.frame.samples.astype(np.float64) / (257 if deep else 1)
    assert np.abs(found[:30, :40] - (0x60, 0x40, 0x20)).max() < 0.6
    inside = made.alpha > 0.999
    assert np.abs(found[inside] - made.front[inside]).mean() < 1
    wanted = made.front * made.alpha[..., None] + np.array([0x60, 0x40, 0x20]) * (1 - made.alpha[..., None])
    assert np.abs(found - wanted).mean() < 1


def test_a_screen_that_is_named_need_not_be_at_the_border() -> None:
    made = scene(noise=0).pixels
    framed = cv2.copyMakeBorder(made, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    named = {"find": False, "screen": "#{:02x}{:02x}{:02x}".format(*GREEN[::-1]), "colour": "#000000"}
    found = run(Frame(framed), [], Twins({}), ["keyer"], keyer=named).frame.samples
    assert found[60:90, 60:90].max() == 0
    assert (found[:20] == 90).all()


def test_a_screen_without_its_noise_is_a_screen() -> None:
    noisy = scene(noise=4)
    found = run(Frame(noisy.pixels), [], Twins({}), ["keyer"], keyer={"behind": "screen"}).frame.samples
    before, after = (np.abs(one[:40, :60] - noisy.screen[:40, :60]).mean() for one in (noisy.pixels, found))
    assert after < before / 2
