"""`password`: another password for the owner, where the old one is not known any more."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from models.errors import LikenessError
from pipeline.data_folder import data_folder
from studio.access.audit import Audit
from studio.access.keys import Keys
from studio.commands.faults import DONE
from studio.commands.terminal import Terminal


def password(args: Namespace, terminal: Terminal) -> int:
    folder = data_folder(args.data_dir)
    keys = Keys(folder)
    if args.file is not None:
        keys.take_password(read_password(args.file))
        made = None
    else:
        made = keys.make_password()
    Audit(folder).note("Owner", "password.new", by="command line")
    words = "The password is the one in the file now." if made is None else f"The owner's password is now: {made}"
    terminal.answer({"password": made}, f"{words}\nIt counts for a running studio from its next start.")
    return DONE


def read_password(path: Path) -> str:
    """The first line. Raises LikenessError `ACCESS.PASSWORD_FILE`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not text"
        raise LikenessError(f"The password cannot be read from {path}: {why}.", subject=str(path),
                            code="ACCESS.PASSWORD_FILE",
                            remedy="See that the file is there and that this user may read it.") from error
    line = text.splitlines()[0] if text.strip() else ""
    if not line.strip():
        raise LikenessError(f"The first line of {path} is empty.", subject=str(path), code="ACCESS.PASSWORD_FILE",
                            remedy="Write the password into its first line.")
    return line
