"""What a render of a clip is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.errors import LikenessError
from pipeline.recipe import Recipe
from processors.batches import Remark


class ClipRequest(BaseModel):
    """One render, as JSON: what a job's row holds and a worker process reads.

    recipe: with the paths of target and photos in it. output: where the clip goes. overwrite: replace a file that is
    there. resume: go on with the parts that an earlier render finished; without it, finished parts of an earlier
    render are in the way (unless overwrite lets them be thrown away).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Recipe
    output: Path
    overwrite: bool = False
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A span of an anonymised clip in which somebody might be seen. start, stop: seconds from the first picture."""

    code: str
    start: float
    stop: float
    words: str


class Doubtful(LikenessError):
    """An anonymised clip is held until somebody looked at its doubtful spans (`ANONYMISE.DOUBTFUL`)."""

    code = "ANONYMISE.DOUBTFUL"

    def __init__(self, name: str, doubts: tuple[Doubt, ...], output: Path) -> None:
        spans = ", ".join(f"{doubt.start:.2f}-{doubt.stop:.2f}" for doubt in doubts)
        super().__init__(
            f"{name}: somebody might be recognised at {spans} (seconds).", subject=str(output),
            remedy="Look at these spans; then accept each with --accept START-STOP, or draw a box over what was missed "
                   "with --cover, and go on with --resume. The finished parts are kept.")
        self.doubts = doubts


@dataclass(frozen=True, slots=True)
class ClipWritten:
    """A finished clip. path, bytes: the file. frames: how many pictures it has. sidecar: the XMP file beside it, for
    containers with no place for XMP. rendered, reused: parts that were rendered, and that had been already. changed:
    frames in which any pixel was touched. people: frames in which each person's face was changed, by number (0: faces
    that are nobody's). remarks: by person; 0 is the clip as a whole."""

    path: Path
    bytes: int
    container: str
    codec: str
    frames: int
    sidecar: Path | None = None
    rendered: int = 0
    reused: int = 0
    changed: int = 0
    people: tuple[tuple[int, int], ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[Remark, ...] = ()
    remarks: tuple[tuple[int, tuple[Remark, ...]], ...] = ()
