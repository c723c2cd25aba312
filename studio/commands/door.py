"""Takes the arguments to the command that was named, and whatever it raises to words and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType

from studio.commands.arguments import parse
from studio.commands.faults import DONE, FAILED, INTERRUPTED, report
from studio.commands.terminal import Terminal

# Libraries that would otherwise call home. Set before any of them is imported.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    # insightface and others draw nothing on a screen; without this matplotlib may look for one.
    "MPLBACKEND": "Agg",
    # SVT-AV1 tells its settings on stderr, where only our own words belong; 1: errors alone.
    "SVT_LOG": "1",
}

Command = Callable[[Namespace, Terminal], int]


def main(argv: Sequence[str] | None = None) -> int:
    """One call of the program. Returns the exit code."""
    os.environ.update(QUIET)
    _make_temporary_folder()
    args = parse(sys.argv[1:] if argv is None else argv)
    terminal = Terminal(as_json=getattr(args, "json", False))
    try:
        with interrupts(terminal.stop):
            code = command(args.command)(args, terminal)
            if terminal.stop.is_set() and code == DONE:
                # Somewhere below the interrupt was taken for something else; what was begun is whole all the same.
                return INTERRUPTED
            return code
    except BrokenPipeError:
        # The reader went away (`| head`). Python would complain at exit when it flushes stdout; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        # An import that is interrupted fails as if the package were broken: what the user did counts, not how it ended.
        told = KeyboardInterrupt() if terminal.stop.is_set() else error
        return report(told, terminal, data_dir=args.data_dir, debug=args.debug)


def _make_temporary_folder() -> None:
    """A TMPDIR that is named and not there yet: in a container it lies in the volume, which begins empty."""
    named = os.environ.get("TMPDIR")
    if named:
        with suppress(OSError):  # Python looks for another place then, and says so where there is none
            os.makedirs(named, exist_ok=True)


@contextmanager
def interrupts(stop: Event) -> Iterator[None]:
    """Ctrl+C, and the polite end that `docker stop` asks for, set `stop` and raise KeyboardInterrupt."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread (a test, an embedding program): its signals are not ours
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def command(name: str) -> Command:
    """The function that runs a command. Imported here and not above, so that `--help` is quick and `render` never
    imports the screens."""
    if name == "serve":
        from studio.commands.serve import serve

        return serve
    if name == "render":
        from studio.commands.render import render

        return render
    if name == "analyse":
        from studio.commands.look import analyse

        return analyse
    if name == "measure":
        from studio.commands.judge import measure

        return measure
    if name == "bench":
        from studio.commands.judge import bench

        return bench
    if name == "models":
        from studio.commands.models import models

        return models
    if name == "password":
        from studio.commands.password import password

        return password
    if name == "processors":
        from studio.commands.reference import processors

        return processors
    from studio.commands.check import doctor

    return doctor
