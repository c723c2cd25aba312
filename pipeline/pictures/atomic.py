"""Files that are either there whole or not there: written beside their final name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from models.errors import OutputError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What file systems without hard links (FAT, some network shares) answer to link().
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV})


def write_all(files: Sequence[tuple[Path, bytes]], *, overwrite: bool) -> None:
    """Writes every file, or none: all are written and flushed to the disk under hidden names before the first gets its
    own. Without overwrite, a file that appears meanwhile is left alone. Links are followed.

    Raises OutputError OUTPUT.EXISTS, OUTPUT.NO_FOLDER, OUTPUT.UNWRITABLE or DISK.FULL; nothing is left behind then,
    and what was there before still is.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, data in files:
            final = Path(os.path.realpath(path))
            waiting.append((_stage(final, data, path), final))
        place_all(waiting, overwrite=overwrite)
    except OSError as error:
        raise in_words(error, files[len(waiting) - 1 if waiting else 0][0], sum(len(d) for _, d in files)) from error
    finally:
        for staged, _ in waiting:
            _forget(staged)


def place_all(waiting: Sequence[tuple[Path, Path]], *, overwrite: bool) -> None:
    """Gives whole files their final names: (hidden file, final name) each, all or none. Final names are resolved
    already. Raises OSError."""
    placed: list[Path] = []
    try:
        for staged, final in waiting:
            existed = final.exists()
            _place(staged, final, overwrite=overwrite)
            if not existed:
                placed.append(final)
    except BaseException:
        for final in placed:
            final.unlink(missing_ok=True)
        raise


def hidden_beside(final: Path) -> Path:
    """A name for the file while it is written, in the same folder."""
    return final.parent / f".likeness-{secrets.token_hex(6)}.part"


def _stage(final: Path, data: bytes, shown: Path) -> Path:
    """Writes data beside its final place, under a hidden name, with the mode that a new file (or the one that it will
    replace) has."""
    staged = hidden_beside(final)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(staged, flags, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if final.exists():
            os.chmod(staged, stat.S_IMODE(final.stat().st_mode))
    except OSError as error:
        _forget(staged)
        raise in_words(error, shown, len(data)) from error
    except BaseException:
        _forget(staged)
        raise
    return staged


def _forget(staged: Path) -> None:
    with contextlib.suppress(OSError):
        staged.unlink(missing_ok=True)


def _place(staged: Path, final: Path, *, overwrite: bool) -> None:
    if overwrite:
        os.replace(staged, final)
    elif os.name == "nt":
        os.rename(staged, final)  # refuses to replace, on Windows
    else:
        try:
            os.link(staged, final)  # refuses to replace, unlike rename
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            os.replace(staged, final)
    flush_folder(final.parent)


def flush_folder(folder: Path) -> None:
    """So that the new name survives a power cut. Not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def in_words(error: OSError, path: Path, size: int) -> OutputError:
    """What hindered the writing of path. size: bytes that it needs, 0 where that is not known."""
    if isinstance(error, OutputError):
        return error
    if error.errno in _NO_ROOM:
        free = ""
        with contextlib.suppress(OSError):
            free = f", and {shutil.disk_usage(path.parent).free:,} are free"
        needs = f"{path} needs {size:,} bytes{free}" if size else f"{path} does not fit{free.replace(', and', ':', 1)}"
        return OutputError(f"{needs}: the disk is full, or a limit on files is reached.",
                           subject=str(path), code="DISK.FULL",
                           remedy="Free some space, or save to another disk. Nothing was written.")
    if isinstance(error, FileExistsError):
        return exists(path)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return no_folder(path)
    return OutputError(f"{path} cannot be written: {error.strerror or error}.", subject=str(path),
                       remedy="Save to a folder that you may write to. Nothing was written.")


def exists(path: Path) -> OutputError:
    return OutputError(f"{path} is already there.", subject=str(path), code="OUTPUT.EXISTS",
                       remedy="Choose another name, or allow it to be replaced with --overwrite.")


def no_folder(path: Path) -> OutputError:
    """Why no file can be made there: no folder, a file in its place, or one that takes no files (`/proc`)."""
    folder = path.parent
    if folder.is_dir():
        return OutputError(f"{path} cannot be written: the folder {folder} takes no files.", subject=str(path),
                           remedy="Save to a folder that you may write to.")
    why = f"{folder} is a file, not a folder" if folder.exists() else f"there is no folder {folder}"
    return OutputError(f"{path} cannot be written: {why}.", subject=str(path), code="OUTPUT.NO_FOLDER",
                       remedy="Make the folder, or save elsewhere.")
