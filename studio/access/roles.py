"""What somebody may do. It comes from the credential alone, never from the address: a tunnel arrives as loopback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "editor", "viewer"]
GUESTS: tuple[Role, ...] = ("viewer", "editor")


@dataclass(frozen=True, slots=True)
class Visitor:
    """id: of one sign-in, so that two people with one link are two. name: as the owner calls them. link: the guest
    link's id, empty for the owner."""

    id: str
    role: Role
    name: str
    link: str = ""

    @property
    def owner(self) -> bool:
        return self.role == "owner"

    def may_use(self, other: Visitor) -> bool:
        """Whether what the other has open is this one's: the owner's tabs are the owner's by whichever sign-in, a
        guest's are those of the one sign-in."""
        return self.owner if other.owner else self.id == other.id

    @property
    def may_edit(self) -> bool:
        """Upload, change, render."""
        return self.role != "viewer"


HOST = Visitor("here", "owner", "Owner")
"""Whoever sits at the machine while nobody else can reach the studio: nobody is asked then."""
