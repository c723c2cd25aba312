"""Reading pictures: by what they contain, never by what they are called."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from models.errors import InputError, LikenessError, MediaError, MissingInput
from pipeline.frame import Frame
from pipeline.pictures.decode import DECODERS
from pipeline.pictures.decoded import MAX_BYTES, RefusedError, clip_refusal, turn
from pipeline.pictures.formats import CLIP, FOREIGN, FORMATS, named_format, sniff
from pipeline.pictures.picture import Picture
from processors.batches import Remark

_HEAD = 4096
_KINDS = "JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF"


def read_picture(path: Path, *, name: str | None = None) -> Picture:
    """Reads a picture, upright, with what its file says about it.

    name: what the user calls the file, where path is not that (an upload); its suffix is compared with the content.
    Raises MissingInput, InputError (`INPUT.IS_FOLDER`, `INPUT.NOT_A_FILE`, `INPUT.NO_PERMISSION`,
    `INPUT.IS_CLIP`) or MediaError (`MEDIA.EMPTY`, `MEDIA.UNKNOWN_FORMAT`, `MEDIA.TRUNCATED`, `MEDIA.TOO_LARGE`,
    `MEDIA.UNSUPPORTED`, `MEDIA.UNREADABLE`); each names the file.
    """
    shown = name if name is not None else str(path)
    data = _bytes_of(path, shown)
    kind = sniff(data[:_HEAD])
    try:
        if kind == CLIP:
            raise clip_refusal("a clip")
        if kind is None or kind == FOREIGN:
            raise _unknown(kind)
        decoded = DECODERS[kind](data)
    except RefusedError as refused:
        family = InputError if refused.code.startswith("INPUT.") else MediaError
        raise family(f"{shown} {refused.sentence}", subject=shown, code=refused.code,
                     remedy=refused.remedy) from refused
    except LikenessError:
        raise
    except MemoryError as error:
        raise MediaError(f"{shown} does not fit into this machine's memory.", subject=shown, code="MEDIA.TOO_LARGE",
                         remedy="Make the picture smaller in another program first.") from error
    except Exception as error:  # decoders raise almost anything for broken bytes; none of it may reach people bare
        raise _unreadable(shown, kind or "", error) from error
    frame = Frame(turn(decoded.samples, decoded.orientation),
                  None if decoded.alpha is None else turn(decoded.alpha, decoded.orientation))
    notes = (*_naming(shown, kind), *_turning(decoded.orientation), *decoded.notes, *_depth(frame))
    return Picture(frame, shown, path, "sha256:" + hashlib.sha256(data).hexdigest(), kind, decoded.icc,
                   decoded.metadata, decoded.lossless, decoded.orientation, decoded.premultiplied, decoded.compressed,
                   decoded.jpeg, notes)


def _bytes_of(path: Path, shown: str) -> bytes:
    """The file's bytes; never waits for a pipe or reads a device, and never reads a clip to its end."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{shown} is a folder.", subject=shown, code="INPUT.IS_FOLDER",
                             remedy=f"Give one picture: {_KINDS}.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{shown} is not a file but a device or a pipe.", subject=shown, code="INPUT.NOT_A_FILE",
                             remedy="Save the picture as a file, and give that.")
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            if not head:
                raise MediaError(f"{shown} is empty: it holds no bytes.", subject=shown, code="MEDIA.EMPTY",
                                 remedy="Copy or download it again.")
            if status.st_size > MAX_BYTES and sniff(head) != CLIP:
                raise MediaError(f"{shown} has {status.st_size:,} bytes, more than the {MAX_BYTES:,} that a picture of "
                                 "the largest size can need.", subject=shown, code="MEDIA.TOO_LARGE",
                                 remedy="Make the picture smaller in another program first.")
            return head if sniff(head) == CLIP else head + file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, LikenessError):
            raise
        raise MissingInput(f"There is no file {shown}.", subject=shown,
                           remedy="Check its name and folder.") from error
    except PermissionError as error:
        raise InputError(f"{shown} may not be read by you.", subject=shown, code="INPUT.NO_PERMISSION",
                         remedy="Change the file's permissions, or copy it to a folder of yours.") from error
    except LikenessError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise MediaError(f"{shown} cannot be read: {reason}.", subject=shown,
                         remedy="Check its name and the disk that it lies on.") from error


def _unknown(kind: str | None) -> RefusedError:
    what = "is a kind of file that Likeness does not read" if kind == FOREIGN else "is not a picture that can be read"
    return RefusedError(f"{what}.", "MEDIA.UNKNOWN_FORMAT", f"Save it as {_KINDS}, and give that.")


def _unreadable(shown: str, kind: str, error: Exception) -> MediaError:
    title = FORMATS[kind].title if kind in FORMATS else kind.upper()
    words = " ".join(str(error).lower().split())
    if any(hint in words for hint in ("truncat", "unexpected end", "broken data stream", "not enough", "premature")):
        return MediaError(f"{shown} ends too early: a part of the {title} is missing.", subject=shown,
                          code="MEDIA.TRUNCATED", remedy="Copy or download it again.")
    return MediaError(f"{shown} is damaged: it begins as {title}, but cannot be decoded.", subject=shown,
                      remedy="Copy or download it again, or save it anew in another program.")


def _naming(shown: str, kind: str) -> tuple[Remark, ...]:
    named = named_format(Path(shown))
    if named is None or named == kind:
        return ()
    title = FORMATS[kind].title if kind in FORMATS else kind.upper()
    return (Remark("PICTURE.MISLABELLED", f"{shown} is a {title}, whatever its name says. It was read as that."),)


def _turning(orientation: int) -> tuple[Remark, ...]:
    if orientation == 1:
        return ()
    return (Remark("PICTURE.TURNED", "Turned upright, as its EXIF orientation says.", {"orientation": orientation}),)


def _depth(frame: Frame) -> tuple[Remark, ...]:
    if frame.depth == 8:
        return ()
    return (Remark("PICTURE.DEPTH", "More than 8 bits a sample: all are kept.", {"bits": 16}),)
