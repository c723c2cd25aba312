"""Flag before variable before file, and where each value came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import LikenessError
from studio.commands.arguments import parse
from studio.options import OPTIONS, settle


def settled(folder: Path, *, flags: dict[str, Any] | None = None, variables: dict[str, str] | None = None,
            file: str | None = None) -> dict[str, tuple[Any, str]]:
    if file is not None:
        (folder / "settings.toml").write_text(file, encoding="utf-8")
    return {name: (value.value, value.origin) for name, value in settle(flags or {}, variables or {}, folder).items()}


def test_without_anything_this_machine_alone_is_let_in(tmp_path: Path) -> None:
    found = settled(tmp_path)
    assert {origin for _, origin in found.values()} == {"default"}
    assert found["listen"][0] == "127.0.0.1"
    assert found["port"][0] is None
    assert found["share"][0] is None
    assert found["allowed_host"][0] == ()


@pytest.mark.parametrize(("flags", "variables", "file", "wanted"), [
    ({"port": 1}, {"LIKENESS_PORT": "2"}, "port = 3", (1, "flag")),
    ({"port": None}, {"LIKENESS_PORT": "2"}, "port = 3", (2, "variable")),
    ({}, {"LIKENESS_PORT": ""}, "port = 3", (3, "file")),
    ({}, {}, "", (None, "default")),
])
def test_the_flag_counts_before_the_variable_before_the_file(
        tmp_path: Path, flags: dict[str, Any], variables: dict[str, str], file: str, wanted: tuple[Any, str]) -> None:
    assert settled(tmp_path, flags=flags, variables=variables, file=file)["port"] == wanted


def test_every_option_is_a_flag_a_variable_and_a_key(tmp_path: Path) -> None:
    examples: dict[str, tuple[str, Any]] = {
        "listen": ("::1", "::1"), "port": ("8080", 8080), "root_path": ("/faces/", "/faces"),
        "share": ("ssh:me@example.org:2222", "ssh:me@example.org:2222"), "allowed_host": ("Faces.Example.org", None),
        "password_file": ("/run/secrets/p", Path("/run/secrets/p")), "resume_renders": ("yes", True),
        "offline": ("yes", True), "commercial_safe": ("yes", True)}
    assert set(examples) == {option.name for option in OPTIONS}
    for option in OPTIONS:
        text, value = examples[option.name]
        value = ("faces.example.org",) if option.many else value
        args = parse(["serve", option.flag, text])
        assert settled(tmp_path, flags=vars(args))[option.name] == (value, "flag")
        assert settled(tmp_path, variables={option.variable: text})[option.name] == (value, "variable")
        assert settled(tmp_path, file=f'{option.name} = "{text}"')[option.name] == (value, "file")


def test_listen_without_an_address_means_all_of_them(tmp_path: Path) -> None:
    assert settled(tmp_path, flags=vars(parse(["serve", "--listen"])))["listen"] == ("0.0.0.0", "flag")


def test_yes_and_no_are_written_as_each_place_writes_them(tmp_path: Path) -> None:
    assert settled(tmp_path, flags=vars(parse(["serve", "--resume-renders"])))["resume_renders"] == (True, "flag")
    assert settled(tmp_path, variables={"LIKENESS_RESUME_RENDERS": "no"})["resume_renders"] == (False, "variable")
    assert settled(tmp_path, file="resume_renders = true")["resume_renders"] == (True, "file")


def test_several_names_are_a_list_or_stand_between_commas(tmp_path: Path) -> None:
    names = ("a.example", "b.example")
    flags = vars(parse(["serve", "--allowed-host", "a.example", "--allowed-host", "b.example"]))
    assert settled(tmp_path, flags=flags)["allowed_host"][0] == names
    assert settled(tmp_path, variables={"LIKENESS_ALLOWED_HOST": "a.example, b.example"})["allowed_host"][0] == names
    assert settled(tmp_path, file='allowed_host = ["a.example", "b.example"]')["allowed_host"][0] == names


@pytest.mark.parametrize(("variables", "file", "words"), [
    ({"LIKENESS_PORT": "0"}, None, "LIKENESS_PORT.*'0' is not a port"),
    ({"LIKENESS_LISTEN": "everywhere"}, None, "LIKENESS_LISTEN.*is not an IP address"),
    ({"LIKENESS_ROOT_PATH": "faces"}, None, "is not a path such as /likeness"),
    ({"LIKENESS_ROOT_PATH": "/a b"}, None, "is not a path"),
    ({"LIKENESS_SHARE": "ssh:"}, None, "neither gradio nor ssh"),
    ({"LIKENESS_ALLOWED_HOST": "https://faces.example"}, None, "no scheme, no port"),
    ({}, "port = 'x'", r"settings\.toml: port.*is not a port"),
    ({}, "port = [1, 2]", r"settings\.toml: port = \[1, 2\] is not text"),
    ({}, "resume_renders = 'perhaps'", "is neither yes nor no"),
    ({}, "prot = 1", r"settings\.toml: there is no setting called prot"),
    ({}, "port = ", r"settings\.toml is not TOML"),
])
def test_what_cannot_be_read_is_named_with_the_place_where_it_stands(
        tmp_path: Path, variables: dict[str, str], file: str | None, words: str) -> None:
    with pytest.raises(LikenessError, match=words) as caught:
        settled(tmp_path, variables=variables, file=file)
    assert caught.value.code == "SETTINGS.INVALID"
    assert "password_file" in caught.value.remedy, "it says what there is"


def test_help_says_what_counts_now_and_which_variable_or_file_says_so(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text('allowed_host = ["a.example", "b.example"]\n')
    monkeypatch.setenv("LIKENESS_PORT", "9000")
    for argv in (["--data-dir", str(tmp_path), "serve", "--help"], ["serve", "--data-dir", str(tmp_path), "-h"]):
        with pytest.raises(SystemExit) as ended:
            parse(argv)
        assert ended.value.code == 0
        now = capsys.readouterr().out.partition("now, without a flag:")[2]
        rows = {line.split()[0]: line.split()[1:] for line in now.strip().splitlines()}
        assert rows["--port"] == ["9000", "LIKENESS_PORT"]
        assert rows["--allowed-host"] == ["a.example,", "b.example", str(tmp_path / "settings.toml")]
        assert rows["--listen"] == ["127.0.0.1", "default"]


def test_help_is_there_for_whoever_has_a_wrong_setting(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIKENESS_PORT", "many")
    with pytest.raises(SystemExit):
        parse(["serve", "--data-dir", str(tmp_path), "--help"])
    out = capsys.readouterr().out
    assert "--allowed-host NAME" in out
    assert "SETTINGS.INVALID: LIKENESS_PORT" in out
