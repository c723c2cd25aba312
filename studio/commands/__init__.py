"""The command line: words in, words or JSON out. Each command imports what it needs when it runs, not before."""

from studio.commands.door import main

__all__ = ["main"]
