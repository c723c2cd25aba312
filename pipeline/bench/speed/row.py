"""One row of `bench pipeline` in a process of its own: `python -m pipeline.bench.speed.row ORDER.json`.

Its own process, because only then are CPU time and the most memory at once the row's and nobody else's. It answers in
the file that the order names, since libraries print what they like.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.bench.speed.floor import Loop, floor_loop
from pipeline.bench.speed.usage import Stopwatch, children_peak_mb, peak_mb

Way = Literal["likeness", "likeness-stored", "likeness-whole", "insightface", "floor"]


class Order(BaseModel):
    """What one row is to run. Threads are what each library takes by itself: as many as there are cores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    way: Way
    clip: Path
    output: Path
    detector: Path
    recogniser: Path
    swapper: Path
    answer: Path


class Measured(BaseModel):
    """cpu, wall: seconds. peak: MB, None where the system does not tell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpu: float
    wall: float
    peak: float | None


def measure(order: Order) -> Measured:
    """Runs one way and says what it took, loading of programs and models not counted in its times."""
    children: list[float] = []
    run = _loop(order, lambda: children.append(children_peak_mb()))
    watch = Stopwatch()
    run()
    spent = watch.read()
    peak = peak_mb()
    return Measured(cpu=spent.cpu, wall=spent.wall, peak=None if peak is None else peak + sum(children))


def _loop(order: Order, last: Callable[[], None]) -> Loop:
    if order.way == "floor":
        return floor_loop(order.clip, order.output)
    # Imported here: what the others need is not to count as the floor's memory.
    from pipeline.bench.speed.twins import Twins

    twins = Twins(order.detector, order.recogniser, order.swapper)
    if order.way == "insightface":
        from pipeline.bench.speed.plain import insightface_loop

        return insightface_loop(order.clip, order.output, twins, last)
    from pipeline.bench.speed.product import likeness_loop

    return likeness_loop(order.clip, order.output, twins, order.way)


def main(argv: list[str]) -> int:
    order = Order.model_validate_json(Path(argv[0]).read_text(encoding="utf-8"))
    order.answer.write_text(measure(order).model_dump_json(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
