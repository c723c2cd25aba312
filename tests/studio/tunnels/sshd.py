"""An SSH server on loopback, for tunnels to a machine of one's own: with keys that were made for it alone."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)


@dataclass
class Server:
    """port: of the server. key: the private key that it accepts."""

    port: int
    key: Path
    process: subprocess.Popen[bytes]

    @property
    def who(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1"

    def options(self, folder: Path, key: Path | None = None) -> tuple[str, ...]:
        """For ssh: this key alone, nothing of the user's own."""
        return ("-F", "/dev/null", "-i", str(key or self.key), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
                "-o", f"UserKnownHostsFile={folder / 'known_hosts'}")


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextlib.contextmanager
def sshd(folder: Path, *more: str) -> Iterator[Server]:
    """more: lines of its configuration."""
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("OpenSSH is not installed (Debian: apt-get install openssh-client openssh-server)")
    host, key = make_key(folder / "host"), make_key(folder / "key")
    (folder / "authorized").write_text(key.with_suffix(".pub").read_text())
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # Debian's build wants it
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "config"
    config.write_text("\n".join((
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {host}", f"AuthorizedKeysFile {folder / 'authorized'}",
        "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
        "StrictModes no", "UsePAM no", "PidFile none", "AllowTcpForwarding yes", *more)) + "\n")
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(process, port)
        yield Server(port, key, process)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    raise AssertionError("sshd does not answer")


@contextlib.contextmanager
def agent(folder: Path, key: Path) -> Iterator[Path]:
    """An SSH agent that has this key: how a user's own ssh finds one. Gives its socket."""
    place = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not place.exists():
            assert time.monotonic() < end, "the agent does not answer"
            time.sleep(0.02)
        subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, "SSH_AUTH_SOCK": str(place)}, check=True,
                       stderr=subprocess.DEVNULL)
        yield place
    finally:
        process.terminate()
        process.wait(10)
