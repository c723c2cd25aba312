"""The formulas against pictures whose truth is known."""

import cv2
import numpy as np
import pytest
from skimage.color import lab2rgb, rgb2lab

from pipeline.measure import formulas
from pipeline.measure.areas import areas, grow, polygon

SIZE = 60.0


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(200, 220, 3) float32: broad light from the left, and detail."""
    random = np.random.default_rng(5)
    ramp = np.linspace(60, 190, 220, dtype=np.float32)[None, :, None]
    detail = cv2.GaussianBlur(random.normal(0, 12, (200, 220, 3)).astype(np.float32), (0, 0), 1.2)
    return np.repeat(np.repeat(ramp, 200, axis=0), 3, axis=2) + detail


@pytest.fixture(scope="module")
def disc() -> np.ndarray:
    """A soft round mask in the middle."""
    y, x = np.mgrid[:200, :220]
    away = np.hypot(x - 110, y - 100)
    return np.asarray(np.clip((60 - away) / 6 + 0.5, 0, 1), np.float32)


def test_an_unaltered_picture_has_perfect_figures(photo: np.ndarray, disc: np.ndarray) -> None:
    inside, ring = disc >= 0.5, grow(disc > 0, 20) & ~grow(disc > 0, 3)
    assert formulas.light(photo, photo, inside, SIZE) == pytest.approx(1)
    assert formulas.brightness(photo, photo, inside, SIZE) == 0
    assert formulas.colour(photo, photo, inside, SIZE) == 0
    assert formulas.seam(photo, photo, disc, SIZE) == 0
    assert formulas.sharpness(photo, photo, inside, ring)[0] == pytest.approx(1)


def test_light_falls_to_minus_one_when_the_light_comes_from_the_other_side(photo: np.ndarray, disc: np.ndarray) -> None:
    light = formulas.light(photo, 250 - photo, disc >= 0.5, SIZE)
    assert light == pytest.approx(-1, abs=1e-3)


def test_light_ignores_gain_and_offset_and_brightness_measures_the_offset(photo: np.ndarray, disc: np.ndarray) -> None:
    inside = disc >= 0.5
    assert formulas.light(photo, photo * 0.5 + 20, inside, SIZE) == pytest.approx(1, abs=1e-5)
    assert formulas.brightness(photo, photo + 7.5, inside, SIZE) == pytest.approx(7.5, abs=1e-3)


@pytest.mark.parametrize(("shift", "distance"), [((5, 0, 0), 5), ((0, 3, -4), 5), ((-2, 6, 3), 7)])
def test_colour_is_the_shift_in_lab(photo: np.ndarray, disc: np.ndarray, shift: tuple[float, ...],
                                    distance: float) -> None:
    broad = cv2.GaussianBlur(np.clip(photo, 80, 170), (0, 0), 15)  # what the low pass keeps as it is
    lab = rgb2lab(broad[..., ::-1] / 255)
    one, other = (lab2rgb(lab + add)[..., ::-1].astype(np.float32) * 255 for add in ((0, 0, 0), shift))
    # cv2 interpolates L*a*b* in tables; half a per cent of the distance is what that costs.
    assert formulas.colour(one, other, disc >= 0.5, SIZE) == pytest.approx(distance, rel=0.005)


def test_colour_does_not_see_grain(photo: np.ndarray, disc: np.ndarray) -> None:
    grain = np.random.default_rng(1).normal(0, 3, photo.shape).astype(np.float32)
    seen = formulas.colour(photo, photo + grain, disc >= 0.5, SIZE)
    assert seen is not None
    assert seen < 0.2


def test_seam_is_a_step_along_the_contour_and_nothing_elsewhere(photo: np.ndarray, disc: np.ndarray) -> None:
    hard = (disc >= 0.5).astype(np.float32)
    steps = [formulas.seam(photo, photo + hard[..., None] * step, disc, SIZE) or 0 for step in (5, 10, 20)]
    assert 0.3 < steps[0] < steps[1] < steps[2]
    y, x = np.mgrid[:200, :220]
    middle = (np.hypot(x - 110, y - 100) < 40).astype(np.float32)
    assert formulas.seam(photo, photo + middle[..., None] * 20, disc, SIZE) == pytest.approx(0, abs=1e-3)


def test_seam_of_a_step_on_a_known_slope(disc: np.ndarray) -> None:
    """A picture of slope 1; the new one has slope 3 everywhere: (3 - 1) / 1 = 2."""
    slope = np.repeat(np.repeat(np.arange(220, dtype=np.float32)[None, :, None], 200, axis=0), 3, axis=2)
    assert formulas.seam(slope, slope * 3, disc, SIZE) == pytest.approx(2, abs=0.01)
    assert formulas.seam(slope * 3, slope, disc, SIZE) == 0


def test_a_few_colours_in_lab_are_those_of_scikit_image() -> None:
    colours = np.random.default_rng(5).uniform(0, 255, (500, 3))
    wanted = rgb2lab(colours[:, ::-1].reshape(1, -1, 3) / 255)[0]
    assert np.abs(formulas.lab_of(colours) - wanted).max() < 0.02  # digits of the matrix and of the white point


def test_the_band_is_as_wide_as_stated() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, 50:] = 1
    band = formulas.contour_band(alpha, 80)
    assert np.flatnonzero(band[50]).tolist() == list(range(46, 54))


def test_fine_energy_is_the_noise_above_one_pixel() -> None:
    random = np.random.default_rng(3)
    grey = np.repeat(random.normal(128, 4, (300, 300, 1)), 3, axis=2).astype(np.float32)
    everywhere = np.ones((300, 300), np.bool_)
    direct = (formulas.luminance(grey) - cv2.GaussianBlur(formulas.luminance(grey), (0, 0), 1)).std()
    assert formulas.fine_energy(grey, everywhere) == pytest.approx(direct, rel=0.03)
    blurred = formulas.fine_energy(cv2.GaussianBlur(grey, (0, 0), 1.5), everywhere)
    assert blurred is not None
    assert blurred < 0.25 * direct


def test_sharpness_tells_half_the_detail_from_the_same(photo: np.ndarray, disc: np.ndarray) -> None:
    inside, ring = disc >= 0.95, grow(disc > 0, 20) & ~grow(disc > 0, 3)
    smooth = cv2.GaussianBlur(photo, (0, 0), 4)
    softer = smooth + (photo - smooth) * (1 - 0.5 * disc[..., None])
    against_before, against_ring = formulas.sharpness(photo, softer, inside, ring)
    assert against_before == pytest.approx(0.5, abs=0.04)
    assert against_ring == pytest.approx(0.5, abs=0.08)


def test_figures_that_cannot_be_told_are_none(photo: np.ndarray) -> None:
    nothing = np.zeros(photo.shape[:2], np.bool_)
    flat = np.full_like(photo, 90)
    assert formulas.light(photo, photo, nothing, SIZE) is None
    assert formulas.light(flat, flat, ~nothing, SIZE) is None
    assert formulas.colour(photo, photo, nothing, SIZE) is None
    assert formulas.seam(photo, photo, nothing.astype(np.float32), SIZE) is None
    assert formulas.sharpness(flat, photo, ~nothing, nothing) == (None, None)


def test_nme_of_a_known_shift() -> None:
    points = np.random.default_rng(2).uniform(0, 100, (68, 2))
    assert formulas.normalised_mean_error(points + np.array([3, 4]), points, 50) == pytest.approx(0.1)


def test_a_wide_low_pass_on_fewer_pixels_equals_the_direct_one(photo: np.ndarray) -> None:
    plane = formulas.luminance(photo)
    direct = cv2.GaussianBlur(plane, (0, 0), 14)
    assert np.abs(formulas.low_pass(plane, 14) - direct)[30:-30, 30:-30].max() < 0.3


def test_areas_keep_skin_features_and_ring_apart() -> None:
    points = np.zeros((68, 2))
    points[:] = (100, 100)
    points[0:17] = [(100 - 40 * np.cos(a), 100 + 50 * np.sin(a)) for a in np.linspace(0, np.pi, 17)]
    points[17:27] = [(x, 70) for x in np.linspace(65, 135, 10)]
    points[36:42] = (80, 85)
    points[42:48] = (120, 85)
    points[48:68] = [(x, 125) for x in np.linspace(85, 115, 20)]
    found = areas(points, None, (200, 200), 50)
    assert not (found.skin & found.ring).any()
    assert not found.skin[125, 100]
    assert not found.skin[85, 80]
    assert found.skin[100, 100]
    assert (found.inside == polygon(points, (200, 200))).all()
    distance = cv2.distanceTransform((~found.inside).astype(np.uint8), cv2.DIST_L2, 5)
    assert distance[found.ring].min() > 0.05 * 50
    assert distance[found.ring].max() <= 0.35 * 50
