"""`serve`: a port on this machine, the studio behind it, a browser in front."""

from __future__ import annotations

import socket
import webbrowser
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from pipeline.data_folder import data_folder
from pipeline.doctor import check_data_folder, examine
from pipeline.engine import Engine
from studio.commands.arguments import PORT
from studio.commands.faults import INTERRUPTED
from studio.commands.terminal import Terminal

HOST = "127.0.0.1"
# How many ports after the usual one are tried where nobody named one.
TRIES = 20


def serve(args: Namespace, terminal: Terminal) -> int:
    folder = data_folder(args.data_dir)
    _check_folder(folder)
    listening = listen(args.port)
    port = listening.getsockname()[1]
    if args.port is None and port != PORT:
        terminal.note(f"Port {PORT} is in use; taking {port}.")
    address = f"http://{HOST}:{port}"
    from studio.app import serve as serve_app

    engine = Engine()

    def ready() -> None:
        terminal.answer({"address": address}, f"Likeness is at {address} (Ctrl+C ends it)")
        if not args.no_browser:
            webbrowser.open(address)

    def checks() -> Sequence[Mapping[str, Any]]:
        return [row.to_data() for row in examine(folder, engine.registry.problems)]

    with suppress(KeyboardInterrupt):  # how a server is ended; there is nothing to say
        serve_app(engine, listening, ready, folder, checks=checks)
    return INTERRUPTED


def _check_folder(folder: Path) -> None:
    row = check_data_folder(folder)
    if row.state == "failure":
        raise LikenessError(row.words, subject=str(folder), remedy=row.remedy, code="DATA.UNWRITABLE")


def listen(port: int | None) -> socket.socket:
    """A socket on this machine alone: on the port that was named, or on the usual one or the next that is free.

    Raises LikenessError `SERVE.PORT_TAKEN`.
    """
    for candidate in [port] if port is not None else range(PORT, PORT + TRIES):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # On Windows this would let two programs share the port; elsewhere it frees one that was just left.
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, candidate))
            listening.listen(128)
            return listening
        except OSError:
            listening.close()
    raise _taken(port)


def _taken(port: int | None) -> LikenessError:
    if port is None:
        return LikenessError(f"The ports {PORT} to {PORT + TRIES - 1} are all in use.", code="SERVE.PORT_TAKEN",
                             remedy="Name another one: --port N.", subject=str(PORT))
    return LikenessError(f"Port {port} is in use, or you may not use it.", code="SERVE.PORT_TAKEN", subject=str(port),
                         remedy="Name another one with --port N, or leave --port away to take the next free one.")
