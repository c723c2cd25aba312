"""`serve`: a port, the studio behind it, a browser in front."""

from __future__ import annotations

import errno
import os
import socket
import webbrowser
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from pipeline.data_folder import data_folder
from pipeline.doctor import check_data_folder, examine
from pipeline.models_folder import VARIABLE
from studio.commands.arguments import PORT
from studio.commands.engine import make_engine
from studio.commands.faults import INTERRUPTED
from studio.commands.password import read_password
from studio.commands.terminal import Terminal
from studio.options import LOOPBACK, OPTIONS, Value, settle

# How many ports after the usual one are tried where nobody named one.
TRIES = 20


def serve(args: Namespace, terminal: Terminal) -> int:
    folder = data_folder(args.data_dir)
    _check_folder(folder)
    options = settle({option.name: getattr(args, option.name, None) for option in OPTIONS}, os.environ, folder)
    host, wanted = options["listen"].value, options["port"].value
    listening = listen(wanted, host)
    port = listening.getsockname()[1]
    if wanted is None and port != PORT:
        terminal.note(f"Port {PORT} is in use; taking {port}.")
    address = f"http://{_written(LOOPBACK if host in ('0.0.0.0', '::') else host)}:{port}{options['root_path'].value}"
    from studio.app import Start
    from studio.app import serve as serve_app

    if args.models_dir is not None:
        os.environ[VARIABLE] = str(args.models_dir.absolute())  # for the processes that render
    engine = make_engine(args)

    def ready(start: Start) -> None:
        data: dict[str, Any] = {"address": address}
        words = [f"Likeness is at {address} (Ctrl+C ends it)"]
        if host != LOOPBACK:
            data["elsewhere"] = [f"http://{_written(one)}:{port}" for one in own_addresses(host)]
            words.append("From elsewhere on the network: " + ", ".join(data["elsewhere"]))
        if start.password is not None:
            data["password"] = start.password
            words.append(f"The owner's password, told this once: {start.password}")
        if start.left_open:
            words.append("The last end left a link open: everybody is asked this time. `webui.py password` makes "
                         "another password, if it is needed.")
        terminal.answer(data, "\n".join(words))
        if not args.no_browser:
            webbrowser.open(address)

    def checks() -> Sequence[Mapping[str, Any]]:
        return [row.to_data() for row in examine(folder, engine.registry.problems, engine.networks.manager,
                                               lambda: engine.faces)]

    with suppress(KeyboardInterrupt):  # how a server is ended; there is nothing to say
        serve_app(engine, listening, ready, terminal.note, data_dir=folder, password=_password(options),
                  share=options["share"].value, listen=host, root_path=options["root_path"].value,
                  allowed_hosts=options["allowed_host"].value, asks=options["password_file"].value is not None,
                  resume_renders=options["resume_renders"].value, offline=options["offline"].value,
                  commercial_safe=options["commercial_safe"].where if options["commercial_safe"].value else "",
                  options={**options, "port": Value(options["port"].option, port, options["port"].origin,
                                                    options["port"].where)}, checks=checks)
    return INTERRUPTED


def _password(options: Mapping[str, Value]) -> str | None:
    file = options["password_file"].value
    return None if file is None else read_password(file)


def _check_folder(folder: Path) -> None:
    row = check_data_folder(folder)
    if row.state == "failure":
        raise LikenessError(row.words, subject=str(folder), remedy=row.remedy, code="DATA.UNWRITABLE")


def listen(port: int | None, host: str = LOOPBACK) -> socket.socket:
    """A socket on one of this machine's addresses: on the port that was named, or on the usual one or the next that is
    free.

    Raises LikenessError `SERVE.PORT_TAKEN`, `SERVE.NO_ADDRESS`.
    """
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    for candidate in [port] if port is not None else range(PORT, PORT + TRIES):
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            # On Windows this would let two programs share the port; elsewhere it frees one that was just left.
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, candidate))
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            if error.errno in (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT):
                raise LikenessError(
                    f"{host} is no address of this machine.", subject=host, code="SERVE.NO_ADDRESS",
                    remedy="Use one of its own (`ip address` lists them), or 0.0.0.0 for all.") from error
    raise _taken(port)


def own_addresses(host: str) -> list[str]:
    """Those by which others on the network reach a studio that listens on `host`."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    found = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Nothing is sent: a connected datagram socket only asks which address would be used (RFC 5737, RFC 3849).
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((far, 9))
            found.append(asking.getsockname()[0])
    return [one for one in found if host == "::" or ip_address(one).version == 4] or [socket.gethostname()]


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _taken(port: int | None) -> LikenessError:
    if port is None:
        return LikenessError(f"The ports {PORT} to {PORT + TRIES - 1} are all in use.", code="SERVE.PORT_TAKEN",
                             remedy="Name another one: --port N.", subject=str(PORT))
    return LikenessError(f"Port {port} is in use, or you may not use it.", code="SERVE.PORT_TAKEN", subject=str(port),
                         remedy="Name another one with --port N, or leave --port away to take the next free one.")
