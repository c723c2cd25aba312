"""How a clip is written: container, codec, pixel format and the encoder's settings, settled before any work."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from models.errors import OutputError
from pipeline.clips.clip import Clip, Colour, Fields, Mastering
from pipeline.clips.containers import (
    PICTURE_CODECS,
    CodecRow,
    ContainerRow,
    codecs,
    container_by_suffix,
    containers,
    hardware_rows,
    speed_words,
)
from pipeline.clips.encoders import encoder_options, every_format
from pipeline.clips.hardware import Hardware
from pipeline.clips.pixel_formats import SAME_PLANES, holds, nearest
from pipeline.recipe import ClipOutput, Container
from processors.batches import Remark

UNSAID = 2
"""H.273's "unspecified" for matrix, primaries and transfer."""

_LOOKED_AT = 50
"""Times that are looked at to say whether a container rounds them."""

LARGEST = 35_651_584
"""Samples of the largest picture that any level of H.264 (6.2: 139,264 macroblocks, ITU-T H.264 table A-1), H.265 (6.2:
MaxLumaPs, ITU-T H.265 table A.8), VP9 and AV1 (6.x: MaxPicSize) allows: 8192 x 4352."""
_LEVELLED = ("h264", "h265", "vp9", "av1")

_GIF_FASTEST = 50
"""Browsers show GIF frames of less than 2/100 s for 10/100 s (WebKit's and Blink's rule since 2008)."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a clip is written.

    container, codec: names of encodings.toml. encoder: ffmpeg's name. pix_fmt: what the encoder is handed. options:
    the encoder's own. width, height: of the pictures as coded. sar: their sample aspect ratio. turn: clockwise quarter
    turns that the container asks players for. upright: turn the frames themselves instead (`filters.upright`). colour:
    as it is tagged. mastering: HDR metadata that goes along. fields: how pictures are interlaced. rate: nominal frames
    a second. fps: when frames are dropped or repeated, else None. time_base: seconds a tick of the parts' times.
    deinterlace, sdr: filters that run before the encoder. sound: whether sound tracks are kept. sets_number: which
    number the encoder's parameter sets have, where groups of the clip may be copied between what it encodes; 0 where
    not. notes: what people should know before it runs.
    """

    container: Container
    codec: str
    encoder: str
    pix_fmt: str
    options: tuple[tuple[str, str], ...]
    width: int
    height: int
    sar: Fraction
    rate: Fraction
    time_base: Fraction
    colour: Colour
    turn: int = 0
    upright: bool = False
    alpha: bool = False
    mastering: Mastering = field(default_factory=Mastering)
    fields: Fields = "progressive"
    fps: Fraction | None = None
    deinterlace: bool = False
    sdr: bool = False
    sound: bool = True
    sets_number: int = 0
    notes: tuple[Remark, ...] = ()

    @property
    def row(self) -> ContainerRow:
        return containers()[self.container]

    @property
    def coding(self) -> CodecRow:
        return codecs()[self.codec]

    @property
    def smart(self) -> bool:
        """Whether groups of the clip may be copied between what is encoded."""
        return self.sets_number > 0


def resolve(clip: Clip, output: Path | Container, settings: ClipOutput,
            hardware: Hardware | None = None, factor: Fraction = Fraction(1)) -> Encoding:
    """Settles how a clip is written. What nobody says follows the clip, or what effects make of its size. factor: how
    many times as wide and as high that is.

    output: the file's name (its ending says the container, a picture's ending or a folder's name with
    `settings.container = "sequence"` a sequence), or the container. hardware: what this machine's cards can, asked only
    where settings.encoder names one. Raises OutputError `OUTPUT.CONTAINER`, `OUTPUT.CODEC`, `OUTPUT.ALPHA`,
    `OUTPUT.TOO_LARGE`.
    """
    container = container_of(clip, output, settings)
    codec, notes = _codec(clip, container, output, settings)
    _check_rate(clip, container, settings)
    upright = clip.turn != 0 and not container.turns
    width, height, sar = _size(clip, settings, upright, factor)
    if factor != 1:
        _check_size(clip, codec, width, height)
    pix_fmt, more = _pixels(clip, codec, settings, (width, height), turned=upright and clip.turn % 2 == 1)
    fps = _fps(clip, container, settings)
    sdr = _becomes_sdr(clip, codec, settings)
    plain = Encoding(
        container=container.name, codec=codec.name, encoder=codec.encoder, pix_fmt=pix_fmt, options=(),  # type: ignore[arg-type]
        width=width, height=height, sar=sar, rate=fps or clip.rate, time_base=_time_base(clip, fps),
        colour=_colour(clip, codec, pix_fmt, sdr=sdr), turn=0 if upright else clip.turn, upright=upright,
        alpha=holds(pix_fmt).alpha and clip.alpha, mastering=Mastering() if sdr else clip.mastering,
        fields="progressive" if settings.deinterlace else clip.fields, fps=fps,
        deinterlace=settings.deinterlace and clip.fields != "progressive",
        sdr=sdr,
        sound=settings.sound, notes=(*notes, *more, *_said(clip, container, codec, settings, fps, upright)))
    return _with_encoder(clip, plain, settings, hardware)


def container_of(clip: Clip, output: Path | Container, settings: ClipOutput) -> ContainerRow:
    """By the settings, else the output's ending, else the clip's own container (MKV where it cannot be written)."""
    if settings.container:
        return containers()[settings.container]
    if not isinstance(output, Path):
        return containers()[output]
    if output.suffix:
        named = container_by_suffix(output.suffix)
        if named is None:
            known = ", ".join(row.suffixes[0] for row in containers().values() if row.suffixes)
            raise OutputError(f"{output} ends in {output.suffix}, which is no kind of clip that can be written.",
                              subject=str(output), code="OUTPUT.CONTAINER",
                              remedy=f"End its name in one of {known}, or in .png for a sequence.")
        return containers()[named]
    return containers()[own_container(clip)]


def own_container(clip: Clip) -> str:
    """The clip's own container's name in encodings.toml, or "mkv", which holds nearly everything."""
    if clip.kind != "file":
        return clip.kind
    by_name = container_by_suffix(clip.path.suffix)
    tokens = set(clip.format.replace(",", " ").split())
    if by_name and (containers()[by_name].muxer in tokens or by_name in tokens or "mov" in tokens):
        return by_name
    return next((row.name for row in containers().values() if {row.name, row.muxer} & tokens), "mkv")


def _codec(clip: Clip, container: ContainerRow, output: Path | Container,
           settings: ClipOutput) -> tuple[CodecRow, tuple[Remark, ...]]:
    if settings.codec:
        if settings.codec not in container.codecs:
            titles = ", ".join(codecs()[name].title for name in container.codecs)
            raise OutputError(f"{codecs()[settings.codec].title} cannot be written into {container.title}.",
                              subject=str(output), code="OUTPUT.CODEC",
                              remedy=f"Choose one of {titles}, or another kind of file.")
        codec = codecs()[settings.codec]
        lost = clip.alpha and "*" not in codec.formats and not any(holds(name).alpha for name in codec.formats)
        return codec, (_alpha_lost(codec),) if lost else ()
    if clip.alpha and container.alpha:
        if container.name == "sequence" and isinstance(output, Path) and output.suffix.lower() in PICTURE_CODECS:
            return _picture_codec(clip, output)
        return codecs()[container.alpha], ()
    if clip.alpha and clip.kind != "gif":
        raise OutputError(f"{clip.name} is transparent in places, and {container.title} cannot keep that.",
                          subject=clip.name, code="OUTPUT.ALPHA",
                          remedy="Write MOV, MKV or WebM, or name a codec (H.264) to give transparency up.")
    if container.name == "sequence" and isinstance(output, Path):
        return _picture_codec(clip, output)
    hdr = clip.colour.transfer != "sdr"
    deep = (hdr and not settings.sdr) or (clip.depth > 8 and not hdr)
    codec = codecs()[container.deep if deep else container.codecs[0]]
    return codec, (_alpha_lost(codec),) if clip.alpha else ()


def _picture_codec(clip: Clip, output: Path) -> tuple[CodecRow, tuple[Remark, ...]]:
    codec = codecs()[PICTURE_CODECS.get(output.suffix.lower(), "png")]
    lost = clip.alpha and codec.name == "jpeg"
    return codec, (_alpha_lost(codec),) if lost else ()


def _alpha_lost(codec: CodecRow) -> Remark:
    return Remark("OUTPUT.ALPHA", f"{codec.title} has no transparency here: the pictures become opaque.")


def _check_rate(clip: Clip, container: ContainerRow, settings: ClipOutput) -> None:
    if clip.variable and not container.variable and not settings.fps:
        raise OutputError(f"{clip.name} has pictures at uneven times, and {container.title} cannot keep that.",
                          subject=clip.name, code="OUTPUT.CONTAINER",
                          remedy="Write MP4, MOV, MKV or WebM, or choose a number of frames a second.")


def _size(clip: Clip, settings: ClipOutput, upright: bool, factor: Fraction) -> tuple[int, int, Fraction]:
    """(width, height, sample aspect ratio) of the pictures as coded. Scaled sizes are even, which all codecs take."""
    width, height = clip.stored
    sar = clip.sar or Fraction(1)
    if upright and clip.turn % 2:
        width, height, sar = height, width, 1 / sar
    if settings.height:
        factor = Fraction(settings.height, clip.height)
    if factor != 1:
        width, height = _even(width * factor), _even(height * factor)
    return width, height, sar


def _check_size(clip: Clip, codec: CodecRow, width: int, height: int) -> None:
    if codec.name in _LEVELLED and width * height > LARGEST:
        raise OutputError(f"{clip.name} would become {width} × {height}, and {codec.title} holds nothing larger than "
                          "8192 × 4352.", subject=clip.name, code="OUTPUT.TOO_LARGE",
                          remedy="Choose a smaller size in the effect that enlarges it, or a height for the output.")


def _even(length: Fraction) -> int:
    return max(2 * round(length / 2), 2)


def _pixels(clip: Clip, codec: CodecRow, settings: ClipOutput, size: tuple[int, int], *,
            turned: bool) -> tuple[str, tuple[Remark, ...]]:
    """(pixel format for the encoder, what is lost). turned: pictures turned on their side keep 4:2:2 only as 4:4:4."""
    offered = every_format(codec)
    own = holds(clip.pix_fmt)
    depth = 8 if _becomes_sdr(clip, codec, settings) else max(clip.depth, 10 if clip.colour.transfer != "sdr" else 8)
    odd = (False, False) if codec.odd else (size[0] % 2 == 1, size[1] % 2 == 1)
    source = clip.pix_fmt
    if turned and own.across != own.down:
        source = every_alike(clip.pix_fmt)
    chosen = nearest(source, offered, odd=odd, depth=depth)
    notes: list[Remark] = []
    has = holds(chosen)
    if has.depth < min(depth, clip.depth) and clip.codec != codec.decoder:
        notes.append(Remark("OUTPUT.DEPTH", f"{codec.title} holds {has.depth} of the clip's {clip.depth} bits a "
                            "sample.", {"bits": float(has.depth), "of": float(clip.depth)}))
    if any(odd) and own.across * own.down > 1 and has.across * has.down == 1:
        notes.append(Remark("OUTPUT.ODD_SIZE", f"{size[0]} × {size[1]} has an odd side, which {codec.title} only takes "
                            "with full colour resolution (4:4:4): browsers play that, some televisions do not.",
                            {"width": float(size[0]), "height": float(size[1])}))
    elif 0 < has.chroma < own.chroma and not own.rgb:
        notes.append(Remark("OUTPUT.CHROMA", f"{codec.title} holds colour at a lower resolution than the clip."))
    # x264 and x265 know full range under the old names, and take the decoder's planes as they are.
    if clip.pix_fmt in SAME_PLANES and codec.name in ("h264", "h265") and SAME_PLANES[clip.pix_fmt] == chosen:
        chosen = clip.pix_fmt
    return chosen, tuple(notes)


def every_alike(pix_fmt: str) -> str:
    """The 4:4:4 format with the same depth and alpha."""
    own = holds(pix_fmt)
    name = "yuva444p" if own.alpha else "yuv444p"
    return name if own.depth == 8 else f"{name}{min(own.depth, 16)}le"


def _fps(clip: Clip, container: ContainerRow, settings: ClipOutput) -> Fraction | None:
    wanted = Fraction(settings.fps) if settings.fps else None
    if container.name == "gif" and (wanted or clip.rate) > _GIF_FASTEST:
        wanted = Fraction(_GIF_FASTEST)
    return None if wanted == clip.rate and not clip.variable else wanted


def _time_base(clip: Clip, fps: Fraction | None) -> Fraction:
    """The clip's own, or with another rate one in which its steps are whole (see `retime.retimed`)."""
    return clip.time_base if fps is None else Fraction(1, fps.numerator)


def _becomes_sdr(clip: Clip, codec: CodecRow, settings: ClipOutput) -> bool:
    """GIF and JPEG have eight bits and no way to say PQ or HLG."""
    return clip.colour.transfer != "sdr" and (settings.sdr or codec.name in ("gif", "jpeg"))


def _colour(clip: Clip, codec: CodecRow, pix_fmt: str, *, sdr: bool) -> Colour:
    """The clip's tags as they are; where pixels are converted, what they are converted to."""
    if codec.name == "prores" and clip.colour.full:
        return replace(clip.colour, full=False, range=1)  # ProRes knows studio range alone
    if sdr:
        return Colour(matrix="bt709", transfer="sdr", full=False, space=1, primaries=1, trc=1, range=1)
    if holds(clip.pix_fmt).rgb and not holds(pix_fmt).rgb:
        # sRGB pictures as BT.709 video, which is what players assume.
        return replace(clip.colour, matrix="bt709", full=False, space=1, range=1,
                       primaries=1 if clip.colour.primaries == UNSAID else clip.colour.primaries,
                       trc=13 if clip.colour.trc == UNSAID else clip.colour.trc)
    return clip.colour


def _said(clip: Clip, container: ContainerRow, codec: CodecRow, settings: ClipOutput, fps: Fraction | None,
          upright: bool) -> tuple[Remark, ...]:
    notes = []
    if container.tick and fps is None and any(
            (ticks * clip.time_base / container.tick).denominator > 1 for ticks in clip.pts[:_LOOKED_AT].tolist()):
        notes.append(Remark("OUTPUT.TIMES_ROUNDED", f"{container.title} keeps times to 1/{container.tick.denominator} "
                            "of a second; no picture is dropped."))
    if upright:
        notes.append(Remark("OUTPUT.TURNED", f"{container.title} cannot ask players to turn pictures: they are turned "
                            "themselves."))
    if container.name == "gif" and fps == _GIF_FASTEST and not settings.fps:
        notes.append(Remark("OUTPUT.GIF_RATE", "GIF shows at most 50 frames a second: some frames are left out.",
                            {"fps": float(_GIF_FASTEST)}))
    if clip.dolby_vision:
        notes.append(Remark("OUTPUT.DOLBY_VISION", "Dolby Vision's own layer cannot be kept; the HDR picture below it "
                            "is."))
    hdr = clip.mastering.master_display or clip.mastering.light
    if hdr and not settings.sdr and codec.name in ("vp9", "prores", "ffv1", "h264"):
        notes.append(Remark("OUTPUT.MASTERING", f"{codec.title} has no place for what the HDR picture was mastered "
                            "on."))
    return tuple(notes)


def _with_encoder(clip: Clip, plain: Encoding, settings: ClipOutput, hardware: Hardware | None) -> Encoding:
    """The encoder and its options; a named card's where a trial succeeds, else software, which is said."""
    speed = settings.speed or "medium"
    if speed not in speed_words():
        raise OutputError(f"There is no speed {speed!r}.", subject=speed, code="OUTPUT.CODEC",
                          remedy=f"Choose one of {', '.join(speed_words())}.")
    crf = plain.coding.crf if settings.crf is None else settings.crf
    if crf is not None and plain.codec in ("h264", "h265") and crf > 51:
        raise OutputError(f"{plain.coding.title} has no quality {crf}.", subject=str(crf), code="OUTPUT.CODEC",
                          remedy="Choose a number from 0 (best) to 51.")
    if settings.encoder in hardware_rows():
        row = hardware_rows()[settings.encoder]
        name = (hardware or Hardware()).encoder(settings.encoder, plain.codec)
        simple = holds(plain.pix_fmt).across == 2 and holds(plain.pix_fmt).depth in row.formats and (
            plain.fields == "progressive")
        if name and simple:
            plain = replace(plain, encoder=name, pix_fmt=row.formats[holds(plain.pix_fmt).depth])
        else:
            plain = replace(plain, notes=(*plain.notes, Remark(
                "OUTPUT.ENCODER", f"{row.title} cannot encode this here; {plain.coding.title} is encoded by the "
                "processor instead.")))
    if settings.smart and alike(clip, plain) and clip.groups is not None and not never_copied(clip):
        plain = replace(plain, sets_number=clip.groups.sets.free_number() or 0)
    return replace(plain, options=encoder_options(plain.encoder, plain, crf, speed))


def alike(clip: Clip, encoding: Encoding) -> bool:
    """Whether an output is wanted whose pictures are coded as the clip's, so that both can stand in one track."""
    return (clip.groups is not None and encoding.encoder == "libx264" and encoding.container in ("mp4", "mov", "mkv")
            and (encoding.width, encoding.height) == clip.stored and encoding.pix_fmt == clip.pix_fmt
            and encoding.sar == (clip.sar or 1) and encoding.colour == clip.colour and encoding.fps is None
            and not (encoding.upright or encoding.sdr or encoding.deinterlace))


def may_copy(clip: Clip, container: str, settings: ClipOutput, factor: Fraction) -> bool:
    """Whether what no effect touches could be copied with these settings; what they say of `smart` does not matter. No
    card is tried for it. factor: as in `resolve`."""
    if clip.groups is None or settings.encoder in hardware_rows():
        return False
    try:
        wanted = settings.model_copy(update={"smart": True})
        return resolve(clip, container, wanted, factor=factor).smart  # type: ignore[arg-type]
    except OutputError:  # said where it is to be written
        return False


def never_copied(clip: Clip) -> str:
    """Why no group of a clip can be copied beside encoded ones, in words; empty where some can."""
    if clip.groups is None:
        return "it is not H.264 in MP4, MOV or MKV"
    if clip.fields != "progressive":
        return "it is interlaced"
    if clip.dolby_vision:
        return "it carries Dolby Vision"
    if clip.groups.why:
        return clip.groups.why
    return "" if clip.groups.sets.free_number() else "it uses every number that parameter sets can have"
