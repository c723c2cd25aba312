"""The words on the screen: no key is missing, none is unused, and both languages fill the same blanks."""

import re
from pathlib import Path
from typing import get_args

import pytest

from models.catalogue import Role, load_catalogue, whole_catalogue
from models.store import State as FileState
from pipeline.jobs.job import State
from pipeline.presets import load_presets
from pipeline.rendering.control import Stage
from processors.base import ROLES
from processors.registry import Registry, built_in
from studio.access.roles import GUESTS
from studio.media import SCRIPTS, WEB
from studio.options import Origin
from studio.text import FALLBACK, LANGUAGES, load_texts

ROOT = Path(__file__).parents[2]
OTHER = [language for language in LANGUAGES if language != FALLBACK]

# Keys that scripts put together: the beginning, and every ending that there is.
MADE_UP = {
    "screen.": ("image", "clip", "models", "system"), "role.": ROLES, "style.": ("blur", "pixelate", "solid"),
    "stage.": ("opening", "finding", "learning", "rendering", "saving", "probing", "making_example", "looking",
               "estimating", "previewing", "analysing"), "survey.": ("working", "stopped", "failed"),
    "models.role.": tuple(f"{role}{ending}" for role in get_args(Role) for ending in ("", ".help")),
    "models.state.": tuple(f"{state}{ending}" for state in (*get_args(FileState), "packaged", "damaged", "missing")
                           for ending in ("", ".help")),
    "job.": get_args(State), "job.stage.": get_args(Stage), "result.": ("both", "result", "original"),
    "check.state.": ("ok", "remark", "failure"), "settings.from.": get_args(Origin), "role.is.": GUESTS,
    "role.may.": GUESTS, "share.is.": ("opening", "open", "lost"),
    "findings.": ("before", "after"), "findings.state.": ("all", "open", "fixed", "ignored"),
    "findings.mode.": tuple(f"{mode}{ending}" for mode in ("row", "whole", "preview") for ending in ("", ".help")),
    "severity.": ("high", "middle", "low"),
    "fix.": tuple(f"{kind}{ending}" for kind in ("neighbours", "hold", "original", "strength", "points", "mask")
                  for ending in ("", ".help", ".how") if ending != ".how" or kind in ("points", "mask")),
    "share.": tuple(f"{kind}{ending}" for kind in ("gradio", "ssh", "cmd") for ending in ("", ".help", ".placeholder")
                    if (kind, ending) != ("gradio", ".placeholder")),
}


def source_text(*rooms: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for room in rooms for path in (ROOT / room).rglob("*.py"))


def used_in_scripts() -> set[str]:
    """Every text in double quotes in the scripts that looks like a key, and the keys that are put together."""
    scripts = "\n".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    quoted = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)*)"', scripts))
    asked = set(re.findall(r'\bt\("([^"]+)"', scripts))
    made_up = {beginning + ending for beginning, endings in MADE_UP.items() for ending in endings}
    missing = [beginning for beginning in MADE_UP if f"`{beginning}" not in scripts]
    assert not missing, "these beginnings are no longer put together"
    asked |= set(re.findall(r"enter\.[a-z]+", (WEB / "enter.html").read_text(encoding="utf-8"))) - {"enter.html"}
    there = set(load_texts()[FALLBACK])
    used = asked | made_up | (quoted & there)
    # What is said where the page is shown on another machine: `t` looks for these itself.
    return used | {key for key in there if key.endswith(".away") and key.removesuffix(".away") in used}


def test_every_key_that_the_scripts_ask_for_is_there_and_none_besides() -> None:
    assert set(load_texts()[FALLBACK]) == used_in_scripts()


def test_every_script_is_served() -> None:
    assert {path.stem for path in WEB.glob("*.js")} == set(SCRIPTS)


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_has_every_key_of_the_screen(language: str) -> None:
    texts = load_texts()
    assert set(texts[FALLBACK]) - set(texts[language]) == set()


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_names_every_processor_parameter_and_preset(language: str) -> None:
    keys = {key for key in load_texts()[language] if key.startswith(("processor.", "preset."))} - {"preset.label",
                                                                                                 "preset.own"}
    assert keys == processor_keys(Registry(built_in())) | {
        f"preset.{name}.{what}" for name in load_presets() for what in ("title", "help")}


def processor_keys(registry: Registry) -> set[str]:
    from processors.params import control_of

    found: set[str] = set()
    for cls in registry:
        found |= {f"processor.{cls.spec.name}.{what}" for what in ("title", "help")}
        for name in cls.Params.model_fields:
            choices = control_of(name, cls.Params).get("choices", [])
            found |= {f"processor.{cls.spec.name}.{name}.{what}" for what in ("title", "help", *choices)}
    return found


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_says_every_remark_that_the_program_makes(language: str) -> None:
    made = set(re.findall(r'Remark\(\s*"([A-Z_]+\.[A-Z_]+)"', source_text("pipeline", "processors")))
    said = {key.removeprefix("remark.") for key in load_texts()[language] if key.startswith("remark.")}
    assert said == made


# Codes that no action of the studio can bring about: they belong to the command line and to authors of processors.
NOT_ON_SCREEN = {"CANCELLED.USER", "LIKENESS.ERROR", "MEASURE.SIZE", "STUDIO.FOREIGN_REQUEST",
                 "RECIPE.UNKNOWN_PROCESSOR", "ACCESS.SHORT_PASSWORD", "MODEL.PACKAGED"}
AREAS = ("ANONYMISE|INPUT|MEDIA|OUTPUT|DISK|RECIPE|PROCESSOR|MODEL|STUDIO|INTERNAL|JOB|"
         "MEMORY|PART|ACCESS|SHARE|GATE|CONSENT|LICENCE|DOWNLOAD")


def doubtful() -> set[str]:
    """Codes of the questions that a held render asks: with the places of its spans, by hand or from a table."""
    text = (ROOT / "pipeline" / "tracking" / "covering.py").read_text(encoding="utf-8")
    return set(re.findall(r'"(ANONYMISE\.[A-Z_]+)"', text)) - set(re.findall(r'Remark\(\s*"([A-Z_.]+)"', text))


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_says_every_error_that_can_reach_the_screen(language: str) -> None:
    files = [path for room in ("models", "pipeline", "processors", "studio") for path in (ROOT / room).rglob("*.py")
             if not {"commands", "bench"} & set(path.parts)]
    code = re.compile(rf'"((?:{AREAS})\.[A-Z_]+)"')
    raised = {found for path in files for found in code.findall(path.read_text(encoding="utf-8"))} - doubtful()
    remarks = set(re.findall(r'Remark\(\s*"([A-Z_]+\.[A-Z_]+)"', source_text("pipeline", "processors")))
    texts = load_texts()[language]
    said = {key.removeprefix("error.") for key in texts if key.startswith("error.")}
    assert said - raised == set(), "translated, but never raised"
    assert raised - remarks - NOT_ON_SCREEN - said == set(), "raised, but not translated"
    assert {key.removeprefix("remedy.") for key in texts if key.startswith("remedy.")} == said


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_asks_every_question_of_a_held_render(language: str) -> None:
    assert {key.removeprefix("doubt.") for key in load_texts()[language] if key.startswith("doubt.")} == doubtful()


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_fills_no_blank_that_the_english_lacks(language: str) -> None:
    texts = load_texts()
    for key, words in texts[FALLBACK].items():
        blanks = sorted(re.findall(r"\{(\w+)\}", words))
        assert sorted(re.findall(r"\{(\w+)\}", texts[language][key])) == blanks, key


@pytest.mark.parametrize("language", OTHER)
def test_a_translation_says_only_sentences_that_the_program_has(language: str) -> None:
    sentences = source_text("pipeline", "models") + (ROOT / "models" / "catalogue.toml").read_text(encoding="utf-8")
    said = {key.removeprefix("say.") for key in load_texts()[language] if key.startswith("say.")}
    assert said
    assert {sentence for sentence in said if f'"{sentence}"' not in sentences} == set()
    assert {words for row in load_catalogue() for words in (row.title, row.licence, row.terms)} <= said
    assert {row.terms for row in whole_catalogue().model} <= said, "terms are for all"


def test_no_words_are_empty() -> None:
    for language, texts in load_texts().items():
        assert [key for key, words in texts.items() if not words.strip()] == [], language
