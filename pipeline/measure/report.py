"""What `measure` finds, ready for JSON and for reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"


class FaceMeasures(_Model):
    """One face. A figure that cannot be told is None."""

    number: int
    eye_distance: float = Field(description="Outer-eye distance before, in pixels.")
    found_after: bool = Field(description="A detector finds the face again; otherwise it is measured where it was.")
    identity_to_source: float | None = Field(description="Descriptor distance of the result to the source.")
    identity_to_target: float = Field(description="Descriptor distance of the result to the face before.")
    nme: float = Field(description="Mean distance of the 68 points to those before, over the outer-eye distance.")
    seam: float | None = Field(description="Edges added along the mask's contour; 0 = none.")
    light: float | None = Field(description="Correlation of the broad light with that before; 1 = the same.")
    brightness: float | None = Field(description="Mean difference of broad luminance, levels of 255.")
    colour: float | None = Field(description="Mean CIE76 distance of broad colour on skin.")
    sharpness: float | None = Field(
        description="Fine detail of the face's skin against its surroundings, over the same before; 1 = fits.")
    sharpness_ring: float | None = Field(description="Fine detail of the face's skin over that of the ring around.")

    @property
    def closer_to_source(self) -> bool | None:
        return None if self.identity_to_source is None else self.identity_to_source < self.identity_to_target


class Outside(_Model):
    """Pixels that changed where nothing should have. rule: the mask that the recipe makes, or each face's hull grown
    by half an outer-eye distance."""

    rule: Literal["mask", "hull"]
    pixels: int
    share: float = Field(description="Of all pixels outside.")
    largest: float = Field(description="Largest change of one sample there, in the picture's own levels.")


class Measures(_Model):
    recogniser: str = Field(description="Whose descriptor the identity distances are taken with.")
    same_person: float = Field(description="Below this distance the recogniser takes two faces for one person.")
    faces: tuple[FaceMeasures, ...]
    outside: Outside

    def to_text(self) -> str:
        """A table for a terminal."""
        heads = ("face", "to source", "to target", "NME", "seam", "light", "bright", "colour", "sharp")
        rows = [(str(f.number), _text(f.identity_to_source), _text(f.identity_to_target), _text(f.nme), _text(f.seam),
                 _text(f.light), _text(f.brightness, 1), _text(f.colour, 1), _text(f.sharpness, 2))
                for f in self.faces]
        where = "its mask" if self.outside.rule == "mask" else "the faces' surroundings"
        return "\n".join((
            table(heads, rows),
            f"Identity by {self.recogniser}: below {self.same_person:g} is the same person.",
            f"Changed outside {where}: {self.outside.pixels} pixels ({self.outside.share:.2%}).",
        ))


def _text(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns in equal width, numbers to the right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
                     for row in (heads, *rows))
