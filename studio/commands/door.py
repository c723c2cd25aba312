"""Takes the arguments to the command that was named, and whatever it raises to words and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from types import FrameType

from studio.commands.arguments import parse
from studio.commands.faults import FAILED, report
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
}

Command = Callable[[Namespace, Terminal], int]


def main(argv: Sequence[str] | None = None) -> int:
    """One call of the program. Returns the exit code."""
    os.environ.update(QUIET)
    args = parse(sys.argv[1:] if argv is None else argv)
    terminal = Terminal(as_json=getattr(args, "json", False))
    try:
        with_terminate = signal.signal(signal.SIGTERM, _as_interrupt)
    except ValueError:  # not the main thread (a test, an embedding program): its signals are not ours
        with_terminate = None
    try:
        return command(args.command)(args, terminal)
    except BrokenPipeError:
        # The reader went away (`| head`). Python would complain at exit when it flushes stdout; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        return report(error, terminal, data_dir=args.data_dir, debug=args.debug)
    finally:
        if with_terminate is not None:
            signal.signal(signal.SIGTERM, with_terminate)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    """A polite end (`docker stop`) cleans up as Ctrl+C does."""
    raise KeyboardInterrupt


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
    if name == "processors":
        from studio.commands.reference import processors

        return processors
    from studio.commands.check import doctor

    return doctor
