"""Model files in a folder: known by hash, by name and contract, by contract alone; wrong ones named; licences kept."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.catalogue import Catalogue, Contract, read_catalogue, whole_catalogue
from models.download import Download
from models.errors import ModelError
from models.foreign import Inspected
from models.sessions.ports import Port
from models.store import Store
from models.twins import zero_recogniser, zero_swapper
from tests.models.shelf import Shelf, serving

TOML = """
[[family]]
name = "arcface"
role = "recogniser"
contract = {{ inputs = {{ input = ["N", 3, 112, 112] }}, outputs = [["N", 512]] }}
[[family]]
name = "inswapper"
role = "swapper"
contract = {{ inputs = {{ source = ["N", 512], target = ["N", 3, 128, 128] }}, outputs = [["N", 3, 128, 128]] }}
[[family]]
name = "nsfw"
role = "analyser"
contract = {{ inputs = {{ input = ["N", 3, 112, 112] }}, outputs = [["N", 512]] }}
{rows}
"""


def row(slot: str, family: str, **more: Any) -> str:
    values = {"slot": slot, "family": family, "title": slot, "file": f"{slot}.onnx", "licence": "MIT",
              "commercial": "yes", "terms": "Free.", "source": "https://x.example", "tried": "twin",
              "urls": ["https://x.example/a"], **more}
    return "[[model]]\n" + "\n".join(f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
                                      for key, value in values.items()) + "\n"


ALONE: dict[str, Any] = {"urls": [], "only_import": True}
"""What a row says of a file that is at no address."""


def catalogue(*rows: str) -> Catalogue:
    return read_catalogue(TOML.format(rows="".join(rows)))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "模型 files"
    made.mkdir()
    return made


def store(folder: Path, *rows: str, **more: Any) -> Store:
    return Store(catalogue(*rows), folder, folder.parent / "data" / "models.json", **more)


def states(found: Store) -> dict[str, tuple[str, str]]:
    return {slot: (one.path.name, one.state) for slot, one in found.found().items()}


def test_files_are_known_by_their_hash_whatever_they_are_called(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "what.onnx").write_bytes(zero_recogniser())
    made = store(folder, row("arc", "arcface", sha256=sha(zero_recogniser())))
    assert states(made) == {"arc": ("what.onnx", "verified")}


def test_without_a_hash_by_name_and_contract_or_by_a_contract_that_is_one_model_s(folder: Path) -> None:
    (folder / "w600k.onnx").write_bytes(zero_recogniser())
    (folder / "anything.onnx").write_bytes(zero_swapper())
    made = store(folder, row("arc", "arcface", others=["w600k.onnx"]), row("arc2", "arcface"), row("ins", "inswapper"))
    assert states(made) == {"arc": ("w600k.onnx", "unverified"), "ins": ("anything.onnx", "unverified")}
    (folder / "w600k.onnx").rename(folder / "unknown.onnx")
    assert states(made) == {"ins": ("anything.onnx", "unverified")}, "two models take and give the same"


def test_another_publisher_s_file_of_a_model_with_a_known_hash_counts_as_unverified(folder: Path) -> None:
    (folder / "simplified.onnx").write_bytes(zero_recogniser())
    made = store(folder, row("arc", "arcface", sha256="0" * 64), row("gate", "nsfw", sha256="1" * 64))
    assert states(made) == {"arc": ("simplified.onnx", "unverified")}, "and never as the analyser's"


def test_another_publisher_s_file_with_a_known_hash_is_verified_and_gives_way_to_the_row_s_own(folder: Path) -> None:
    other, own = zero_recogniser(), zero_recogniser() + b"\x1a\x00"  # one more empty field: another file, the same net
    (folder / "a first.onnx").write_bytes(other)
    rows = [row("arc", "arcface", sha256=sha(own), also=[sha(other)]), row("gate", "nsfw", also=["1" * 64])]
    assert states(store(folder, *rows)) == {"arc": ("a first.onnx", "verified")}
    (folder / "a first.onnx").rename(folder / "arc.onnx")
    assert states(store(folder, *rows)) == {"arc": ("arc.onnx", "verified")}, "under the row's own name, too"
    (folder / "z last.onnx").write_bytes(own)
    assert states(store(folder, *rows)) == {"arc": ("z last.onnx", "verified")}


def test_under_another_publisher_s_name_an_unknown_hash_is_unverified_and_another_network_is_refused(
        folder: Path) -> None:
    (folder / "w600k.onnx").write_bytes(zero_recogniser())
    made = store(folder, row("arc", "arcface", sha256="0" * 64, also=["1" * 64], others=["w600k.onnx"]),
                 row("arc2", "arcface"))
    assert states(made) == {"arc": ("w600k.onnx", "unverified")}
    (folder / "w600k.onnx").write_bytes(zero_swapper())
    assert states(made) == {}
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT: w600k.onnx is not of the family arcface"):
        made.path("arc")


def test_the_analyser_is_known_by_a_pinned_hash_of_whichever_publisher_and_by_no_name(folder: Path) -> None:
    (folder / "theirs.onnx").write_bytes(zero_recogniser())
    pinned = {"sha256": "0" * 64, "others": ["theirs.onnx"]}
    made = store(folder, row("gate", "nsfw", **pinned))
    assert states(made) == {}
    with pytest.raises(ModelError, match=r"MODEL\.CHECKSUM"):
        made.path("gate")
    assert states(store(folder, row("gate", "nsfw", also=[sha(zero_recogniser())], **pinned))) == {
        "gate": ("theirs.onnx", "verified")}


def test_a_file_with_a_hash_that_is_not_the_pinned_one_is_named_with_both(folder: Path) -> None:
    (folder / "arc.onnx").write_bytes(zero_recogniser())
    made = store(folder, row("arc", "arcface", sha256="0" * 64))
    assert states(made) == {}
    with pytest.raises(ModelError, match=rf"MODEL\.CHECKSUM.*{'0' * 64} expected, {sha(zero_recogniser())} found"):
        made.path("arc")


def test_a_file_of_another_family_is_named_with_what_was_expected_and_found(folder: Path) -> None:
    (folder / "ins.onnx").write_bytes(zero_recogniser())
    made = store(folder, row("ins", "inswapper"))
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*source, target expected, input found"):
        made.path("ins")
    (folder / "ins.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match=r"MODEL\.UNREADABLE"):
        made.path("ins")
    (folder / "ins.onnx").unlink()
    with pytest.raises(ModelError, match=r"MODEL\.MISSING.*models get ins"):
        made.path("ins")


def test_the_analyser_is_known_by_a_hash_alone(folder: Path) -> None:
    (folder / "gate.onnx").write_bytes(zero_recogniser())
    made = store(folder, row("gate", "nsfw"))
    assert states(made) == {}
    with pytest.raises(ModelError, match=r"MODEL\.CHECKSUM.*by its hash alone"):
        made.path("gate")
    assert states(store(folder, row("gate", "nsfw", sha256=sha(zero_recogniser())))) == {
        "gate": ("gate.onnx", "verified")}


def test_what_is_known_of_a_file_is_remembered_until_it_changes(folder: Path) -> None:
    looks: list[str] = []

    def look(path: Path) -> Inspected:
        looks.append(path.name)
        return Inspected((Port("input", ("N", 3, 112, 112), "tensor(float)"),),
                         (Port("e", ("N", 512), "tensor(float)"),))

    path = folder / "arc.onnx"
    path.write_bytes(b"one")
    for _ in range(2):
        assert states(store(folder, row("arc", "arcface"), inspect=look)) == {"arc": ("arc.onnx", "unverified")}
    assert looks == ["arc.onnx"]
    path.write_bytes(b"another")
    store(folder, row("arc", "arcface"), inspect=look).found()
    assert looks == ["arc.onnx"] * 2


def test_one_byte_that_changed_behind_its_back_is_found_by_verify(folder: Path) -> None:
    import os

    data = zero_recogniser()
    path = folder / "arc.onnx"
    path.write_bytes(data)
    made = store(folder, row("arc", "arcface", sha256=sha(data)))
    assert made.verify("arc").state == "verified"
    status = path.stat()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert states(made) == {"arc": ("arc.onnx", "verified")}, "size and time are the same"
    with pytest.raises(ModelError, match=r"MODEL\.CHECKSUM"):
        made.verify("arc")


def test_a_user_s_file_is_taken_in_under_the_catalogue_s_name(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my face.onnx"
    mine.write_bytes(zero_recogniser())
    made = store(folder, row("arc", "arcface"))
    assert made.take_in(mine).path == folder / "arc.onnx"
    assert mine.exists()
    assert states(made) == {"arc": ("arc.onnx", "unverified")}
    other = tmp_path / "x.onnx"
    other.write_bytes(zero_swapper())
    with pytest.raises(ModelError, match=r"MODEL\.UNKNOWN"):
        made.take_in(other)
    assert sorted(path.name for path in folder.iterdir()) == ["arc.onnx"], "and leaves nothing"
    assert made.remove("arc") == folder / "arc.onnx"
    assert made.remove("arc") is None


def mine(tmp_path: Path, name: str, data: bytes) -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize(("more", "name", "kept", "state"), [
    ({"sha256": sha(zero_recogniser())}, "mine.onnx", "arc.onnx", "verified"),
    ({"sha256": "0" * 64, "also": [sha(zero_recogniser())]}, "mine.onnx", "arc.onnx", "verified"),
    ({"sha256": "0" * 64}, "simplified.onnx", "simplified.onnx", "unverified"),
    ({"sha256": "0" * 64}, "simplified.bin", "simplified.bin.onnx", "unverified"),
    ({"sha256": "0" * 64, "others": ["w600k.onnx"]}, "w600k.onnx", "w600k.onnx", "unverified")])
def test_what_is_taken_in_is_found_afterwards(folder: Path, tmp_path: Path, more: dict[str, Any], name: str, kept: str,
                                              state: str) -> None:
    made = store(folder, row("arc", "arcface", **more))
    for _ in range(2):  # the same file again is no harm
        assert made.take_in(mine(tmp_path, name, zero_recogniser())).path == folder / kept
    assert states(made) == {"arc": (kept, state)}


def test_another_file_of_a_kept_name_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    made = store(folder, row("arc", "arcface", sha256="0" * 64))
    (folder / "simplified.onnx").write_bytes(b"theirs")
    with pytest.raises(ModelError, match=r"MODEL\.NAME_TAKEN.*simplified\.onnx"):
        made.take_in(mine(tmp_path, "simplified.onnx", zero_recogniser()))
    assert (folder / "simplified.onnx").read_bytes() == b"theirs"


@pytest.mark.parametrize(("slot", "family", "more", "why"), [
    ("arc", "arcface", {"sha256": "0" * 64}, "MODEL.CHECKSUM: arc.onnx is not arc"),
    ("arc", "inswapper", {}, "MODEL.CONTRACT: arc.onnx is not of the family inswapper"),
    ("arc", "nsfw", {"sha256": "0" * 64}, "MODEL.CHECKSUM: arc.onnx is not arc"),
    ("arc", "nsfw", {}, "MODEL.CHECKSUM: arc.onnx has no known hash")])
def test_a_user_s_file_that_is_not_what_its_name_says_is_not_taken_in(
        folder: Path, tmp_path: Path, slot: str, family: str, more: dict[str, Any], why: str) -> None:
    """Though there is a model that takes and gives the same."""
    made = store(folder, row(slot, family, **more), row("other", "arcface"))
    with pytest.raises(ModelError, match=why.replace(".", r"\.")):
        made.take_in(mine(tmp_path, "arc.onnx", zero_recogniser()))
    assert list(folder.iterdir()) == []


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf(zero_recogniser())) as running:
        yield running


def fetch(shelf: Shelf) -> Any:
    client = httpx.Client(trust_env=False, timeout=5)
    return lambda wanted, path: Download(wanted.title, (shelf.address,), path, wanted.sha256, client,
                                         pause=lambda _: None)


def test_a_licence_is_agreed_to_once_and_anew_where_it_changes(folder: Path, shelf: Shelf) -> None:
    made = store(folder, row("arc", "arcface", licence="X-1.0"))
    with pytest.raises(ModelError, match=r"LICENCE\.NOT_AGREED.*X-1\.0.*--agree"):
        made.get("arc", fetch(shelf))
    assert shelf.asked == [], "nothing was fetched"
    made.agree("arc")
    assert made.get("arc", fetch(shelf)).state == "unverified"
    assert store(folder, row("arc", "arcface", licence="X-1.0")).agreed("arc")
    assert not store(folder, row("arc", "arcface", licence="X-2.0")).agreed("arc")


def test_a_hash_that_the_server_names_is_kept_and_counts_from_then_on(folder: Path, shelf: Shelf) -> None:
    shelf.linked = sha(zero_recogniser())
    made = store(folder, row("gate", "nsfw"))
    made.agree("gate")
    assert made.get("gate", fetch(shelf)).state == "recorded"
    assert states(store(folder, row("gate", "nsfw"))) == {"gate": ("gate.onnx", "recorded")}
    (folder / "gate.onnx").write_bytes(zero_swapper())
    with pytest.raises(ModelError, match=r"MODEL\.CHECKSUM"):
        store(folder, row("gate", "nsfw")).path("gate")


def test_a_wrong_file_at_the_address_takes_no_place(folder: Path, shelf: Shelf) -> None:
    shelf.data = zero_swapper()
    made = store(folder, row("arc", "arcface"))
    made.agree("arc")
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT"):
        made.get("arc", fetch(shelf))
    assert states(made) == {}


def test_a_model_that_is_at_no_address_is_taken_in_and_never_asked_for(folder: Path, tmp_path: Path) -> None:
    made = store(folder, row("arc", "arcface", **ALONE))
    made.agree("arc")
    for asked in (lambda: made.get("arc", lambda *_: pytest.fail("it is at no address")), lambda: made.path("arc")):
        with pytest.raises(ModelError) as refused:
            asked()
        assert "models import arc.onnx" in refused.value.remedy
        assert "models get" not in refused.value.remedy
    with pytest.raises(ModelError, match=r"MODEL\.NO_ADDRESS"):
        made.get("arc", lambda *_: pytest.fail("it is at no address"))
    mine = tmp_path / "my own.onnx"
    mine.write_bytes(zero_swapper())
    with pytest.raises(ModelError, match=r"MODEL\.UNKNOWN"):
        made.take_in(mine)
    mine.write_bytes(zero_recogniser())
    assert made.take_in(mine).path == folder / "arc.onnx"
    assert states(made) == {"arc": ("arc.onnx", "unverified")}


def test_a_record_that_is_damaged_is_begun_anew(folder: Path) -> None:
    shutil.copy(__file__, folder.parent / "x")
    made = store(folder, row("arc", "arcface"))
    (folder / "arc.onnx").write_bytes(zero_recogniser())
    made.found()
    made.record.write_text("{")
    assert states(store(folder, row("arc", "arcface"))) == {"arc": ("arc.onnx", "unverified")}


# The catalogue

def test_the_catalogue_is_whole() -> None:
    found = whole_catalogue()
    for one in found.model:
        assert one.terms
        assert one.licence
        if one.urls:
            assert all(url.startswith("https://") and url.endswith(one.file) for url in one.urls), one.slot
            assert len({url.split("/")[2] for url in one.urls}) == len(one.urls) >= 2, "an origin and a mirror"
            assert one.bytes is not None or one.sha256 is None or one.slot == "landmarker.facemesh", (
                "whoever knows the hash has measured the file; of this one its page names the hash and rounds the size")


@pytest.mark.parametrize(("rows", "why"), [
    (row("a", "arcface") * 2, "twice"), (row("a", "nobody"), "without a contract"),
    (row("a", "arcface", needs=["b"]), "needs b"), (row("a", "arcface", sha256="xyz"), "no sha256"),
    (row("a", "arcface", also=["F" * 64]), "no sha256"),
    (row("a", "arcface", sha256="0" * 64) + row("b", "arcface", also=["0" * 64]), "sha256 is there twice"),
    (row("a", "arcface", package="p"), "either"), (row("a", "arcface", urls=[]), "either"),
    (row("a", "arcface", only_import=True), "only imported"), (row("a", "nobody", **ALONE), "without a contract"),
    (row("a", "arcface", colour="red"), "colour"),
    (row("a", "arcface", commercial="perhaps"), "commercial"), ("[[model]", "")])
def test_a_catalogue_with_a_fault_is_refused_with_the_place(rows: str, why: str) -> None:
    with pytest.raises(ModelError, match=rf"(?s)CATALOGUE\.INVALID.*{why}"):
        catalogue(rows)


@pytest.mark.parametrize(("shape", "fits"), [
    ((1, 3, 112, 112), True), (("batch", 3, 112, 112), True), ((None, 3, None, None), True), ((1, 3, 224, 224), False),
    ((1, 112, 112, 3), False), ((3, 112, 112), False)])
def test_a_contract_compares_sizes_that_are_fixed_on_both_sides(shape: tuple[Any, ...], fits: bool) -> None:
    contract = Contract({"input": ("N", 3, 112, 112)}, (("N", 512),))
    found = Inspected((Port("input", shape, "tensor(float)"),), (Port("x", (1, 512), "tensor(float)"),))
    assert contract.fits(found) is fits
