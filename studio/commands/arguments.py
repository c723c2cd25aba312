"""Every command and flag, in one place: what `--help` prints. Imports nothing heavy."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from pipeline.version import VERSION
from studio.options import OPTIONS, Option, in_force

COMMANDS = ("serve", "render", "analyse", "measure", "processors", "models", "doctor", "bench", "password")
PORT = 7860
LOOKS = ("small", "turned")
CODECS = ("h264", "h265", "av1", "vp9", "prores", "ffv1", "gif", "png", "jpeg", "tiff")
ENCODERS = ("auto", "software", "nvenc", "qsv", "videotoolbox")
_COVER = re.compile(r"\d{1,6}(,\d{1,6}){3}(@[^=]+)?(=(blur|pixelate|solid))?")

_GLOBAL_WITH_VALUE = ("--data-dir",)
_EXITS = """exit codes:
  0    done
  1    failed; the last line on stderr is CODE: what is wrong, and the remedy
  2    the command was not understood
  130  interrupted; nothing half-written is left
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The namespace of one call. Ends the process (0 for --help, 2 for usage) as argparse does."""
    return make_parser().parse_args(_with_command(argv))


def _with_command(argv: Sequence[str]) -> list[str]:
    """`serve` is what is meant where no command is named."""
    words = list(argv)
    at = 0
    while at < len(words) and words[at].startswith("--"):
        name, equals, _ = words[at].partition("=")
        if name in _GLOBAL_WITH_VALUE:
            at += 1 if equals else 2
        elif name == "--debug":
            at += 1
        else:
            break
    rest = words[at:]
    if not rest or (rest[0].startswith("-") and rest[0] not in ("-h", "--help", "--version")):
        rest = ["serve", *rest]
    # What stood before `serve` goes behind it, where its --help sees which data folder is meant.
    return ["serve", *words[:at], *rest[1:]] if rest[0] == "serve" else words


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal, up to 100 columns: longer lines are hard to read."""

    def __init__(self, prog: str, width: int | None = None) -> None:
        super().__init__(prog, width=width or min(shutil.get_terminal_size().columns - 2, 100), max_help_position=28)


class _WideFormatter(_Formatter):
    """The same at a fixed width, for the reference page."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, 100)


def make_parser() -> argparse.ArgumentParser:
    return _make_parsers(_Formatter)[0]


def _make_parsers(formatter: type[argparse.HelpFormatter],
                  ) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The whole parser, and each command's by name."""
    parser = argparse.ArgumentParser(
        prog="webui.py", allow_abbrev=False, formatter_class=formatter,
        description="Likeness: a face studio that runs on your own machine and opens in your browser.\n"
                    "Without a command it opens the studio.",
        epilog=_EXITS)
    parser.add_argument("--version", action="version", version=f"Likeness {VERSION}")
    _shared(parser, None, False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    subs: dict[str, argparse.ArgumentParser] = {}
    for name, (title, add) in _ADD.items():
        subs[name] = sub = commands.add_parser(name, help=title, description=title, allow_abbrev=False,
                                  formatter_class=formatter, epilog=_EPILOGS.get(name), add_help=name != "serve")
        add(sub)
        # The same two behind the command; SUPPRESS, so that they do not undo what stood before it.
        _shared(sub, argparse.SUPPRESS, argparse.SUPPRESS)
    return parser, subs


def _shared(parser: argparse.ArgumentParser, folder: object, debug: object) -> None:
    parser.add_argument("--data-dir", type=Path, metavar="FOLDER", default=folder,
                        help="where Likeness keeps its own files (default: LIKENESS_DATA_DIR, or the platform's "
                             "usual place)")
    parser.add_argument("--debug", action="store_true", default=debug,
                        help="show the traceback of an unexpected fault")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else, on stdout")


def _look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--look", type=_looks, metavar="HOW", default=None,
                        help="look harder for faces, slower: small (at more pixels), turned (lying or upside down), or "
                             "small,turned")


def _looks(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in words:
        if word not in LOOKS:
            raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(LOOKS)}")
    return words


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _file(text: str) -> Path:
    """An empty text is no file; `Path` would take it for the folder that one is in."""
    if not text:
        raise argparse.ArgumentTypeError("it names no file")
    return Path(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("it names no processor")
    return names


class _HelpNow(argparse._HelpAction):
    """`--help`, and below it what would count without a flag, and which variable or file says so."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        from pipeline.data_folder import data_folder

        parser.print_help()
        try:
            print("\nnow, without a flag:\n" + in_force(os.environ, data_folder(getattr(namespace, "data_dir", None))))
        except LikenessError as error:  # who asks for help may have come for this very reason
            print(f"\n{error}")
        parser.exit()


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-h", "--help", action=_HelpNow, help="show this help message and exit")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    _models_dir(parser)
    reached = parser.add_argument_group(
        "from elsewhere", "Each of these is also a variable (LIKENESS_LISTEN, LIKENESS_PORT …) and a line of\n"
                          "  settings.toml in the data folder (listen, port …). The flag counts before the variable,\n"
                          "  the variable before the file; `--help` and the System screen show which it was.")
    for option in OPTIONS:
        _option(reached, option.name)


def _option(parser: argparse.ArgumentParser | argparse._ArgumentGroup, name: str) -> None:
    """One of the studio's options, for every command that has it."""
    option = next(one for one in OPTIONS if one.name == name)
    more: dict[str, Any] = {"nargs": "?", "const": option.bare} if option.bare else {}
    parser.add_argument(option.flag, dest=option.name, type=_read(option), metavar=option.metavar, help=option.help,
                        default=None, action="append" if option.many else "store", **more)


def _switch(parser: argparse.ArgumentParser, name: str) -> None:
    """One of the studio's options as a flag without a value, for commands where a word behind it is something else."""
    option = next(one for one in OPTIONS if one.name == name)
    parser.add_argument(option.flag, dest=option.name, action="store_const", const=True, help=option.help)


def _read(option: Option) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return option.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}") from error

    return read


def _models_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models-dir", type=Path, metavar="FOLDER",
                        help="where model files are (default: LIKENESS_MODELS_DIR, or `models` in the data folder)")


def _models(parser: argparse.ArgumentParser) -> None:
    doing = parser.add_subparsers(dest="what", metavar="WHAT", required=True, title="what")
    for name, words in (("list", "every model, whether it is here, and what may be done with it"),
                        ("get", "fetch models, and what they need beside them"),
                        ("verify", "read the files through again and compare them"),
                        ("remove", "delete the files of models"),
                        ("import", "take in files that you have: models, or folders of them"),
                        ("licences", "every licence, and which you agreed to")):
        sub = doing.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".", allow_abbrev=False,
                               formatter_class=parser.formatter_class)
        _models_dir(sub)
        _json(sub)
        _shared(sub, argparse.SUPPRESS, argparse.SUPPRESS)
        if name == "import":
            sub.add_argument("files", nargs="+", type=_file, metavar="FILE", help="a file, or a folder of files")
        elif name in ("get", "verify", "remove"):
            sub.add_argument("slots", nargs="*" if name == "verify" else "+", metavar="MODEL",
                             help="as `models list` names it")
        if name == "get":
            sub.add_argument("--agree", action="store_true", help="you read their licences, and keep to them")
            _switch(sub, "offline")
        if name in ("get", "list"):
            _switch(sub, "commercial_safe")


def _password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=_file, metavar="FILE",
                        help="take the first line of FILE as the password, instead of making one")
    _json(parser)


def _render(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", action="append", default=[], metavar="[NAME=]FILE",
                        help="photo of a face to put in; repeat for more. NAME defaults to the file's name without its "
                             "ending; photos with equal NAMEs are of one person. FILE#2 means the second face in FILE "
                             "(default: the largest)")
    parser.add_argument("--target", type=_file, metavar="FILE",
                        help="picture or clip to work on; a clip may also be a folder of numbered pictures, or a "
                             "pattern (shot_%%04d.png)")
    parser.add_argument("--output", type=_file, metavar="FILE", required=True,
                        help="file to write; its ending decides the format: .jpg .png .webp .tif .bmp .heic .avif for "
                             "pictures; .mp4 .mov .mkv .webm .avi .gif, or a pattern like out_%%04d.png, for clips")
    parser.add_argument("--preset", metavar="NAME", help="chain of effects: natural (default), sharp or fast")
    parser.add_argument("--effects", type=_names, metavar="NAME,NAME,...",
                        help="the chain, in order, by the names that `processors` lists")
    parser.add_argument("--swapper", metavar="NAME", help="put this swapper in the place of the chain's own")
    parser.add_argument("--set", action="append", default=[], metavar="ID.NAME=VALUE",
                        help="set a parameter, for example swapper.strength=0.8, or enhancer.2.amount=0.4 for the "
                             "second enhancer; repeat for more. `processors` lists them all")
    parser.add_argument("--map", metavar="N=WHAT,...",
                        help="who gets what, by the numbers that `analyse` prints: a source's NAME, keep, blur, "
                             "pixelate, solid, or effects (the chain without a source); `others` for everyone else, "
                             "who are kept unless it says otherwise")
    _look(parser)
    parser.add_argument("--recipe", type=Path, metavar="R.json",
                        help="begin with a saved recipe; the other flags change it")
    parser.add_argument("--save-recipe", type=_file, metavar="R.json", help="also save what was done as a recipe")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    _models_dir(parser)
    _switch(parser, "commercial_safe")
    parser.add_argument("--i-have-consent", action="store_true",
                        help="you state that the use of the faces is permitted: neural swappers and editors ask for it")
    parser.add_argument("--backdrop", type=_file, metavar="FILE",
                        help="picture or clip that lies behind people, for effects that cut them out (--set "
                             "frame.behind=picture)")
    parser.add_argument("--cover", action="append", type=_cover, default=[], metavar="X,Y,W,H[@TIME][=STYLE]",
                        help="hide a head that is not found: a box in pixels of the upright picture; in a clip at that "
                             "TIME, and followed to the ends of its shot. STYLE: blur (default), pixelate, solid")
    _clip(parser)
    _json(parser)


def _clip(parser: argparse.ArgumentParser) -> None:
    clips = parser.add_argument_group(
        "for clips", "TIME is seconds (12.5), minutes and seconds (1:02.5), or a frame's number from 0 (381f). What is "
                     "not named stays as the input has it.")
    clips.add_argument("--start", type=_moment, metavar="TIME", help="render from here on")
    clips.add_argument("--stop", type=_moment, metavar="TIME", help="render up to here, this moment not included")
    clips.add_argument("--codec", choices=CODECS, help="how pictures are coded (default: H.264; H.265 for HDR and "
                                                       "10 bit; VP9 in WebM; ProRes for alpha)")
    clips.add_argument("--crf", type=int, choices=range(64), metavar="0-63",
                       help="quality on the codec's own scale, smaller is better (default: 18 for H.264 and H.265)")
    clips.add_argument("--speed", metavar="PRESET",
                       help="the encoder's preset, in x264's words: veryfast, medium, slow …")
    clips.add_argument("--height", type=_count, metavar="LINES", help="scale to so many lines")
    clips.add_argument("--fps", metavar="RATE",
                       help="frames a second (30, 24000/1001): frames are dropped or repeated, the clip stays as long "
                            "as it is")
    clips.add_argument("--no-sound", action="store_true", help="leave the sound tracks out")
    clips.add_argument("--no-smart", action="store_true",
                       help="encode every picture; without it, pictures that no effect touches are copied as they are "
                            "where the output is coded as the clip is (H.264 in MP4, MOV, MKV)")
    clips.add_argument("--encoder", choices=ENCODERS,
                       help="whose encoder: software (default), or hardware where a trial succeeds")
    clips.add_argument("--deinterlace", action="store_true", help="make whole pictures of interlaced fields")
    clips.add_argument("--sdr", action="store_true", help="map HDR to standard dynamic range")
    clips.add_argument("--damaged", choices=("refuse", "up-to"),
                       help="a clip that is corrupt in the middle: refuse it (default), or render it up to there")
    clips.add_argument("--resume", action="store_true",
                       help="go on with an interrupted render of this output; its finished parts are taken over")
    clips.add_argument("--accept", action="append", type=_span, default=[], metavar="TIME-TIME",
                       help="this doubtful span of an anonymised clip was looked at and is all right; repeat for more")


def _moment(text: str) -> str:
    """The text itself, once it is known to be a time: what it means depends on the clip."""
    from pipeline.clips.moments import parse_moment  # not above: `--help` imports nothing heavy

    return _parsed(text, parse_moment)


def _span(text: str) -> str:
    from pipeline.clips.moments import parse_span

    return _parsed(text, parse_span)


def _parsed(text: str, parse: Callable[[str], object]) -> str:
    try:
        parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _cover(text: str) -> str:
    if not _COVER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y,W,H, perhaps with @TIME and =STYLE behind it")
    return text


def _analyse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=_file, metavar="FILE", help="picture or clip to look at")
    parser.add_argument("--recipe", type=Path, metavar="R.json",
                        help="clips: list the people by a saved recipe's numbers and names, looking as hard as it does")
    _look(parser)
    _models_dir(parser)
    _json(parser)


def _measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, metavar="FILE", required=True, help="photo of the face that was put in")
    parser.add_argument("--before", type=Path, metavar="FILE", required=True, help="the picture or clip before")
    parser.add_argument("--after", type=Path, metavar="FILE", required=True, help="the picture or clip after")
    parser.add_argument("--recipe", type=Path, metavar="R.json",
                        help="what was done: in pictures, so that pixels are counted outside its masks; in clips, so "
                             "that it is known who was to be changed, and which span")
    parser.add_argument("--report", type=_file, metavar="FILE.html",
                        help="clips: also write a page with plots and pictures of what stands out, which needs nothing "
                             "beside it")
    parser.add_argument("--overwrite", action="store_true", help="replace the report's file if it is there")
    _models_dir(parser)
    _json(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("quality", "pipeline", "models"),
                        help="quality: speed, sharpness and likeness of the built-in chain on the faces that installed "
                             "packages carry, beside a simple method. pipeline: how fast clips go through, with "
                             "networks that cost nothing, beside a plain loop and beside decoding and encoding alone. "
                             "models: how fast networks run that cost about what real ones do (on a CPU a sixteenth as "
                             "wide), beside plain sessions and insightface's own classes; on a CUDA device also what "
                             "each step brings, and a 1080p clip through five networks")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER",
                        help="quality: also write pictures side by side, to look at, into this folder")
    parser.add_argument("--pairs", type=_count, metavar="N", help="quality: measure only the first N pairs of faces")
    parser.add_argument("--resolutions", type=_names, metavar="NAME,NAME,...",
                        help="pipeline: of 720p, 1080p and 4K (default: all three)")
    parser.add_argument("--frames", type=_count, metavar="N",
                        help="pipeline: frames of each clip (default: more of small ones)")
    _json(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    _models_dir(parser)
    _json(parser)


_ADD = {
    "serve": ("Open the studio in your browser. Only this machine can reach it, unless you say otherwise.", _serve),
    "render": ("Change the faces in one picture or clip.", _render),
    "analyse": ("List the faces in a picture, or the people in a clip, with their numbers.", _analyse),
    "measure": ("Measure what a change did: likeness, light, colour, sharpness, pixels outside the face; in clips "
                "every frame, and what stands out.", _measure),
    "processors": ("List the processors and their parameters.", _json),
    "models": ("List, get, verify, remove and import models, and show their licences.", _models),
    "doctor": ("Check this machine; each line names its remedy.", _doctor),
    "bench": ("Measure quality and speed on this machine.", _bench),
    "password": ("Make a new owner's password for a studio that others can reach, and print it.", _password),
}

_EPILOGS = {
    "render": """examples:
  webui.py render --source ann.jpg --target party.jpg --output out.png
      Ann on every face, with the preset Natural
  webui.py render --source ann.jpg --source Bob=b1.jpg --source Bob=b2.jpg \\
                  --target party.jpg --output out.png --map 1=ann,2=keep,3=Bob,others=blur
  webui.py render --target party.jpg --output out.jpg --map others=pixelate
  webui.py render --source ann.jpg --target party.jpg --output out.png \\
                  --preset sharp --set swapper.strength=0.8 --save-recipe r.json
  webui.py render --source ann.jpg --target holiday.mp4 --output out.mp4
  webui.py render --source ann.jpg --target holiday.mp4 --output out.mp4 --resume
      go on with it after Ctrl+C, a crash or a full disk
  webui.py render --target street.mov --output street.mp4 --map others=blur --start 0:10 --stop 0:25
""",
}

_PAGE = """# Command line

Generated from the program by `python3 -m uv run python docs/generate.py`; do not edit. Every call below is what
`webui.py COMMAND --help` prints; run it as `python3 -m uv run webui.py COMMAND …`.

- Answers go to stdout, everything else (progress, remarks, errors) to stderr. With `--json` stdout holds one JSON
  document and nothing else; after an error it is `{"error": {"code", "message", "subject", "remedy"}}`.
- Progress shows on a terminal and is quiet in a pipe.
- An error is one line, `CODE: what is wrong, and the remedy`; [errors.md](errors.md) lists the codes.
- `--source` takes `[NAME=]FILE[#N]`. A text that is a file's name as it stands is that file, whatever signs it holds.
- Person numbers are those that `analyse` prints, from left to right. One source without `--map` goes on every face;
  several without it end with exit code 2 and the list of faces.
- `--recipe` begins with a saved recipe: its files are looked for where they were, then beside the recipe, and must be
  the same files. Flags change it: `--source` and `--target` replace files, `--map` changes the people that it names,
  `--preset` or `--effects` replace the chain, `--set` changes single parameters.
- [processors.md](processors.md) lists the parameters, [recipe.schema.json](recipe.schema.json) what a recipe holds,
  [measures.md](measures.md) the formulas of `measure`.
"""


def help_page() -> str:
    """docs/command-line.md."""
    parser, commands = _make_parsers(_WideFormatter)
    texts = [("webui.py", parser.format_help()), *((name, sub.format_help()) for name, sub in commands.items())]
    return _PAGE + "".join(f"\n## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in texts)
