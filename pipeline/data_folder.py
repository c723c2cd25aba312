"""Where Likeness keeps what is its own: projects, logs, later models. Never the user's pictures."""

from __future__ import annotations

import os
from pathlib import Path

ANALYSES = "analyses"
"""Its folder of who is where in clips."""

VARIABLE = "LIKENESS_DATA_DIR"


def data_folder(chosen: Path | None = None) -> Path:
    """The folder that `--data-dir` names, else the one that LIKENESS_DATA_DIR names, else the platform's usual place
    (Linux: `~/.local/share/likeness`). Absolute; not made."""
    named = chosen or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    return (named or _usual()).expanduser().absolute()


def _usual() -> Path:
    # Imported here: the door must be able to say that packages are missing, with none of them there.
    import platformdirs

    return platformdirs.user_data_path("likeness", appauthor=False)
