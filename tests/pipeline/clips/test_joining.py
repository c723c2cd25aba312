"""What goes along with the pictures, and how the file comes to stand there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from models.errors import Cancelled, MediaError, OutputError
from pipeline.clips.boxes import append_xmp, top_boxes
from pipeline.clips.encoding import resolve
from pipeline.clips.joining import join
from pipeline.clips.marks import packet_of, read_clip_provenance
from pipeline.clips.parts import PartWriter
from pipeline.clips.timeline import decoding_times
from pipeline.pictures.picture import Edit
from pipeline.pictures.xmp import sidecar_of, stated
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import QUICK, SWAPPED, Footage, describe, look, make, packets, planes, render

MS = Fraction(1, 1000)
HIDDEN = Edit((("blur", "1.0"),), "anonymise", "0.1.0", "recipe")
HEARD = Footage(sounds=("eng", "deu"), subtitles=("fra",), chapters=((0, 200, "Anna"), (200, 450, "Bo")),
                metadata={"title": "A title", "artist": "Somebody", "comment": "said"}, titles=("Voice", "Music"))
IPHONE = replace(HEARD, movflags="use_metadata_tags", turn=1, subtitles=(),
                 metadata={"com.apple.quicktime.make": "Apple", "com.apple.quicktime.location.ISO6709": "+48.1+011.5/",
                           "com.apple.quicktime.creationdate": "2024-05-01T10:00:00+0200"})


# Marked as edited


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm", "avi"])
def test_every_output_says_that_it_was_edited(ending: str, tmp_path: Path) -> None:
    footage = Footage()
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    _, written = render(clip, seen.frames, tmp_path / f"out.{ending}")
    said = read_clip_provenance(tmp_path / f"out.{ending}")
    assert said is not None
    assert (said.kind, said.effects, said.recipe_id) == ("swap", (("geometric", "1.0"),), "recipe")
    assert (written.sidecar is not None) == (ending == "avi")
    assert sidecar_of(tmp_path / f"out.{ending}").exists() == (ending == "avi")
    if ending == "mp4":
        assert [one.kind for one in top_boxes(tmp_path / "out.mp4")] == [b"ftyp", b"moov", b"free", b"mdat", b"uuid"]
    if ending in ("mkv", "webm"):
        assert look(tmp_path / f"out.{ending}").metadata["EDITED_WITH"] == "Likeness 0.1.0: swap"


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_what_other_programs_said_in_xmp_is_kept(ending: str, tmp_path: Path) -> None:
    footage = Footage(time_base=MS, ticks=tuple(range(0, 400, 40)))
    source = make(tmp_path / f"in.{ending}", footage)
    earlier = stated(Edit((("detail", "2.0"),), "enhance", "0.0.9"), None)
    if ending == "mp4":
        with source.open("r+b") as file:
            append_xmp(file, earlier)
    else:
        sidecar_of(source).write_bytes(earlier)
    clip, seen = describe(source, footage)
    render(clip, seen.frames, tmp_path / f"out.{ending}")
    packet = packet_of(tmp_path / f"out.{ending}")
    assert packet is not None
    assert b"detail 2.0" in packet  # in the history
    assert b"geometric 1.0" in packet


def test_damaged_xmp_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    footage = Footage()
    source = make(tmp_path / "in.mp4", footage)
    with source.open("r+b") as file:
        append_xmp(file, b"<no xml")
    clip, seen = describe(source, footage)
    _, written = render(clip, seen.frames, tmp_path / "out.mp4")
    assert "OUTPUT.XMP_DROPPED" in [note.code for note in written.notes]
    assert read_clip_provenance(tmp_path / "out.mp4") is not None


# Metadata


@pytest.mark.parametrize("ending", ["mov", "mp4"])
def test_a_phones_own_tags_are_kept(ending: str, tmp_path: Path) -> None:
    clip, seen = describe(make(tmp_path / f"in.{ending}", IPHONE), IPHONE)
    render(clip, seen.frames, tmp_path / f"out.{ending}")
    after = look(tmp_path / f"out.{ending}")
    for key, words in IPHONE.metadata.items():
        assert after.metadata[key] == words
    assert after.turn == 1
    assert read_clip_provenance(tmp_path / f"out.{ending}") is not None
    assert len(after.frames) == len(seen.frames)


def test_mp4_begins_with_its_index(tmp_path: Path) -> None:
    clip, seen = describe(make(tmp_path / "in.mp4", HEARD), HEARD)
    render(clip, seen.frames, tmp_path / "out.mp4")
    kinds = [one.kind for one in top_boxes(tmp_path / "out.mp4")]
    assert kinds.index(b"moov") < kinds.index(b"mdat")


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_covers_go_along(ending: str, tmp_path: Path) -> None:
    footage = Footage(cover=True, sounds=("eng",), time_base=MS, ticks=tuple(range(0, 400, 40)))
    source = make(tmp_path / "in.mp4", footage)
    clip, seen = describe(source, footage)
    _, written = render(clip, seen.frames, tmp_path / f"out.{ending}")
    covers = [role for kind, _, _, role in look(tmp_path / f"out.{ending}").streams if kind == "video"]
    dropped = "OUTPUT.TRACK_DROPPED" in [note.code for note in written.notes]
    assert (sum(bool(role & av.stream.Disposition.attached_pic) for role in covers) == 1) != dropped
    assert not (dropped and ending == "mp4")


def test_attachments_go_along_in_matroska_and_are_named_elsewhere(tmp_path: Path) -> None:
    footage = Footage(attachment=b"a font" * 50, time_base=MS, ticks=tuple(range(0, 400, 40)))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    render(clip, seen.frames, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert [stream.data for stream in file.streams.attachments] == [b"a font" * 50]
    _, written = render(clip, seen.frames, tmp_path / "out.mp4")
    assert "an attachment" in next(note.words for note in written.notes if note.code == "OUTPUT.TRACK_DROPPED")


# Anonymised


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_an_anonymised_clip_names_nobody(ending: str, tmp_path: Path) -> None:
    footage = replace(HEARD, cover=True, metadata=HEARD.metadata | {"location": "+48.1+011.5/"})
    source = make(tmp_path / "in.mp4", footage)
    with source.open("r+b") as file:
        append_xmp(file, stated(Edit((("detail", "2.0"),), "enhance", "Cameraman"), None))
    clip, seen = describe(source, footage)
    _, written = render(clip, seen.frames, tmp_path / f"out.{ending}", edit=HIDDEN)
    data = (tmp_path / f"out.{ending}").read_bytes()
    for words in (b"A title", b"Somebody", b"said", b"Voice", b"Music", b"Anna", b"+48", b"Cameraman", b"recipe",
                  b"IHDR"):
        assert words not in data
    after = look(tmp_path / f"out.{ending}")
    assert [(float(start), title) for start, _, title in after.chapters] == [(0, ""), (0.2, "")]
    assert next(words["language"] for kind, _, words, _ in after.streams if kind == "audio") == "eng"
    said = read_clip_provenance(tmp_path / f"out.{ending}")
    assert said is not None
    assert (said.kind, said.when, said.recipe_id) == ("anonymise", None, None)
    assert {"OUTPUT.STRIPPED", "ANONYMISE.VOICE"} <= {note.code for note in written.notes}


# Sound and words


@pytest.mark.parametrize(("ending", "codec"), [("webm", "opus"), ("avi", "pcm_s16le")])
def test_sound_that_a_container_does_not_take_is_coded_again_in_time(ending: str, codec: str, tmp_path: Path) -> None:
    footage = Footage(sounds=("eng",))
    source = make(tmp_path / "in.mp4", footage)
    clip, seen = describe(source, footage)
    _, written = render(clip, seen.frames, tmp_path / f"out.{ending}")
    assert "OUTPUT.SOUND_CONVERTED" in [note.code for note in written.notes]
    assert codec in [name for kind, name, _, _ in look(tmp_path / f"out.{ending}").streams if kind == "audio"]
    before, after = clicks(source), clicks(tmp_path / f"out.{ending}")
    assert len(before) == len(after) == 6
    np.testing.assert_allclose(after, before, atol=0.003)


def clicks(path: Path) -> list[float]:
    """When each click of the first sound track is heard, in seconds."""
    wave: list[np.ndarray] = []
    first: Fraction | None = None
    with av.open(str(path)) as file:
        rate = file.streams.audio[0].codec_context.sample_rate
        resampler = av.AudioResampler("s16", "mono", rate)
        for frame in file.decode(audio=0):
            if first is None:
                first = Fraction(frame.pts or 0) * Fraction(frame.time_base or 1)
            wave += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    samples = np.abs(np.concatenate(wave).astype(np.int64))
    loud = np.flatnonzero(samples > 12000)
    starts = loud[np.concatenate([[True], np.diff(loud) > 1000])]
    return [float(first or 0) + start / rate for start in starts.tolist()]


def test_subtitles_are_written_the_way_the_container_wants_them(tmp_path: Path) -> None:
    clip, seen = describe(make(tmp_path / "in.mp4", HEARD), HEARD)
    for ending, codec in (("mkv", "subrip"), ("webm", "webvtt"), ("avi", None)):
        _, written = render(clip, seen.frames, tmp_path / f"out.{ending}")
        codes = [note.code for note in written.notes]
        assert ("OUTPUT.SUBTITLES_CONVERTED" if codec else "OUTPUT.TRACK_DROPPED") in codes
        if codec is None:
            continue
        with av.open(str(tmp_path / f"out.{ending}")) as file:
            stream = file.streams.subtitles[0]
            assert stream.codec_context.codec.canonical_name == codec
            assert stream.metadata["language"] == "fra"
            found = [(packet.pts, packet.duration, bytes(packet)) for packet in file.demux(stream) if packet.size]
        first = look(tmp_path / f"out.{ending}").times[0]
        assert [(start - round(first * 1000), length, words.strip()) for start, length, words in found
                if start is not None] == [(100, 200, b"Hello"), (350, 100, b"World")]


def test_sound_is_left_out_on_request(tmp_path: Path) -> None:
    clip, seen = describe(make(tmp_path / "in.mp4", HEARD), HEARD)
    render(clip, seen.frames, tmp_path / "out.mp4", ClipOutput(sound=False, speed="ultrafast"))
    assert packets(tmp_path / "out.mp4", "audio") == []
    assert len(packets(tmp_path / "out.mp4", "subtitle")) == 1


# Trimmed


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_trimmed_clip_begins_at_zero_with_everything_in_step(ending: str, tmp_path: Path) -> None:
    footage = replace(HEARD, sound_seconds=0.9)
    source = make(tmp_path / "in.mp4", footage)
    clip, seen = describe(source, footage)
    output = tmp_path / f"out.{ending}"
    low, high = Fraction(5005, 30000), Fraction(11011, 30000)
    render(clip, seen.frames, output, ClipOutput(codec="h264", speed="ultrafast"), start=5005, stop=11011)
    after = look(output)
    assert len(after.frames) == 6
    for number, time in enumerate(after.times):
        assert abs(time - number * Fraction(1001, 30000)) <= (MS if ending == "mkv" else 0)
        assert np.abs(planes(after.frames[number])[0] - planes(seen.frames[number + 5])[0]).mean() < 3
    expected = [click - float(low) for click in clicks(source) if low < click < high]
    heard = [click for click in clicks(output) if click > 0]
    assert heard == pytest.approx(expected, abs=0.002)
    tracks = packets(output, "audio")
    before = {digest for track in packets(source, "audio") for _, _, digest in track}
    assert all(digest in before for track in tracks for _, _, digest in track)
    last = max(start + length for start, length, _ in tracks[0])
    assert high - low <= last < high - low + Fraction(1024, 48000)
    assert [(round(float(start), 3), round(float(end), 3), title) for start, end, title in after.chapters] == [
        (0.0, 0.033, "Anna"), (0.033, 0.2, "Bo")]
    words = [(round(float(start), 3), round(float(length), 3)) for start, length, _ in packets(output, "subtitle")[0]]
    assert words[0] == (0.0, 0.133)  # begun before, shortened to the span


def test_sound_goes_on_behind_a_span_that_reaches_the_end(tmp_path: Path) -> None:
    footage = Footage(sounds=("eng",), sound_seconds=1.2)
    source = make(tmp_path / "in.mp4", footage)
    clip, seen = describe(source, footage)
    render(clip, seen.frames, tmp_path / "out.mp4", start=5005)
    before, after = packets(source, "audio")[0], packets(tmp_path / "out.mp4", "audio")[0]
    assert after[-1][2] == before[-1][2]
    assert abs(after[-1][0] - before[-1][0] + Fraction(5005, 30000)) <= Fraction(1, 48000)


# How it comes to stand there


def parts_of(tmp_path: Path, count: int = 2) -> tuple[object, object, list[Path]]:
    footage = Footage(sounds=("eng",))
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    encoding = resolve(clip, "mp4", QUICK)
    files = []
    for number, numbers in enumerate(np.array_split(np.arange(clip.frames), count)):
        files.append(tmp_path / f"{number}.part")
        with PartWriter(files[-1], encoding, clip) as writer:
            for at in numbers.tolist():
                writer.write(seen.frames[at], int(clip.pts[at]), 1001)
    return clip, encoding, files


def joined(tmp_path: Path, output: Path, *, overwrite: bool = False, order: slice = slice(None),
           check: Callable[[], None] = lambda: None) -> None:
    clip, encoding, files = parts_of(tmp_path)
    join(clip, encoding, files[order], output, start=0, stop=None, edit=SWAPPED,  # type: ignore[arg-type]
         overwrite=overwrite, check=check)


def test_an_output_that_is_there_is_replaced_on_request_alone(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"mine")
    output.chmod(0o640)
    with pytest.raises(OutputError) as caught:
        joined(tmp_path, output)
    assert caught.value.code == "OUTPUT.EXISTS"
    assert output.read_bytes() == b"mine"
    joined(tmp_path, output, overwrite=True)
    assert len(look(output).frames) == 14
    assert output.stat().st_mode & 0o777 == 0o640


def test_links_are_followed_and_inputs_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "out.mp4").write_bytes(b"old")
    (tmp_path / "out.mp4").symlink_to(tmp_path / "real" / "out.mp4")
    joined(tmp_path, tmp_path / "out.mp4", overwrite=True)
    assert (tmp_path / "out.mp4").is_symlink()
    assert len(look(tmp_path / "real" / "out.mp4").frames) == 14
    with pytest.raises(OutputError) as caught:
        joined(tmp_path, tmp_path / "in.mp4", overwrite=True)
    assert caught.value.code == "OUTPUT.IS_INPUT"


def test_a_stop_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        joined(tmp_path, tmp_path / "out.mp4", check=check)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.part", "1.part", "in.mp4"]


def test_parts_in_the_wrong_order_or_of_other_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        joined(tmp_path, tmp_path / "out.mp4", order=slice(None, None, -1))
    assert caught.value.code == "PART.DAMAGED"
    clip, encoding, files = parts_of(tmp_path)
    other = replace(encoding, options=(("crf", "30"), ("preset", "fast")))  # type: ignore[type-var]
    with PartWriter(files[1], other, clip) as writer:  # type: ignore[arg-type]
        writer.write(look(tmp_path / "in.mp4").frames[9], 9009, 1001)
    with pytest.raises(MediaError) as caught:
        join(clip, encoding, files, tmp_path / "out.mp4", start=0, stop=None, edit=SWAPPED)  # type: ignore[arg-type]
    assert "other settings" in caught.value.message
    assert not (tmp_path / "out.mp4").exists()


_FULL = """
import resource, signal, sys
from pathlib import Path
from models.errors import OutputError
from tests.pipeline.clips.test_joining import parts_of
from pipeline.clips.joining import join
from tests.pipeline.clips.footage import SWAPPED
folder = Path(sys.argv[1])
clip, encoding, files = parts_of(folder)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    join(clip, encoding, files, folder / "out.mp4", start=0, stop=None, edit=SWAPPED)
except OutputError as error:
    print(error.code)
"""


@pytest.mark.parametrize("room", [2_000, pytest.param(20_000, marks=pytest.mark.long)])
def test_a_full_disk_has_its_code_and_parts_are_kept(room: int, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, str(tmp_path), str(room)], capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stdout.strip() == "DISK.FULL"
    assert sorted(os.listdir(tmp_path)) == ["0.part", "1.part", "in.mp4"]


# Times of coding


@pytest.mark.parametrize("order", [[0], [0, 1, 2, 3], [0, 3, 1, 2, 6, 4, 5], [0, 4, 2, 1, 3, 8, 6, 5, 7]])
def test_decoding_times_rise_and_never_come_after_their_picture(order: list[int]) -> None:
    shown = np.array([0, 100, 130, 131, 500, 501, 900, 901, 2000], np.int64)[:len(order)]
    pts = shown[np.array(order)]
    for below_zero in (False, True):
        dts = decoding_times(pts, below_zero=below_zero)
        assert (np.diff(dts) > 0).all()
        assert (dts <= pts).all()


def test_a_keyframe_in_mp4_is_decoded_as_long_after_the_first_packet_as_it_is_shown_after_the_first_picture() -> None:
    """Players sum the packets' distances up to find it. Else what is copied from two groups is found a picture late."""
    pts = 1001 * np.array([0, 4, 2, 1, 3, 5, 6, 8, 7, 9], np.int64)
    dts = decoding_times(pts, below_zero=True)
    assert (dts - dts[0]).tolist() == [1001 * place for place in range(10)]
    assert dts[0] == -2 * 1001
    assert decoding_times(pts)[0] == -2
