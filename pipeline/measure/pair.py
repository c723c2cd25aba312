"""All measures of one result: before, after, and whom it should look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.arrays import Embedding, Mask, Pixels
from models.errors import InputError, NoFace
from models.face import Face
from models.interfaces import Detection, FaceStack, Search
from pipeline.frame import Frame
from pipeline.measure import formulas
from pipeline.measure.areas import allowed_without_recipe, areas, share_out, window
from pipeline.measure.formulas import Flags
from pipeline.measure.report import FaceMeasures, Measures, Outside

# Two boxes are the same face if they overlap by a third: two faces side by side never do.
SAME_FACE = 1 / 3


HARDER = Search(small=True, turned=True)


def find_faces(frame: Frame, stack: FaceStack, search: Search = Search()) -> list[Face]:
    """Faces with points, largest first; where an ordinary look finds none, what a harder one finds."""
    picture = frame.bgr8()
    found = stack.detector.detect(picture, search) or stack.detector.detect(picture, HARDER)
    return stack.landmarker.landmarks(picture, found)


def source_descriptor(photos: Sequence[Frame], stack: FaceStack, search: Search = Search()) -> Embedding:
    """Mean descriptor of the largest face of each photo. Raises NoFace where a photo has none."""
    found = []
    for number, photo in enumerate(photos, 1):
        faces = find_faces(photo, stack, search)
        if not faces:
            raise NoFace(f"No face can be found in source photo {number}.", subject=f"source photo {number}",
                         remedy="Choose a photo that shows a face from the front, at least 80 pixels wide.")
        largest = max(faces, key=lambda f: f.box.area)
        found += stack.recogniser.embed(photo.bgr8(), [largest])
    return np.asarray(np.mean(found, axis=0), np.float64)


def measure_pair(
    sources: Sequence[Frame], before: Frame, after: Frame, stack: FaceStack, *, mask: Mask | None = None,
    faces: Sequence[Face] | None = None, search: Search = Search(),
) -> Measures:
    """Measures every face of `before` in `after`.

    sources: photos of the identity that was put on (none: no distance to a source). mask: (H, W) 0..1, where the
    recipe changes pixels; None where no recipe tells. faces: those of `before`, numbered, where they are known already
    (may be none: then only the pixels outside are counted). Raises InputError (`MEASURE.SIZE`) where the sizes differ,
    NoFace where a picture has none.
    """
    if (before.width, before.height) != (after.width, after.height):
        raise InputError(
            f"The pictures before and after differ in size: {before.width} × {before.height} and "
            f"{after.width} × {after.height} pixels.", subject="after", code="MEASURE.SIZE",
            remedy="Measure a result at the size of its target.")
    if faces is None:
        found = sorted(find_faces(before, stack, search), key=lambda f: f.centre)
        faces = [face.numbered(i) for i, face in enumerate(found, 1)]
        if not faces:
            raise NoFace("No face can be found in the picture before.", subject="before",
                         remedy="Choose a picture that shows a face from the front, at least 80 pixels wide.")
    descriptor = source_descriptor(sources, stack, search) if sources else None
    masks = None if mask is None else share_out(mask, list(faces))
    return Measures(
        recogniser=stack.recogniser.name, same_person=stack.recogniser.same_person,
        faces=tuple(measure_faces(descriptor, before, after, stack, faces, masks, search)),
        outside=changed_outside(before, after, list(faces), mask),
    )


def measure_faces(
    descriptor: Embedding | None, before: Frame, after: Frame, stack: FaceStack, faces: Sequence[Face],
    masks: Sequence[Mask] | None = None, search: Search = Search(),
) -> list[FaceMeasures]:
    """The figures of each of `faces` (of `before`). masks: one (H, W) each, or None: the hull is taken."""
    picture = after.bgr8()
    found = stack.detector.detect(picture, search)
    matches = [_match(face, found) for face in faces]
    if not all(matches):
        found = stack.detector.detect(picture, HARDER)
        matches = [match or _match(face, found) for face, match in zip(faces, matches, strict=True)]
    again = stack.landmarker.landmarks(picture, [match or Detection(face.box, face.score, face.turn)
                                                 for face, match in zip(faces, matches, strict=True)])
    was = [face.embedding for face in faces]
    if any(one is None for one in was):
        was = list(stack.recogniser.embed(before.bgr8(), faces))
    now = stack.recogniser.embed(picture, again)
    taken = None if masks is None else np.maximum.reduce([np.zeros(picture.shape[:2], np.float32), *masks]) > 0
    measured = []
    for i, face in enumerate(faces):
        to_target = formulas.identity_distance(now[i], was[i])  # type: ignore[arg-type]
        measured.append(FaceMeasures(
            number=face.number, eye_distance=face.eye_distance, found_after=matches[i] is not None,
            identity_to_source=None if descriptor is None else formulas.identity_distance(now[i], descriptor),
            identity_to_target=to_target,
            nme=formulas.normalised_mean_error(again[i].points, face.points, face.eye_distance),
            **_pixel_measures(before, after, face, None if masks is None else masks[i], taken)))
    return measured


def _match(face: Face, found: Sequence[Detection]) -> Detection | None:
    best = max(found, key=lambda d: d.box.overlap(face.box), default=None)
    return best if best is not None and best.box.overlap(face.box) >= SAME_FACE else None


def _pixel_measures(before: Frame, after: Frame, face: Face, mask: Mask | None, taken: Flags | None,
                    ) -> dict[str, float | None]:
    rect = window(face, mask, before.width, before.height)
    part = np.s_[rect.y0:rect.y1, rect.x0:rect.x1]
    a, b = (frame.region(rect).astype(np.float32, copy=False) for frame in (before, after))
    size = face.eye_distance
    where = areas(face.points - (rect.x0, rect.y0), None if mask is None else mask[part], a.shape[:2], size,
                  None if taken is None else taken[part])
    against_before, against_ring = formulas.sharpness(a, b, where.skin, where.ring)
    return {
        "seam": formulas.seam(a, b, where.alpha, size),
        "light": formulas.light(a, b, where.inside, size),
        "brightness": formulas.brightness(a, b, where.inside, size),
        "colour": formulas.colour(a, b, where.skin, size),
        "sharpness": against_before,
        "sharpness_ring": against_ring,
    }


def changed_outside(before: Frame, after: Frame, faces: list[Face], mask: Mask | None) -> Outside:
    """Counts pixels of which any sample (alpha included) differs, outside the mask or outside the grown hulls."""
    shape = (before.height, before.width)
    outside = ~(allowed_without_recipe(faces, shape) if mask is None else mask > 0)
    difference = _difference(before.samples, after.samples)
    if before.alpha is not None and after.alpha is not None:
        difference = np.maximum(difference, _difference(before.alpha, after.alpha))
    changed = difference[outside]
    count = int(np.count_nonzero(changed))
    return Outside(rule="hull" if mask is None else "mask", pixels=count, share=count / max(changed.size, 1),
                   largest=float(changed.max(initial=0)))


def _difference(one: Pixels, other: Pixels) -> Pixels:
    """(H, W) largest difference of a pixel's samples, in the levels of the deeper picture; grey counts as its BGR."""
    if one.dtype != other.dtype:  # an 8-bit result of a 16-bit picture: compare at 8 bits, which is all that it holds
        one, other = (p if p.dtype == np.uint8 else np.rint(p / 257).astype(np.uint8) for p in (one, other))
    if one.ndim != other.ndim:
        one, other = (p if p.ndim == 3 else np.repeat(p[..., None], 3, axis=2) for p in (one, other))
    gap = np.abs(one.astype(np.int32) - other.astype(np.int32))
    return gap.max(axis=2) if gap.ndim == 3 else gap
