"""Writes the pages of docs/ that are generated: `python3 -m uv run python docs/generate.py`. A test says when they are
not current."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from processors.registry import load_registry  # noqa: E402 - a script finds the rooms only after the line above
from studio.commands.arguments import help_page  # noqa: E402
from studio.commands.reference import recipe_schema, reference_page  # noqa: E402

NO_FOREIGN: tuple[EntryPoint, ...] = ()


def pages() -> dict[Path, str]:
    """Every generated page and what it should hold. Only built-in processors, whatever is installed here."""
    return {
        HERE / "processors.md": reference_page(load_registry(NO_FOREIGN)),
        HERE / "command-line.md": help_page(),
        HERE / "recipe.schema.json": recipe_schema(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(HERE.parent))
