"""The one page that is shown to anybody: a field for the password, and the way in for whoever has a link."""

from __future__ import annotations

import html
import json
from functools import lru_cache
from pathlib import Path

from studio.text import FALLBACK, LANGUAGES, load_texts

PAGE = Path(__file__).parents[1] / "web" / "enter.html"
_KEYS = ("enter.title", "enter.words", "enter.password", "enter.go", "enter.guest", "enter.waiting",
         "enter.unreachable")


def sign_in_page(accepted: str) -> str:
    """In the language of the browser. accepted: its Accept-Language."""
    return _page(next((tag for tag in _wanted(accepted) if tag in LANGUAGES), FALLBACK))


def _wanted(accepted: str) -> list[str]:
    tags = [part.split(";")[0].strip() for part in accepted.split(",")]
    return ["zh-CN" if tag.lower().startswith("zh") else "en" if tag.lower().startswith("en") else tag for tag in tags]


@lru_cache
def _page(language: str) -> str:
    texts = load_texts()
    words = {key: texts[language].get(key) or texts[FALLBACK][key] for key in _KEYS}
    errors = {key: text for key, text in (texts[FALLBACK] | texts[language]).items()
              if key.startswith(("error.ACCESS.", "remedy.ACCESS."))}
    page = PAGE.read_text(encoding="utf-8").replace("{language}", language)
    for key, text in words.items():
        page = page.replace(f"{{{key}}}", html.escape(text))
    return page.replace("{words}", json.dumps({**words, **errors}, ensure_ascii=False).replace("<", "\\u003c"))
