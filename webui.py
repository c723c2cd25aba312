"""Likeness, the one door: `webui.py` opens the studio, `webui.py --help` lists the other commands."""

import sys

from studio.commands import main

if __name__ == "__main__":
    sys.exit(main())
