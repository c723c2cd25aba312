"""The words on the screen, in each language, from the data files in text/."""

from __future__ import annotations

import json
from importlib.resources import files

LANGUAGES = {"en": "English", "zh-CN": "简体中文"}
FALLBACK = "en"


def load_texts() -> dict[str, dict[str, str]]:
    """By language, by key. A key that a language lacks is shown in English."""
    folder = files("studio") / "text"
    return {language: json.loads(folder.joinpath(f"{language}.json").read_text(encoding="utf-8"))
            for language in LANGUAGES}
