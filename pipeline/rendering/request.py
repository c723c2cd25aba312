"""What a render of a clip is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.findings.finding import Finding
from pipeline.recipe import Recipe
from pipeline.rendering.doubts import Doubt
from processors.batches import Remark


class ClipRequest(BaseModel):
    """One render, as JSON: what a job's row holds and a worker process reads.

    recipe: with the paths of target and photos in it. output: where the clip goes. overwrite: replace a file that is
    there. resume: go on with the parts that an earlier render finished; without it, finished parts of an earlier
    render are in the way (unless overwrite lets them be thrown away). earlier: the id of the finished clip that this
    one mends: what was ignored there is ignored here too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Recipe
    output: Path
    overwrite: bool = False
    resume: bool = False
    earlier: str | None = None


@dataclass(frozen=True, slots=True)
class ClipWritten:
    """A finished clip. path, bytes: the file. frames: how many pictures it has. sidecar: the XMP file beside it, for
    containers with no place for XMP. rendered, reused: parts that were rendered, and that had been already. copied:
    frames that are the clip's own, bit for bit. changed: frames in which any pixel was touched. people: frames in which
    each person's face was changed, by number (0: faces that are nobody's). remarks: by person; 0 is the clip as a
    whole. findings: what looks wrong in it. version: under which id that is written down, None where it is not."""

    path: Path
    bytes: int
    container: str
    codec: str
    frames: int
    sidecar: Path | None = None
    rendered: int = 0
    reused: int = 0
    copied: int = 0
    changed: int = 0
    people: tuple[tuple[int, int], ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[Remark, ...] = ()
    remarks: tuple[tuple[int, tuple[Remark, ...]], ...] = ()
    findings: tuple[Finding, ...] = ()
    version: str | None = None
