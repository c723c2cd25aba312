"""What an output says of itself: the strongest thing that was done, and with what."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.pictures import Edit, EditKind
from pipeline.version import VERSION
from processors.base import Role
from processors.registry import Registry

_KINDS: tuple[tuple[Role, EditKind], ...] = (("swapper", "swap"), ("editor", "edit"))
"""The strongest first; any other role retouches."""


def edit_of(ran: Iterable[tuple[str, str]], registry: Registry, *, hides: bool, analysed: bool) -> Edit:
    """ran: name and version of every processor that ran, in order. hides: somebody was made unrecognisable, which is
    said before all else. analysed: a content analyser let it pass."""
    effects = tuple(dict.fromkeys(ran))
    found = [registry.get(name) for name, _ in effects]
    kind: EditKind = next((kind for role, kind in _KINDS if any(cls.spec.role == role for cls in found)), "enhance")
    # Faces that networks made, of another or of the same person. What an enhancer makes stays a retouch.
    trained = any(cls.spec.role in ("swapper", "editor") and cls().needs(cls.Params()).models for cls in found)
    return Edit(effects, "anonymise" if hides else kind, VERSION, analysed=analysed, trained=trained)
