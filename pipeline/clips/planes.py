"""One frame of a clip, kept in the decoder's own planes: rectangles out as working colour, differences back in.

Only the rectangle that somebody asks for is ever turned into colours. What comes back is the *difference* that an
effect made, brought to luma and chroma and added to the samples that are there: a pixel whose colour did not change
keeps its bits, and nothing drifts by going forth and back.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image

from models.arrays import Mask, Pixels
from models.shrinking import halved, shrunk
from pipeline.clips.clip import Clip
from pipeline.clips.colour import from_bgr, from_working, samples_of, shown_curve, to_bgr, to_working
from pipeline.clips.filters import converted
from pipeline.clips.layout import Layout, copy_of, editable, layout_of, plane
from pipeline.clips.view import View, view_of
from processors.batches import Rect

Floats = NDArray[np.float32]

QUALITY = 90
"""Of pictures for screens: no block shows at twice the size."""

_BAND = 1 << 20
"""Bytes of a piece of a rectangle in float32: half of what a core keeps for itself on common processors."""

# HDR's wide primaries (BT.2020) on a screen of BT.709: ITU-R BT.2087, for B, G, R.
_TO_709 = np.array([[1.1187, -0.1006, -0.0182], [-0.0083, 1.1329, -0.1246], [-0.0728, -0.5876, 1.6605]], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ClipFrame:
    """A decoded picture of a clip, upright and in square pixels as far as anybody outside can tell. Immutable.

    av_frame: as the decoder gave it, or changed. index: number of the picture in the clip, from 0. ticks: its time.
    seen: the last rectangle of the stored picture that was wanted in colours: a face's is wanted three times, to cut
    it, to lay it back, and to write what changed.
    """

    av_frame: av.VideoFrame
    clip: Clip
    index: int
    ticks: int
    seen: dict[Rect, Pixels] = field(default_factory=dict, repr=False)

    @property
    def pts(self) -> Fraction:
        """Presentation time in exact seconds, from the file's own zero."""
        return self.ticks * self.clip.time_base

    @property
    def width(self) -> int:
        return self.clip.width

    @property
    def height(self) -> int:
        return self.clip.height

    @property
    def depth(self) -> int:
        """Bits a sample."""
        return self.layout.depth

    @property
    def layout(self) -> Layout:
        found = layout_of(self.av_frame.format.name)
        assert found is not None  # `frame_of` saw to it
        return found

    @property
    def view(self) -> View:
        return view_of(self.clip)

    def video_frame(self) -> av.VideoFrame:
        """For the encoder. An untouched frame is the decoder's own object."""
        return self.av_frame

    def region(self, rect: Rect) -> Pixels:
        """(h, w, 3) working colour of a rectangle: BGR uint8, or float32 0..255 above 8 bits, HDR through the curve of
        `pipeline.clips.colour`. It may reach over the edge, where the outermost pixels are repeated. Not a view of the
        planes, and not to be written to: it may be handed out again."""
        x0, y0 = min(max(rect.x0, 0), self.width - 1), min(max(rect.y0, 0), self.height - 1)
        x1, y1 = min(max(rect.x1, x0 + 1), self.width), min(max(rect.y1, y0 + 1), self.height)
        inner = self._inside(Rect(x0, y0, x1, y1))
        pads = (max(y0 - rect.y0, 0), max(rect.y1 - y1, 0), max(x0 - rect.x0, 0), max(rect.x1 - x1, 0))
        if any(pads):
            inner = np.asarray(cv2.copyMakeBorder(inner, *pads, cv2.BORDER_REPLICATE))
        return np.ascontiguousarray(inner[:rect.y1 - rect.y0, :rect.x1 - rect.x0])

    def _inside(self, rect: Rect) -> Pixels:
        stored = self.view.stored_rect(rect)
        return self.view.upright(self.colours(stored), stored, rect)

    def colours(self, rect: Rect) -> Pixels:
        """Working colour of a rectangle of the stored picture, which must lie inside of it. Not to be written to."""
        for known, pixels in self.seen.items():
            if known.x0 <= rect.x0 and known.y0 <= rect.y0 and known.x1 >= rect.x1 and known.y1 >= rect.y1:
                return pixels[rect.y0 - known.y0:rect.y1 - known.y0, rect.x0 - known.x0:rect.x1 - known.x0]
        pixels = np.empty((rect.y1 - rect.y0, rect.x1 - rect.x0, 3), np.uint8 if self.depth <= 8 else np.float32)
        for band in _bands(rect, self.layout):
            pixels[band.y0 - rect.y0:band.y1 - rect.y0] = self._read(band)
        pixels.setflags(write=False)
        self.seen.clear()
        self.seen[rect] = pixels
        return pixels

    def _read(self, rect: Rect) -> Pixels:
        layout = self.layout
        if layout.rgb:
            values = _rgb(self.av_frame, layout, rect)
        elif layout.kind == "grey":
            values = _grey(self, layout, rect)
        else:
            values = _from_yuv(self, layout, rect)
        if layout.depth <= 8:
            return values
        values = to_working(values, self.clip.colour.transfer) if self.clip.colour.transfer != "sdr" else values
        return np.clip(values, 0, 255)

    def edit(self) -> ClipDraft:
        return ClipDraft(self)

    def grey8(self) -> Pixels:
        """(H, W) uint8: the whole picture's luma, for detectors and trackers; the decoder's own samples where nothing
        has to be turned, scaled or shortened (do not write to it)."""
        layout = self.layout
        if layout.rgb:
            return np.asarray(cv2.cvtColor(self.bgr8(), cv2.COLOR_BGR2GRAY))
        luma = plane(self.av_frame, 0, layout)
        if layout.depth > 8 or layout.shift:
            luma = self._short(luma, layout)
        return self.view.upright(luma, self.view.whole, Rect(0, 0, self.width, self.height))

    def _short(self, luma: NDArray[Any], layout: Layout) -> Pixels:
        """Deep luma in 8 bits; HDR's through its curve, so that faces are as bright as detectors know them."""
        top = 1 << layout.depth
        short = cv2.convertScaleAbs(luma, alpha=256.0 / top / (1 << layout.shift))
        if self.clip.colour.transfer == "sdr":
            return np.asarray(short)
        curve = shown_curve(self.clip.colour.transfer)
        table = np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(curve)), curve)
        return np.asarray(cv2.LUT(short, np.rint(255 * table).astype(np.uint8)))

    def small(self, width: int) -> Pixels:
        """(h, w, 3) BGR uint8 of the whole picture at a width, straight from the planes."""
        height = max(round(self.height * width / self.width), 1)
        size = (height, width) if self.view.turn % 2 else (width, height)
        pixels = _eight_bit(_shrunk(self, self.layout, size))
        return np.ascontiguousarray(np.rot90(pixels, -self.view.turn)) if self.view.turn else pixels

    def glimpse(self, rect: Rect, by: int) -> Pixels:
        """(h // by, w // by, 3) BGR uint8 of a rectangle inside the picture, every pixel a mean of by x by: straight
        from the planes, so that a large face costs little more than a small one. by: a power of two."""
        size = ((rect.x1 - rect.x0) // by, (rect.y1 - rect.y0) // by)
        layout = self.layout
        if by == 1 or not self.view.plain or layout.rgb or layout.kind == "grey":
            whole = self.region(rect)
            return _eight_bit(halved(whole, by.bit_length() - 1))
        planes = (_cut(plane(self.av_frame, 0, layout), rect),
                  *(_cut(one, _chroma_rect(rect, layout)) for one in _chroma(self.av_frame, layout)))
        values = _to_colours(self, layout, *(shrunk(one, size) for one in planes))
        return _eight_bit(to_working(np.clip(values, 0, 255), self.clip.colour.transfer) if layout.depth > 8
                          else values)

    def bgr8(self) -> Pixels:
        """(H, W, 3) BGR uint8 of the whole picture."""
        return _eight_bit(self.region(Rect(0, 0, self.width, self.height)))

    def on_screen(self, pixels: Pixels) -> Pixels:
        """(h, w, 3) BGR uint8 of working colour of this clip: HDR, whose curve that has gone through, as SDR shows it
        best."""
        pixels = _eight_bit(pixels)
        return pixels if self.clip.colour.transfer == "sdr" else np.asarray(cv2.transform(pixels, _TO_709))

    def picture(self, width: int | None = None) -> bytes:
        """A JPEG for screens, at most as wide as the clip; HDR as SDR shows it best."""
        pixels = self.bgr8() if width is None or width >= self.width else self.small(width)
        pixels = self.on_screen(pixels)
        buffer = io.BytesIO()
        Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)).save(buffer, "JPEG", quality=QUALITY)
        return buffer.getvalue()


def frame_of(frame: av.VideoFrame, clip: Clip, index: int, ticks: int) -> ClipFrame:
    """A decoded picture as a frame of the clip; formats that are not edited in place are converted."""
    name = frame.format.name
    wanted = editable(name)
    if wanted != name:
        # The same matrix and range on both sides: samples change their places, not their meaning.
        converted = frame.reformat(format=wanted, src_colorspace=Colorspace.ITU709, dst_colorspace=Colorspace.ITU709,
                                   src_color_range=ColorRange.MPEG, dst_color_range=ColorRange.MPEG)
        converted.colorspace, converted.color_range = frame.colorspace, frame.color_range
        converted.pts = frame.pts
        if frame.time_base is not None:
            converted.time_base = frame.time_base
        frame = converted
    return ClipFrame(frame, clip, index, ticks)


class ClipDraft:
    """A frame being changed. The first write copies the planes: decoders still need theirs."""

    def __init__(self, frame: ClipFrame) -> None:
        self.frame = frame
        self._own = False

    def enlarge(self, pixels: Pixels) -> None:
        """The frame in the size of `pixels`, (h, w, 3) working colour of the upright picture: its planes are enlarged
        plainly (transparency, and what no colour can say, stay as they are), and then shows these."""
        frame, clip = self.frame, self.frame.clip
        height, width = pixels.shape[:2]
        across, down = (height / clip.height, width / clip.width)[::1 if clip.turn % 2 else -1]
        stored = (round(clip.stored[0] * across), round(clip.stored[1] * down))
        name = frame.av_frame.format.name
        made = converted(frame.av_frame, clip.colour, clip.colour, name, stored)
        self.frame = ClipFrame(made if made is not frame.av_frame else copy_of(made),
                               replace(clip, width=width, height=height, stored=stored), frame.index, frame.ticks)
        self._own = True
        self.write(Rect(0, 0, width, height), pixels, np.ones((height, width), np.float32))

    def write(self, rect: Rect, pixels: Pixels, mask: Mask) -> None:
        """Replaces the rectangle's colours where mask > 0. Parts over the edge are dropped.

        pixels: (h, w, 3) working colour (uint8 or float32, BGR, 0..255); mask: (h, w). Luma changes under the mask
        alone, chroma in samples that cover a pixel under it.
        """
        frame = self.frame
        inside = Rect(max(rect.x0, 0), max(rect.y0, 0), min(rect.x1, frame.width), min(rect.y1, frame.height))
        if inside.x1 <= inside.x0 or inside.y1 <= inside.y0:
            return
        before = frame.colours(frame.view.stored_rect(inside))
        for band in _bands(inside, frame.layout) if frame.view.plain else (inside,):
            inner = np.s_[band.y0 - rect.y0:band.y1 - rect.y0, inside.x0 - rect.x0:inside.x1 - rect.x0]
            seen = before[band.y0 - inside.y0:band.y1 - inside.y0] if frame.view.plain else before
            self._write(band, pixels[inner], mask[inner], seen)
        if self._own:
            self.frame.seen.clear()

    def _write(self, inside: Rect, pixels: Pixels, mask: Mask, before: Pixels) -> None:
        """One band. before: colours of what is stored there."""
        frame = self.frame
        touched = np.asarray(mask > 0, np.uint8)
        left, top, width, height = cv2.boundingRect(touched)
        if width == 0:
            return
        if frame.view.plain:  # an oval in the rectangle of a turned crop leaves much of it alone
            part = np.s_[top:top + height, left:left + width]
            pixels, mask, before, touched = pixels[part], mask[part], before[part], touched[part]
            inside = Rect(inside.x0 + left, inside.y0 + top, inside.x0 + left + width, inside.y0 + top + height)
        stored = frame.view.stored_rect(inside)
        change = _difference(np.ascontiguousarray(pixels), frame.view.upright(before, stored, inside), touched)
        if change is None:
            return
        moved = frame.view.back(change, inside, stored)
        moved = _within_reach(frame, stored, before, moved, mask, inside)
        if not self._own:
            self.frame = frame = ClipFrame(copy_of(frame.av_frame), frame.clip, frame.index, frame.ticks)
            self._own = True
        _add(frame, stored, moved)


# Reading ------------------------------------------------------------------------------------------------------------

def _eight_bit(pixels: Pixels) -> Pixels:
    return pixels if pixels.dtype == np.uint8 else np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)


def _cut(samples: NDArray[Any], rect: Rect) -> NDArray[Any]:
    return samples[rect.y0:rect.y1, rect.x0:rect.x1]


def _bands(rect: Rect, layout: Layout) -> Iterator[Rect]:
    """A rectangle from top to bottom, whole rows of chroma at a time, in pieces that a core's own memory holds: what is
    done in a dozen steps takes half the time (measured, faces of 270 to 850 pixels across)."""
    rows = max(_BAND // (12 * (rect.x1 - rect.x0)), 16)
    start = rect.y0
    while start < rect.y1:
        stop = min((start + rows) // layout.down * layout.down, rect.y1)
        yield Rect(rect.x0, start, rect.x1, stop)
        start = stop


def _chroma_rect(rect: Rect, layout: Layout) -> Rect:
    """The chroma samples that a rectangle's pixels lie in."""
    return Rect(rect.x0 // layout.across, rect.y0 // layout.down, -(-rect.x1 // layout.across),
                -(-rect.y1 // layout.down))


def _from_yuv(frame: ClipFrame, layout: Layout, rect: Rect) -> Pixels:
    place = _chroma_rect(rect, layout)
    wide = Rect(place.x0 * layout.across, place.y0 * layout.down, place.x1 * layout.across, place.y1 * layout.down)
    luma = _cut(plane(frame.av_frame, 0, layout), rect)
    # Chroma is enlarged over whole blocks and then cut, so that a rectangle's pixels do not depend on its bounds
    # (but for the outermost, which see no neighbours).
    size = (wide.x1 - wide.x0, wide.y1 - wide.y0)
    inner = np.s_[rect.y0 - wide.y0:rect.y1 - wide.y0, rect.x0 - wide.x0:rect.x1 - wide.x0]
    chroma = [one if (layout.across, layout.down) == (1, 1) else
              cv2.resize(np.ascontiguousarray(one), size, interpolation=cv2.INTER_NEAREST)[inner]
              for one in (_cut(samples, place) for samples in _chroma(frame.av_frame, layout))]
    return _to_colours(frame, layout, luma, *chroma)


def _chroma(frame: av.VideoFrame, layout: Layout) -> tuple[NDArray[Any], NDArray[Any]]:
    if layout.kind == "semi":
        both = np.frombuffer(memoryview(frame.planes[1]), layout.dtype).reshape(frame.planes[1].height, -1)
        width = -(-frame.width // layout.across)
        return both[:, 0:2 * width:2], both[:, 1:2 * width:2]
    return plane(frame, 1, layout), plane(frame, 2, layout)


def _to_colours(frame: ClipFrame, layout: Layout, luma: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any]) -> Pixels:
    """BGR of three planes of one size: uint8, or float32 0..255 of deep samples (not yet clipped)."""
    matrix = to_bgr(frame.clip.colour, layout.depth)
    samples = np.asarray(cv2.merge([np.ascontiguousarray(one) for one in (luma, cb, cr)]))
    if layout.depth <= 8:
        return np.asarray(cv2.transform(samples, matrix.astype(np.float32)))
    deep = samples.astype(np.float32)
    if layout.shift:
        deep /= 1 << layout.shift
    return np.asarray(cv2.transform(deep, matrix))


def _rgb(frame: av.VideoFrame, layout: Layout, rect: Rect) -> Pixels:
    if layout.kind == "gbr":
        parts = [_cut(plane(frame, number, layout), rect) for number in (1, 0, 2)]  # planes are G, B, R
        pixels = np.asarray(cv2.merge([np.ascontiguousarray(part) for part in parts]))
    else:
        pixels = np.ascontiguousarray(_cut(plane(frame, 0, layout), rect)[..., list(layout.places)])
    return pixels if layout.depth <= 8 else pixels.astype(np.float32) * np.float32(255 / ((1 << layout.depth) - 1))


def _grey(frame: ClipFrame, layout: Layout, rect: Rect) -> Pixels:
    black, reach, _, _ = samples_of(frame.clip.colour, layout.depth)
    luma = _cut(plane(frame.av_frame, 0, layout), rect).astype(np.float32)
    values = np.repeat(((luma - black) * (255 / reach))[..., None], 3, axis=2)
    return _eight_bit(values) if layout.depth <= 8 else values.astype(np.float32)


def _shrunk(frame: ClipFrame, layout: Layout, size: tuple[int, int]) -> Pixels:
    """The stored picture at a size, planes first: a sixteenth of the work of colours first."""
    if layout.rgb or layout.kind == "grey":
        whole = frame.colours(frame.view.whole)
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))
    planes = (plane(frame.av_frame, 0, layout), *_chroma(frame.av_frame, layout))
    parts = [cv2.resize(np.ascontiguousarray(one), size, interpolation=cv2.INTER_AREA) for one in planes]
    values = _to_colours(frame, layout, *parts)
    return to_working(np.clip(values, 0, 255), frame.clip.colour.transfer) if layout.depth > 8 else values


# Writing ------------------------------------------------------------------------------------------------------------

def _difference(after: Pixels, before: Pixels, touched: NDArray[np.uint8]) -> Floats | None:
    """after - before where touched, else 0; None where that is nothing at all."""
    if after.dtype == before.dtype == np.uint8:
        # In bytes for as long as it can be: a quarter of the memory to go through.
        after = np.asarray(cv2.copyTo(after, touched, before.copy()))
        same = cv2.norm(after, before, cv2.NORM_INF) == 0
        # By way of 16 bits: numpy and cv2 take half as long again for a float difference of bytes.
        return None if same else np.subtract(after, before, dtype=np.int16).astype(np.float32)
    change = np.asarray(cv2.copyTo(cv2.subtract(after, before, dtype=cv2.CV_32F), touched), np.float32)
    return change if change.any() else None


def _within_reach(frame: ClipFrame, rect: Rect, before: Pixels, change: Floats, mask: Mask, inside: Rect) -> Floats:
    """A difference of working colour, (h, w, 3), as one of R'G'B' code values on the scale 0..255.

    HDR's curve is undone. Luma and chroma may stand for colours beyond black and white, which working colour cuts off:
    where such a pixel is changed, what lies beyond goes too, as far as the mask says.
    """
    layout, transfer = frame.layout, frame.clip.colour.transfer
    codes = change
    if layout.depth > 8 and transfer != "sdr":
        after = np.clip(before + change, 0, 255)
        moved = (change != 0).any(axis=2, keepdims=True)
        codes = np.where(moved, from_working(after, transfer) - from_working(before, transfer), np.float32(0))
    if layout.rgb:
        return codes
    # Single pixels by their place in the rectangle, row after row: a head's dark hair holds many, and numpy finds them
    # four times as fast by one number as by two.
    weights = np.ascontiguousarray(frame.view.back(np.asarray(mask, np.float32), inside, rect))
    places = _cut_off(before, weights > 0)
    moved = np.take(change.reshape(-1, 3), places, axis=0)
    changed = (moved[:, 0] != 0) | (moved[:, 1] != 0) | (moved[:, 2] != 0)
    places = places[changed]
    if places.size:
        weight = np.take(weights, places)
        beyond = _codes_at(frame, layout, rect, places)
        beyond -= np.clip(beyond, 0, 255)
        flat = codes.reshape(-1, 3)
        flat[places] = np.take(flat, places, axis=0) - beyond * weight[:, None]
    return codes


def _cut_off(pixels: Pixels, among: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Places of pixels with a channel at either end of the scale, of those that are `among`."""
    if pixels.dtype == np.uint8:  # cv2 tells in a tenth of numpy's time, and numpy finds truths sooner than bytes
        whole = cv2.inRange(pixels, (1, 1, 1), (254, 254, 254))  # 255 where nothing was cut off
        return np.flatnonzero(np.asarray(cv2.subtract(among.view(np.uint8), whole)).view(np.bool_))
    return np.flatnonzero(((pixels <= 0) | (pixels >= 255)).any(axis=2) & among)


def _codes_at(frame: ClipFrame, layout: Layout, rect: Rect, places: NDArray[np.intp]) -> Floats:
    """(N, 3) R'G'B' code values of single pixels of a rectangle, not cut off; scale 0..255, B first."""
    luma = np.take(np.ascontiguousarray(_cut(plane(frame.av_frame, 0, layout), rect)), places)
    _, _, middle, _ = samples_of(frame.clip.colour, layout.depth)
    parts = [luma, np.full_like(luma, middle), np.full_like(luma, middle)]
    if layout.kind != "grey":
        rows, columns = np.divmod(places, rect.x1 - rect.x0)
        block = _chroma_rect(rect, layout)
        rows = (rows + rect.y0) // layout.down - block.y0
        rows *= block.x1 - block.x0
        rows += (columns + rect.x0) // layout.across - block.x0
        parts[1:] = (np.take(np.ascontiguousarray(_cut(one, block)), rows) for one in _chroma(frame.av_frame, layout))
    samples = np.stack([np.asarray(part >> layout.shift, np.float32) for part in parts], axis=1)
    matrix = to_bgr(frame.clip.colour, layout.depth).astype(np.float32)
    return np.asarray(samples @ matrix[:, :3].T + matrix[:, 3], np.float32)


def _add(frame: ClipFrame, rect: Rect, change: Floats) -> None:
    """Adds a difference of R'G'B' to a rectangle of the stored picture, in the frame's own memory."""
    layout = frame.layout
    if layout.rgb:
        _add_rgb(frame.av_frame, layout, rect, change)
        return
    # One plane at a time: to take them out of one array of three costs more than all the arithmetic.
    matrix = from_bgr(frame.clip.colour, layout.depth)
    luma, *chroma = (np.asarray(cv2.transform(change, matrix[row:row + 1]), np.float32) for row in range(3))
    _add_to(_cut(plane(frame.av_frame, 0, layout), rect), luma, layout)
    if layout.kind == "grey":
        return
    place = _chroma_rect(rect, layout)
    for samples, moved in zip(_chroma(frame.av_frame, layout), chroma, strict=True):
        _add_to(_cut(samples, place), _block_means(moved, rect, place, layout, frame.view.whole), layout)


def _block_means(change: Floats, rect: Rect, place: Rect, layout: Layout, picture: Rect) -> Floats:
    """The mean change over each chroma sample's pixels; pixels of its block beyond the rectangle do not change. Blocks
    that reach over the picture's edge have fewer pixels."""
    if (layout.across, layout.down) == (1, 1):
        return change
    height, width = (place.y1 - place.y0) * layout.down, (place.x1 - place.x0) * layout.across
    top, left = rect.y0 - place.y0 * layout.down, rect.x0 - place.x0 * layout.across
    if change.shape == (height, width):
        return np.asarray(cv2.resize(change, (place.x1 - place.x0, place.y1 - place.y0),
                                     interpolation=cv2.INTER_AREA))
    whole = np.zeros((height, width), np.float32)
    bottom, right = top + change.shape[0], left + change.shape[1]
    whole[top:bottom, left:right] = change
    if rect.x1 == picture.x1:
        whole[:, right:] = whole[:, right - 1:right]
    if rect.y1 == picture.y1:
        whole[bottom:] = whole[bottom - 1:bottom]
    return np.asarray(cv2.resize(whole, (place.x1 - place.x0, place.y1 - place.y0), interpolation=cv2.INTER_AREA))


def _add_to(samples: NDArray[Any], change: Floats, layout: Layout) -> None:
    """In place, rounded and cut off at the format's ends. Samples whose change rounds to nothing keep their bits."""
    if layout.depth <= 8:
        # OpenCV rounds and saturates; a view that is not contiguous is written back through numpy.
        samples[...] = cv2.add(np.ascontiguousarray(samples), change, dtype=cv2.CV_8U)
        return
    top = (1 << layout.depth) - 1
    steps = np.rint(change).astype(np.int32)
    low = samples & ((1 << layout.shift) - 1) if layout.shift else 0
    values = np.clip((samples >> layout.shift).astype(np.int32) + steps, 0, top)
    samples[...] = np.asarray((values << layout.shift) + low, np.uint16)


def _add_rgb(frame: av.VideoFrame, layout: Layout, rect: Rect, change: Floats) -> None:
    if layout.depth > 8:
        change = change * np.float32(((1 << layout.depth) - 1) / 255)
    if layout.kind == "gbr":
        for number, channel in ((1, 0), (0, 1), (2, 2)):
            _add_to(_cut(plane(frame, number, layout), rect), np.ascontiguousarray(change[..., channel]), layout)
        return
    target = _cut(plane(frame, 0, layout), rect)
    for channel, place in enumerate(layout.places):
        _add_to(target[..., place], np.ascontiguousarray(change[..., channel]), layout)
