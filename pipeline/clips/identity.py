"""What a clip is known by: its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

WHOLE = 256 * 2**20
"""Largest file that is read as a whole: half a second's work on one core."""

_PLACES = 64
_PIECE = 64 * 1024
_BLOCK = 1 << 20


def id_of_file(path: Path, size: int) -> str:
    """`sha256:` and the digest of all bytes; above WHOLE `sampled:` and a digest over the length and 64 places from the
    first byte to the last. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        if size <= WHOLE:
            while block := file.read(_BLOCK):
                digest.update(block)
            return f"sha256:{digest.hexdigest()}"
        digest.update(size.to_bytes(8, "big"))
        for number in range(_PLACES):
            file.seek((size - _PIECE) * number // (_PLACES - 1))
            digest.update(file.read(_PIECE))
    return f"sampled:{digest.hexdigest()}"


def id_of_files(paths: Iterable[Path]) -> str:
    """`sha256:` and a digest over the files' digests, in their order. Raises OSError."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"
