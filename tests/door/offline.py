"""Runs a command where nothing but this machine can be reached; used by test_network, as a program of its own.

Two ways: a network namespace that has a loopback and nothing else (Linux, as root or where users may make one), or a
guard in every Python process that refuses to connect or to look up anything but loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    flags = struct.unpack("16sh", fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))
os.execvp(sys.argv[1], sys.argv[1:])
"""

GUARD = """
import ipaddress, socket
def _near(host):
    if host in (None, "", "localhost", "testserver"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
def _check(address):
    if isinstance(address, tuple) and not _near(address[0]):
        raise OSError(101, f"Network is unreachable: {address}")
_connect, _connect_ex, _look = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
def connect(self, address):
    _check(address)
    return _connect(self, address)
def connect_ex(self, address):
    _check(address)
    return _connect_ex(self, address)
def getaddrinfo(host, *rest, **more):
    name = host.decode() if isinstance(host, bytes) else host
    if not _near(name):
        raise socket.gaierror(-3, f"Temporary failure in name resolution: {name}")
    return _look(host, *rest, **more)
socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo = connect, connect_ex, getaddrinfo
"""


def namespace() -> list[str] | None:
    """Words that run a command in a namespace without a network, or None where this machine does not let us."""
    for words in (["unshare", "-n"], ["unshare", "-rn"]):
        try:
            tried = subprocess.run([*words, sys.executable, "-c", LOOPBACK_UP, "true"], capture_output=True, timeout=30,
                                   check=False)
        except OSError:
            return None  # no such program: not Linux
        if tried.returncode == 0:
            return [*words, sys.executable, "-c", LOOPBACK_UP]
    return None


def guarded(folder: Path) -> dict[str, str]:
    """Variables under which every Python process carries the guard. folder: where it may lie."""
    (folder / "sitecustomize.py").write_text(GUARD)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
