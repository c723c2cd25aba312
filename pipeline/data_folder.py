"""Where Likeness keeps what is its own: projects, logs, later models. Never the user's pictures."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "LIKENESS_DATA_DIR"


def data_folder(chosen: Path | None = None) -> Path:
    """The folder that `--data-dir` names, else the one that LIKENESS_DATA_DIR names, else the platform's usual place
    (Linux: `~/.local/share/likeness`). Absolute; not made."""
    named = chosen or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    folder = named or platformdirs.user_data_path("likeness", appauthor=False)
    return folder.expanduser().absolute()
