"""Writing pictures: in the format that the output's name asks for, with what the input said about itself and what was
done to it, whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from models.errors import OutputError
from pipeline.frame import Frame
from pipeline.pictures import atomic
from pipeline.pictures.encode import encode
from pipeline.pictures.formats import FORMATS, KNOWN, suffix_format
from pipeline.pictures.picture import Edit, Picture, Written
from pipeline.pictures.xmp import sidecar_of


def check_output(output: Path, overwrite: bool, inputs: Sequence[Path]) -> None:
    """What can be known before any work. Raises OutputError OUTPUT.NO_FOLDER, OUTPUT.IS_INPUT, OUTPUT.EXISTS or
    OUTPUT.UNWRITABLE. inputs: files that must never be replaced, under whatever name."""
    try:
        status = os.stat(output)
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except (OSError, ValueError) as error:
        raise OutputError(f"{output} cannot be written: {getattr(error, 'strerror', None) or error}.",
                          subject=str(output), remedy="Choose another name.") from error
    if not output.parent.is_dir():
        raise atomic.no_folder(output)
    if status is not None:
        _check_present(output, status, overwrite, inputs)
    if not os.access(os.path.realpath(output.parent), os.W_OK | os.X_OK):
        raise OutputError(f"{output} cannot be written: you may not write into {output.parent}.", subject=str(output),
                          remedy="Save to a folder that you may write to.")


def _check_present(output: Path, status: os.stat_result, overwrite: bool, inputs: Sequence[Path]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OutputError(f"{output} is a folder.", subject=str(output), remedy="Name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(f"{output} is a device or a pipe, not a file.", subject=str(output),
                          remedy="Name a file.")
    for one in inputs:
        # By device and number, so that links and other spellings of the same file are found.
        if one.exists() and os.path.samestat(os.stat(one), status):
            raise OutputError(f"{output} is the same file as the input {one}.", subject=str(output),
                              code="OUTPUT.IS_INPUT", remedy="Choose another name: inputs are never replaced.")
    if not overwrite:
        raise atomic.exists(output)


def write_picture(frame: Frame, like: Picture, output: Path, *, edit: Edit, format: str | None = None,
                  quality: int | None = None, overwrite: bool = False, inputs: Sequence[Path] = (),
                  companions: Sequence[tuple[Path, bytes]] = ()) -> Written:
    """Writes a frame as a picture like its input: samples, colour profile, metadata and way of coding.

    format: a key of formats.FORMATS; else the output's suffix decides, and where it has none the input's format.
    quality: 1..100 for lossy formats; None means the input's own for a JPEG that was one, else the format's usual.
    inputs: files never to be replaced. companions: other files that are written with it, all of them or none.
    Raises OutputError (see check_output), OUTPUT.FORMAT, DISK.FULL.
    """
    chosen = format or (suffix_format(output) if output.suffix else like.format)
    if chosen not in FORMATS:
        raise OutputError(f"{output} cannot be written as {chosen.upper()}.", subject=str(output),
                          code="OUTPUT.FORMAT", remedy=f"End its name in one of {KNOWN}.")
    check_output(output, overwrite, inputs)
    coded = encode(frame, like, chosen, edit=edit, quality=quality)
    files = [(output, coded.data)]
    beside = sidecar_of(output) if coded.sidecar is not None else None
    if beside is not None and coded.sidecar is not None:
        check_output(beside, overwrite, inputs)
        files.insert(0, (beside, coded.sidecar))
    atomic.write_all([*companions, *files], overwrite=overwrite)
    return Written(output, len(coded.data), chosen, beside, coded.notes)
