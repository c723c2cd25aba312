"""What can be wrong with a clip, each with its code, its words and its remedy."""

from __future__ import annotations

import errno
import os
import stat
from fractions import Fraction
from pathlib import Path

from models.errors import InputError, LikenessError, MediaError, MissingInput

AGAIN = "Copy or download it again."
ANEW = "Save it anew in another program, as MP4 with H.264 for example, and give that."
KINDS = "MP4, MOV, MKV, WebM, AVI, MPEG-TS, GIF or numbered pictures"


class MediaDamaged(MediaError):
    """A clip cannot be decoded further (`MEDIA.DAMAGED`). ticks: of the first picture that is not good any more."""

    code = "MEDIA.DAMAGED"

    def __init__(self, shown: str, ticks: int, at: Fraction) -> None:
        super().__init__(f"{shown} is damaged {clock(at)} from its beginning: it cannot be decoded further.",
                         subject=shown, remedy="Copy or download it again, or let it be rendered up to there.")
        self.ticks = ticks


def clock(seconds: Fraction) -> str:
    """A time as people read it: 0:07.480, 1:02:03.000."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(max(thousandths, 0), 60_000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def status_of(path: Path, shown: str) -> os.stat_result:
    """Never waits for a pipe. Raises MissingInput, InputError, MediaError."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise unreachable(shown, error) from error
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise InputError(f"{shown} is not a file but a device or a pipe.", subject=shown, code="INPUT.NOT_A_FILE",
                         remedy="Save the clip as a file, and give that.")
    return status


def unreachable(shown: str, error: Exception) -> LikenessError:
    """For whatever the system says about a file."""
    number = getattr(error, "errno", None)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)) or number in (errno.ENOENT, errno.ENOTDIR):
        return MissingInput(f"There is no file {shown}.", subject=shown, remedy="Check its name and folder.")
    if isinstance(error, PermissionError) or number in (errno.EACCES, errno.EPERM):
        return InputError(f"{shown} may not be read by you.", subject=shown, code="INPUT.NO_PERMISSION",
                          remedy="Change the file's permissions, or copy it to a folder of yours.")
    reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
    return MediaError(f"{shown} cannot be read: {reason}.", subject=shown,
                      remedy="Check its name and the disk that it lies on.")


def gone(shown: str) -> MediaError:
    return MediaError(f"{shown} is not there any more, or its disk is not.", subject=shown, code="MEDIA.GONE",
                      remedy="Put it back where it was, then go on.")


def empty(shown: str) -> MediaError:
    return MediaError(f"{shown} is empty: it holds no bytes.", subject=shown, code="MEDIA.EMPTY", remedy=AGAIN)


def unknown(shown: str) -> MediaError:
    return MediaError(f"{shown} is not a clip that can be read.", subject=shown, code="MEDIA.UNKNOWN_FORMAT",
                      remedy=f"Give {KINDS}.")


def picture(shown: str, moving: str | None) -> InputError:
    """moving: what it is called where it moves after all."""
    if moving is None:
        return InputError(f"{shown} is a still picture.", subject=shown, code="INPUT.IS_PICTURE",
                          remedy=f"A clip is wanted here: {KINDS}.")
    return InputError(f"{shown} is {moving}, of which only the first picture can be read.", subject=shown,
                      code="INPUT.IS_PICTURE", remedy="Save it as a GIF or MP4 in another program, and give that.")


def unreadable(shown: str, *, truncated: bool) -> MediaError:
    if truncated:
        return MediaError(f"{shown} ends too early: the part that says how to read it is missing.", subject=shown,
                          code="MEDIA.TRUNCATED", remedy=AGAIN)
    return MediaError(f"{shown} is damaged: it begins as a clip, but nothing in it can be decoded.", subject=shown,
                      remedy=f"{AGAIN[:-1]}, or save it anew in another program.")


def no_video(shown: str) -> MediaError:
    return MediaError(f"{shown} has no moving picture: it holds sound or still pictures alone.", subject=shown,
                      code="MEDIA.NO_VIDEO", remedy="Give a clip that shows something.")


def no_codec(shown: str, what: str) -> MediaError:
    return MediaError(f"{shown} is {what}.", subject=shown, code="MEDIA.CODEC", remedy=ANEW)


def encrypted(shown: str) -> MediaError:
    return MediaError(f"{shown} is encrypted: without its key nothing in it can be decoded.", subject=shown,
                      code="MEDIA.CODEC", remedy="Give a copy of it that is not protected.")


def back_in_time(shown: str, after: Fraction) -> MediaError:
    return MediaError(f"{shown} goes back in time: after {clock(after)} a picture comes that should have been shown "
                      "before.",
                      subject=shown, code="MEDIA.TIMESTAMPS", remedy=ANEW)


def changes(shown: str, at: Fraction, before: str, after: str) -> MediaError:
    return MediaError(f"{shown} changes its pictures {clock(at)} from its beginning, from {before} to {after}.",
                      subject=shown, code="MEDIA.SIZE_CHANGES",
                      remedy="Cut it there in another program, and give the pieces one by one.")


def absurd_size(shown: str, width: int, height: int, most: int) -> MediaError:
    if width < 1 or height < 1:
        return MediaError(f"{shown} is {width} x {height} pixels: there is no picture in it.", subject=shown,
                          code="MEDIA.EMPTY", remedy="Give a clip with at least one pixel.")
    return MediaError(f"{shown} is {width:,} x {height:,} pixels; no side may be longer than {most:,}.", subject=shown,
                      code="MEDIA.TOO_LARGE", remedy="Make it smaller in another program first.")


def absurd_rate(shown: str, rate: Fraction, most: int) -> MediaError:
    return MediaError(f"{shown} says that it has {float(rate):,.0f} pictures a second, more than the {most:,} that are "
                      "taken.", subject=shown, code="MEDIA.RATE", remedy=ANEW)
