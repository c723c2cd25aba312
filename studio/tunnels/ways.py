"""The three ways to a link. Each is a program that runs for as long as the tunnel is open and says the link."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from models.errors import LikenessError

_URL = re.compile(r"https?://[^\s\"'<>|]+[^\s\"'<>|.,;:)\]]")
_ALLOCATED = re.compile(r"Allocated port (\d+) for remote forward")


class Way(Protocol):
    """One kind of tunnel."""

    @property
    def title(self) -> str:
        """As `--share` names it."""
        ...

    def prepare(self) -> None:
        """What has to be there before the program is started. Raises LikenessError. May take long."""
        ...

    def command(self, port: int) -> Sequence[str]:
        """The program and its arguments, for the studio's port on 127.0.0.1."""
        ...

    def link_in(self, line: str) -> str | None:
        """The link, where this line of the program's output says it."""
        ...

    def failure(self, said: Sequence[str]) -> LikenessError:
        """Why the program ended or gave no link, from the last lines of its output."""
        ...


def way_of(text: str, folder: Path | None = None) -> Way:
    """`gradio`, `ssh:USER@HOST[:PORT]` or `cmd:PROGRAM …`. folder: the data folder, where ssh's new host keys are kept.
    Raises LikenessError `SHARE.UNKNOWN`."""
    kind, _, rest = text.partition(":")
    if text == "gradio":
        return GradioWay()
    if kind == "ssh" and rest.strip():
        return replace(SshWay.read(rest.strip()), known_hosts=folder / "known_hosts" if folder else None)
    if kind == "cmd" and rest.strip():
        return CommandWay(rest.strip())
    raise LikenessError(f"{text} is no way to share.", subject=text, code="SHARE.UNKNOWN",
                        remedy="Use gradio, ssh:USER@HOST[:PORT] or cmd:PROGRAM.")


@dataclass(frozen=True, slots=True)
class CommandWay:
    """Any program that prints the link. {port} in its arguments is replaced."""

    text: str

    @property
    def title(self) -> str:
        return f"cmd:{self.text}"

    def prepare(self) -> None:
        words = self._words()
        if shutil.which(words[0]) is None:
            raise LikenessError(f"The program {words[0]} is not there.", subject=words[0], code="SHARE.NO_PROGRAM",
                                remedy="Install it, or give its whole path.")

    def command(self, port: int) -> Sequence[str]:
        return [word.replace("{port}", str(port)) for word in self._words()]

    def link_in(self, line: str) -> str | None:
        found = _URL.search(line)
        return found.group(0).rstrip("/") if found else None

    def failure(self, said: Sequence[str]) -> LikenessError:
        return LikenessError(f"{self._words()[0]} opened no tunnel: {_last(said)}", subject=self.title,
                             code="SHARE.FAILED", remedy="Run the program by itself and see what it says.")

    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.text)
        except ValueError as error:
            raise LikenessError(f"{self.text} cannot be read as a command: {error}.", subject=self.text,
                                code="SHARE.UNKNOWN", remedy="Close its quotes.") from error
        if not words:
            raise LikenessError("The command is empty.", subject=self.text, code="SHARE.UNKNOWN",
                                remedy="Name a program.")
        return words


_TARGET = re.compile(r"(?P<who>[^\s@:-][^\s@:]*@[^\s@:-][^\s@:]*|[^\s@:-][^\s@:]*)(:(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class SshWay:
    """`ssh -R` to a machine of one's own. who: [user@]host. port: of its SSH server; None for the usual one, or what
    ~/.ssh/config says. known_hosts: where the key of a host is noted that was not known before; the user's own file is
    only read. options: more of ssh's own, for tests."""

    who: str
    port: int | None = None
    known_hosts: Path | None = None
    options: tuple[str, ...] = ()

    @staticmethod
    def read(text: str) -> SshWay:
        found = _TARGET.fullmatch(text)
        if found is None:
            raise LikenessError(f"{text} is not USER@HOST or USER@HOST:PORT.", subject=text, code="SHARE.UNKNOWN",
                                remedy="Write for example ssh:me@example.org.")
        return SshWay(found["who"], int(found["port"]) if found["port"] else None)

    @property
    def title(self) -> str:
        return f"ssh:{self.who}" + (f":{self.port}" if self.port else "")

    @property
    def host(self) -> str:
        return self.who.rpartition("@")[2]

    def prepare(self) -> None:
        if shutil.which("ssh") is None:
            raise LikenessError("The program ssh is not there.", subject="ssh", code="SHARE.NO_PROGRAM",
                                remedy="Install OpenSSH's client (Debian: apt-get install openssh-client).")

    def command(self, port: int) -> Sequence[str]:
        # No question may be asked where nobody can answer; a line that is dead is noticed within four seconds. And
        # never through a connection that others share: it would outlive this program, and the forward with it.
        settings: tuple[str, ...] = (
            "BatchMode=yes", "ExitOnForwardFailure=yes", "ServerAliveInterval=2", "ServerAliveCountMax=2",
            "ConnectTimeout=10", "StrictHostKeyChecking=accept-new", "ControlMaster=no", "ControlPath=none",
            "ControlPersist=no")
        if self.known_hosts is not None:
            settings += (f'UserKnownHostsFile="{self.known_hosts}" ~/.ssh/known_hosts',)
        return ["ssh", "-N", "-T", *(word for one in settings for word in ("-o", one)), *self.options,
                *(("-p", str(self.port)) if self.port else ()), "-R", f"0:127.0.0.1:{port}", "--", self.who]

    def link_in(self, line: str) -> str | None:
        """Services say an address of their own; a plain server says which of its ports it is."""
        found = _URL.search(line)
        if found and self.host.split(".")[-2:] == (found.group(0).split("/")[2].split(":")[0]).split(".")[-2:]:
            return found.group(0).rstrip("/")
        allocated = _ALLOCATED.search(line)
        return f"http://{self.host}:{allocated[1]}" if allocated else None

    def failure(self, said: Sequence[str]) -> LikenessError:
        text = "\n".join(said)
        if "Permission denied" in text:
            return LikenessError(f"{self.host} does not accept this machine's SSH key.", subject=self.title,
                                 code="SHARE.KEY_REFUSED",
                                 remedy=f"Add the key there (ssh-copy-id {self.who}), and see that `ssh {self.who}` "
                                        "gets in without a question.")
        if "verification failed" in text or "IDENTIFICATION HAS CHANGED" in text:
            return LikenessError(f"{self.host} is not the machine that it was: its host key is another one.",
                                 subject=self.title, code="SHARE.HOST_KEY",
                                 remedy=f"If you know why, remove the old key: ssh-keygen -R {self.host}.")
        if "resolve hostname" in text or "refused" in text or "timed out" in text or "unreachable" in text.lower() \
                or "No route" in text:
            return LikenessError(f"{self.host} cannot be reached: {_last(said)}", subject=self.title,
                                 code="SHARE.NO_ROUTE",
                                 remedy="See that the name is right and that its SSH server runs.")
        if "remote port forwarding failed" in text:
            return LikenessError(f"{self.host} forwards no ports.", subject=self.title, code="SHARE.FAILED",
                                 remedy="Set AllowTcpForwarding yes, and GatewayPorts yes for others to come in, in "
                                        "its sshd_config.")
        return LikenessError(f"ssh opened no tunnel: {_last(said)}", subject=self.title, code="SHARE.FAILED",
                             remedy=f"See what `ssh {self.who}` says.")


@dataclass(frozen=True, slots=True)
class GradioWay:
    """Gradio's public service. Its program is fetched once, checked by hash; its servers see what goes through.

    program, server, certificate: in place of those that are fetched and asked for; for tests and own servers.
    """

    program: Path | None = None
    server: str | None = None
    certificate: Path | None = None
    name: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def title(self) -> str:
        return "gradio"

    def prepare(self) -> None:
        if self.program is None:
            _fetch_program()

    def command(self, port: int) -> Sequence[str]:
        server, certificate = (self.server, self.certificate) if self.server else _ask_server()
        program = self.program or _fetch_program()
        # What gradio.tunneling.Tunnel gives the same program.
        secured = ("--tls_enable", "--tls_trusted_ca_file", str(certificate)) if certificate else ()
        return [str(program), "http", "-n", self.name, "-l", str(port), "-i", "127.0.0.1", "--uc", "--sd", "random",
                "--ue", "--server_addr", server, "--disable_log_color", *secured]

    def link_in(self, line: str) -> str | None:
        found = re.search(r"start proxy success: (\S+)", line)
        return found.group(1).rstrip("/") if found else None

    def failure(self, said: Sequence[str]) -> LikenessError:
        return LikenessError(f"Gradio's service opened no tunnel: {_last(said)}", subject="gradio", code="SHARE.FAILED",
                             remedy="Try again later, or share by ssh: a server of your own.")


def _fetch_program() -> Path:
    from gradio import tunneling

    try:
        tunneling.Tunnel.download_binary()  # type: ignore[no-untyped-call]
    except Exception as error:  # httpx's, OSError, ChecksumMismatchError: all mean the same here
        raise LikenessError(f"Gradio's tunnel program cannot be fetched: {error}.", subject="gradio",
                            code="SHARE.NO_PROGRAM", remedy="See that this machine reaches the Internet, or share by "
                                                            "ssh.") from error
    return Path(tunneling.BINARY_PATH)


def _ask_server() -> tuple[str, Path]:
    import tempfile

    import httpx
    from gradio.networking import GRADIO_API_SERVER

    try:
        found = httpx.get(GRADIO_API_SERVER, timeout=30).json()[0]
        server, certificate = f"{found['host']}:{int(found['port'])}", str(found["root_ca"])
    except Exception as error:
        raise LikenessError(f"Gradio's service does not answer: {error}.", subject="gradio", code="SHARE.NO_ROUTE",
                            remedy="See that this machine reaches the Internet, or share by ssh.") from error
    place = Path(tempfile.mkdtemp(prefix="likeness-tunnel-")) / "certificate.pem"
    place.write_text(certificate)
    return server, place


def _last(said: Sequence[str]) -> str:
    line = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    return line[:300] + ("" if line.endswith(".") else ".")
