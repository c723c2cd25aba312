"""What the studio is started with: flag before variable before settings.toml, and where each value came from.

One table says what there is: the flags of `serve` with their `--help`, the variables, the file's keys and what the
System screen shows are made from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from models.errors import LikenessError

Origin = Literal["flag", "variable", "file", "default"]

FILE = "settings.toml"
"""In the data folder."""
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
"""What `--listen` means without an address: every IPv4 address of this machine."""


@dataclass(frozen=True, slots=True)
class Option:
    """name: as in Python and in the file. metavar: as in `--help`. read: from the text of a variable; raises ValueError
    with what it is not. many: several may be given (commas in a variable, a list in the file). bare: the value where
    the flag stands without one."""

    name: str
    metavar: str
    help: str
    read: Callable[[str], Any]
    default: Any = None
    many: bool = False
    bare: str | None = None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "LIKENESS_" + self.name.upper()


@dataclass(frozen=True, slots=True)
class Value:
    """where: the flag, the variable or the file that said so; empty for the default."""

    option: Option
    value: Any
    origin: Origin
    where: str = ""


def read_port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError("is not a port from 1 to 65535")
    return int(text)


def read_address(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError("is not an IP address of this machine, such as 192.168.1.5, 0.0.0.0 or ::") from None


def read_root_path(text: str) -> str:
    path = text.rstrip("/")
    if path and (not path.startswith("/") or "//" in path or any(sign in path for sign in "?#\\ \"'<>")):
        raise ValueError("is not a path such as /likeness")
    return path


def read_share(text: str) -> str:
    kind, _, rest = text.partition(":")
    if text == "gradio" or (kind in ("ssh", "cmd") and rest.strip()):
        return text
    raise ValueError("is neither gradio nor ssh:USER@HOST nor cmd:PROGRAM")


def read_host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    if not host or any(sign in host for sign in "/:@ *?#"):
        raise ValueError("is not the name of a host, such as faces.example.org (no scheme, no port)")
    return host


def read_yes(text: str) -> bool:
    if text.lower() not in ("yes", "no", "true", "false", "1", "0"):
        raise ValueError("is neither yes nor no")
    return text.lower() in ("yes", "true", "1")


def read_path(text: str) -> Path:
    if not text:
        raise ValueError("names no file")
    return Path(text).expanduser()


OPTIONS = (
    Option("listen", "IP", "let others on the network in, by this address of the machine; without IP by all of them "
                           "(default: this machine alone). A password is asked for then", read_address, LOOPBACK,
           bare=EVERYWHERE),
    Option("port", "N", "port to listen on (default: 7860, or the next free one)", read_port),
    Option("root_path", "PATH", "where a reverse proxy in front shows the studio, such as /likeness", read_root_path,
           ""),
    Option("share", "HOW", "open a tunnel at the start: gradio, ssh:USER@HOST[:PORT], or 'cmd:PROGRAM …' for any "
                           "program that prints the link ({port} is replaced)", read_share),
    Option("allowed_host", "NAME", "a name under which browsers may ask for the studio, beside localhost, addresses "
                                   "and the machine's own name; repeat for more. A password is asked for then",
           read_host, (), many=True),
    Option("password_file", "FILE", "file with the owner's password in its first line; without one a password is made "
                                    "and printed once", read_path),
    Option("resume_renders", "YES", "at the start, go on with renders that the last end of the studio interrupted: for "
                                    "a server that is started by itself (default: no, they wait to be asked)",
           read_yes, False, bare="yes"),
    Option("offline", "YES", "fetch nothing from elsewhere, and say so", read_yes, False, bare="yes"),
    Option("commercial_safe", "YES", "show and use only models whose terms allow commercial use; also a switch on the "
                                     "Models screen", read_yes, False, bare="yes"),
)


def settle(flags: Mapping[str, Any], variables: Mapping[str, str], data_dir: Path) -> dict[str, Value]:
    """Every option's value, by name. flags: what the command line said, already read; None for what it did not say.

    Raises LikenessError `SETTINGS.INVALID`, which names the variable or the file and the key.
    """
    file = data_dir / FILE
    written = _written(file)
    return {option.name: _value(option, flags, variables, written, file) for option in OPTIONS}


def settle_one(name: str, flag: Any, variables: Mapping[str, str], data_dir: Path) -> Value:
    """One option's value, for commands that have it too. Raises as `settle`, about this option alone."""
    option = next(one for one in OPTIONS if one.name == name)
    file = data_dir / FILE
    return _value(option, {name: flag}, variables, _written(file), file)


def shown(value: Any) -> str:
    """As it is written in a command or a file."""
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def in_force(variables: Mapping[str, str], data_dir: Path) -> str:
    """A line for each option: its value without a flag, and where that came from. Raises as `settle`."""
    return "\n".join(f"  {value.option.flag:<18} {shown(value.value) or '-':<24} {value.where or 'default'}"
                     for value in settle({}, variables, data_dir).values())


def _value(option: Option, flags: Mapping[str, Any], variables: Mapping[str, str], written: Mapping[str, Any],
           file: Path) -> Value:
    said = flags.get(option.name)
    if said not in (None, []):
        return Value(option, tuple(said) if option.many else said, "flag", option.flag)
    text = variables.get(option.variable)
    if text:
        parts = [part for part in text.split(",") if part.strip()] if option.many else [text]
        return Value(option, _read(option, parts, option.variable), "variable", option.variable)
    if option.name in written:
        entry = written[option.name]
        parts = entry if option.many and isinstance(entry, list) else [entry]
        parts = [str(part).lower() if isinstance(part, bool) else part for part in parts]
        if not all(isinstance(part, (str, int)) for part in parts):
            raise _invalid(f"{file}: {option.name} = {entry!r} is not text.", str(file))
        return Value(option, _read(option, [str(part) for part in parts], f"{file}: {option.name}"), "file", str(file))
    return Value(option, option.default, "default")


def _read(option: Option, parts: list[str], where: str) -> Any:
    values = []
    for part in parts:
        try:
            values.append(option.read(part.strip()))
        except ValueError as error:
            raise _invalid(f"{where}: {part!r} {error}.", where) from error
    return tuple(values) if option.many else values[0]


def _written(file: Path) -> Mapping[str, Any]:
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"{file} is not TOML: {error}.", str(file)) from error
    except OSError as error:
        raise _invalid(f"{file} cannot be read: {error.strerror or error}.", str(file)) from error
    known = {option.name for option in OPTIONS}
    for key in written:
        if key not in known:
            raise _invalid(f"{file}: there is no setting called {key}.", str(file))
    return written


def _invalid(words: str, subject: str) -> LikenessError:
    names = ", ".join(option.name for option in OPTIONS)
    return LikenessError(words, subject=subject, code="SETTINGS.INVALID",
                         remedy=f"Correct it; settings are {names} (see docs/home-server.md).")
