"""Colour profiles: a source's pixels brought into the target's colours, and CMYK into RGB."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageCms

from models.arrays import Pixels
from pipeline.pictures.picture import Picture
from processors.batches import Remark

_RGB, GREY, _CMYK = b"RGB ", b"GRAY", b"CMYK"


def srgb() -> bytes:
    """A plain sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def space_of(icc: bytes | None) -> bytes:
    """The colour space signature in a profile's header (ICC.1:2022, 7.2.8); no profile means sRGB."""
    return _RGB if icc is None else icc[16:20]


def _is_srgb(icc: bytes | None) -> bool:
    if icc is None:
        return True
    try:
        return "srgb" in ImageCms.getProfileDescription(_open(icc)).lower()
    except (OSError, ImageCms.PyCMSError):
        return False


def _open(icc: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


def cmyk_to_rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None, Remark]:
    """A CMYK image in sRGB through its profile, or plainly where it has none that works."""
    if icc is not None and space_of(icc) == _CMYK:
        try:
            done = ImageCms.profileToProfile(image, _open(icc), _open(srgb()), outputMode="RGB",
                                             renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                                             flags=ImageCms.Flags.BLACKPOINTCOMPENSATION)
            if done is not None:
                return done, srgb(), Remark("PICTURE.CMYK", "Printing colours (CMYK) were converted to sRGB through "
                                            "the picture's own profile.")
        except (OSError, ImageCms.PyCMSError):
            pass  # said in the remark below
    return image.convert("RGB"), None, Remark("PICTURE.CMYK_PLAIN", "Printing colours (CMYK) without a profile that "
                                              "works were converted plainly: colours may be off.")


def lab_to_rgb(image: Image.Image) -> tuple[Image.Image, bytes | None, Remark]:
    """A CIE Lab image in sRGB."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    done = ImageCms.profileToProfile(image, lab, _open(srgb()), outputMode="RGB")
    if done is None:
        raise ValueError("no conversion")
    return done, srgb(), Remark("PICTURE.LAB", "Lab colours were converted to sRGB.")


# What a profile needs to mean its colours (ICC.1:2022, section 8): matrix and curves, tables, white, adaptation.
_COLOUR_TAGS = frozenset((b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"bkpt", b"chad",
                          b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"cicp", b"gamt"))


def nameless(icc: bytes | None) -> bytes | None:
    """The profile with its colours alone: no description, device, serial number, copyright or date, in which the name
    of a person, a camera or a screen may stand. None for a profile that cannot be taken apart."""
    if icc is None or len(icc) < 132 or icc[36:40] != b"acsp":
        return None
    count = int.from_bytes(icc[128:132], "big")
    tags: list[tuple[bytes, bytes]] = []
    for at in range(132, 132 + 12 * min(count, 100), 12):
        start, size = (int.from_bytes(icc[at + part:at + part + 4], "big") for part in (4, 8))
        if icc[at:at + 4] in _COLOUR_TAGS:
            tags.append((icc[at:at + 4], icc[start:start + size]))
    words = "Profile".encode("utf-16-be")
    tags += [(sign, b"mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS" + len(words).to_bytes(4, "big")
              + b"\x00\x00\x00\x1c" + words) for sign in (b"desc", b"cprt")]
    at = 132 + 12 * len(tags)
    table, bodies = len(tags).to_bytes(4, "big"), b""
    for sign, body in tags:
        body += b"\x00" * (-len(body) % 4)
        table += sign + (at + len(bodies)).to_bytes(4, "big") + len(body).to_bytes(4, "big")
        bodies += body
    header = bytearray(icc[:128])
    # Preferred engine, date, platform, maker, model, creator, and the digest: all that tells where it came from.
    for start, stop in ((4, 8), (24, 36), (40, 44), (48, 56), (80, 100)):
        header[start:stop] = bytes(stop - start)
    done = bytes(header) + table + bodies
    return len(done).to_bytes(4, "big") + done[4:]


def in_colours(picture: Picture, icc: bytes | None) -> Picture:
    """The picture with its pixels converted into a target's colour profile (both sRGB where they have none).

    A grey target's profile says nothing about colours: its source is brought to sRGB. The conversion works at 8 bits
    a sample. Relative colorimetric with black point compensation, what image editors take for photographs. A profile
    that is broken counts as sRGB, and a remark says so.
    """
    goal = icc if space_of(icc) == _RGB else None
    if picture.icc == goal or (_is_srgb(picture.icc) and _is_srgb(goal)):
        return picture
    try:
        pixels = _convert(picture, picture.icc or srgb(), goal or srgb())
    except (OSError, ValueError, ImageCms.PyCMSError):
        return replace(picture, notes=(*picture.notes, Remark(
            "PICTURE.PROFILE", f"{picture.name}: its colour profile, or the target's, cannot be used, so its colours "
            "are taken as they are.")))
    alpha = picture.frame.alpha
    if alpha is not None and alpha.dtype == np.uint16:
        alpha = cv2.convertScaleAbs(alpha, alpha=1 / 257)
    frame = replace(picture.frame, samples=pixels, alpha=alpha)
    return replace(picture, frame=frame, icc=goal, jpeg=None, notes=(*picture.notes, Remark(
        "PICTURE.CONVERTED", f"{picture.name}: colours converted to the target's colour profile.")))


def _convert(picture: Picture, source: bytes, goal: bytes) -> Pixels:
    samples = picture.frame.bgr8()
    image = Image.fromarray(np.ascontiguousarray(samples[..., ::-1]))
    if space_of(source) == GREY:
        image = image.convert("L")
    done = ImageCms.profileToProfile(image, _open(source), _open(goal), outputMode="RGB",
                                     renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                                     flags=ImageCms.Flags.BLACKPOINTCOMPENSATION)
    if done is None:
        raise ValueError("no conversion")
    return np.ascontiguousarray(np.asarray(done)[..., ::-1])
