"""The pages that are shown to anybody: a field for the password and the way in for whoever has a link; and why a
request is refused."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from studio.text import FALLBACK, LANGUAGES, load_texts

PAGE = Path(__file__).parents[1] / "web" / "enter.html"
REFUSED = PAGE.with_name("refused.html")
_KEYS = ("enter.title", "enter.words", "enter.password", "enter.go", "enter.guest", "enter.waiting",
         "enter.unreachable")


def sign_in_page(accepted: str) -> str:
    """In the language of the browser. accepted: its Accept-Language."""
    return _page(_language(accepted))


def refusal_page(refusal: Mapping[str, str], accepted: str) -> str:
    """refusal: code, message, remedy, subject."""
    language = _language(accepted)
    texts = load_texts()[language]
    said = {"message": texts.get(f"error.{refusal['code']}", refusal["message"]),
            "remedy": texts.get(f"remedy.{refusal['code']}", refusal["remedy"]), "code": refusal["code"]}
    page = REFUSED.read_text(encoding="utf-8").replace("{language}", language)
    for key, text in said.items():
        page = page.replace(f"{{{key}}}", html.escape(text.replace("{subject}", refusal.get("subject", ""))))
    return page


def _language(accepted: str) -> str:
    return next((tag for tag in _wanted(accepted) if tag in LANGUAGES), FALLBACK)


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
