"""An output is there whole, or not at all, and nothing that was there before is lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from models.errors import OutputError
from pipeline.pictures import Picture, atomic, check_output, read_picture, suffix_format, write_picture
from tests.pipeline.pictures import making as m

ROOT = Path(__file__).parents[3]


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    return read_picture(m.save(tmp_path / "in.png", m.small()))


def refused(code: str, picture: Picture, output: Path, **options: object) -> OutputError:
    with pytest.raises(OutputError) as caught:
        write_picture(picture.frame, picture, output, edit=m.SWAP, **options)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert str(output) in caught.value.message
    assert caught.value.remedy
    return caught.value


def nothing_left(folder: Path, *kept: str) -> None:
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(kept)


def test_an_output_that_exists_is_kept_unless_allowed(picture: Picture, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_text("mine")
    refused("OUTPUT.EXISTS", picture, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_text() == "mine"
    write_picture(picture.frame, picture, tmp_path / "out.png", edit=m.SWAP, overwrite=True)
    assert read_picture(tmp_path / "out.png").frame.width == 96
    nothing_left(tmp_path, "in.png", "out.png")


def test_a_sidecar_that_exists_is_kept_unless_allowed(picture: Picture, tmp_path: Path) -> None:
    (tmp_path / "out.bmp.xmp").write_text("mine")
    with pytest.raises(OutputError, match=r"out\.bmp\.xmp"):
        write_picture(picture.frame, picture, tmp_path / "out.bmp", edit=m.SWAP)
    nothing_left(tmp_path, "in.png", "out.bmp.xmp")


@pytest.mark.parametrize("link", ["itself", "hard", "symbolic", "dotted"])
def test_an_input_is_never_replaced_under_any_name(link: str, picture: Picture, tmp_path: Path) -> None:
    source, output = tmp_path / "in.png", tmp_path / "other.png"
    before = source.read_bytes()
    if link == "hard":
        os.link(source, output)
    elif link == "symbolic":
        output.symlink_to(source)
    else:
        output = source if link == "itself" else tmp_path / ".." / tmp_path.name / "in.png"
    refused("OUTPUT.IS_INPUT", picture, output, overwrite=True, inputs=(source,))
    assert source.read_bytes() == before


def test_what_is_no_place_for_a_picture(picture: Picture, tmp_path: Path) -> None:
    refused("OUTPUT.NO_FOLDER", picture, tmp_path / "no" / "out.png")
    refused("OUTPUT.FORMAT", picture, tmp_path / "out.xyz")
    refused("OUTPUT.FORMAT", picture, tmp_path / "out.gif")
    (tmp_path / "folder.png").mkdir()
    refused("OUTPUT.UNWRITABLE", picture, tmp_path / "folder.png", overwrite=True)
    os.mkfifo(tmp_path / "pipe.png")
    refused("OUTPUT.UNWRITABLE", picture, tmp_path / "pipe.png", overwrite=True)
    nothing_left(tmp_path, "in.png", "folder.png", "pipe.png")


def test_a_folder_that_is_there_and_takes_no_files_is_not_said_to_be_missing(
        picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> int:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")  # what /proc answers

    monkeypatch.setattr(os, "open", none)
    with pytest.raises(OutputError, match="takes no files") as raised:
        write_picture(picture.frame, picture, tmp_path / "out.png", edit=m.SWAP)
    assert raised.value.code == "OUTPUT.UNWRITABLE"


def test_suffixes_count_in_any_case() -> None:
    assert [suffix_format(Path(f"a.{s}")) for s in ("JPG", "jpeg", "TIF", "Heif", "avif")] == \
        ["jpeg", "jpeg", "tiff", "heic", "avif"]
    with pytest.raises(OutputError, match=r"\.png"):
        suffix_format(Path("a.doc"))


def test_a_folder_that_may_not_be_written(picture: Picture) -> None:
    with m.open_folder() as folder:
        folder.chmod(0o555)
        with m.without_privileges():
            refused("OUTPUT.UNWRITABLE", picture, folder / "out.png")
            with pytest.raises(OutputError):
                check_output(folder / "out.png", False, ())
        nothing_left(folder)


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "DISK.FULL"), (errno.EDQUOT, "DISK.FULL"),
                                              (errno.EROFS, "OUTPUT.UNWRITABLE"), (errno.EIO, "OUTPUT.UNWRITABLE")])
@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_disk_that_fails_loses_nothing(number: int, code: str, suffix: str, picture: Picture, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / f"out{suffix}"
    output.write_text("mine")

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    refused(code, picture, output, overwrite=True)
    assert output.read_text() == "mine"
    nothing_left(tmp_path, "in.png", output.name)


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


WRITER = """
    import os, sys
    from pathlib import Path
    from models.errors import OutputError
    from pipeline.pictures import atomic
    folder, size = Path(sys.argv[1]), int(sys.argv[2])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are Unix's")
def test_a_real_limit_on_files_is_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_text("mine")
    process = run(WRITER + """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        atomic.write_all([(folder / "out.png", bytes(size))], overwrite=True)
    except OutputError as error:
        print(error)
    """, tmp_path, 100_000)
    out, errors = process.communicate(timeout=60)
    assert "DISK.FULL" in out, errors
    assert "100,000 bytes" in out
    assert (tmp_path / "out.png").read_text() == "mine"
    nothing_left(tmp_path, "out.png")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/shm and mount are Linux's")
@pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="mounting needs root")
def test_a_really_full_disk(picture: Picture, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        error = refused("DISK.FULL", picture, disk / "out.png")
        assert "free" in error.message
        nothing_left(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is Unix's")
def test_a_kill_in_the_middle_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_text("mine")
    process = run(WRITER + """
    def wait(_):
        print("writing", flush=True)
        import time; time.sleep(60)
    os.fsync = wait
    atomic.write_all([(folder / "out.png", bytes(size))], overwrite=True)
    """, tmp_path, 1_000_000)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert (tmp_path / "out.png").read_text() == "mine"
    assert all(entry.name.startswith(".") or entry.name == "out.png" for entry in tmp_path.iterdir())


def test_an_interruption_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_all([(tmp_path / "out.png", b"x")], overwrite=False)
    nothing_left(tmp_path)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def appear(_descriptor: int) -> None:
        (tmp_path / "out.bmp").write_text("theirs")

    monkeypatch.setattr(os, "fsync", appear)
    with pytest.raises(OutputError) as caught:
        atomic.write_all([(tmp_path / "out.bmp.xmp", b"x"), (tmp_path / "out.bmp", b"x")], overwrite=False)
    assert caught.value.code == "OUTPUT.EXISTS"
    assert (tmp_path / "out.bmp").read_text() == "theirs"
    nothing_left(tmp_path, "out.bmp")


def test_file_systems_without_hard_links_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    atomic.write_all([(tmp_path / "out.png", b"new")], overwrite=False)
    assert (tmp_path / "out.png").read_bytes() == b"new"
    with pytest.raises(OutputError):
        atomic.write_all([(tmp_path / "out.png", b"newer")], overwrite=False)
    assert (tmp_path / "out.png").read_bytes() == b"new"
    nothing_left(tmp_path, "out.png")


@pytest.mark.skipif(sys.platform == "win32", reason="modes are Unix's")
def test_modes_follow_the_umask_or_the_file_that_was_there(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic.write_all([(tmp_path / "new.png", b"x")], overwrite=False)
    finally:
        os.umask(before)
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new.png").chmod(0o604)
    atomic.write_all([(tmp_path / "new.png", b"y")], overwrite=True)
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o604


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_text("old")
    (tmp_path / "a.png").symlink_to(tmp_path / "real" / "a.png")
    atomic.write_all([(tmp_path / "a.png", b"new")], overwrite=True)
    assert (tmp_path / "a.png").is_symlink()
    assert (tmp_path / "real" / "a.png").read_bytes() == b"new"


def test_long_names_fit(tmp_path: Path) -> None:
    name = "n" * 251 + ".png"
    started = time.monotonic()
    atomic.write_all([(tmp_path / name, b"x")], overwrite=False)
    assert (tmp_path / name).read_bytes() == b"x"
    assert time.monotonic() - started < 30
