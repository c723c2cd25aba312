"""`doctor`: what is looked at, what is a remark and what a failure, and each one's remedy."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.catalogue import CatalogueRow, load_catalogue, verify
from models.errors import ModelError
from models.interfaces import FaceStack
from models.runtime import Provider, try_providers, wanted_runtime
from models.sessions import SessionManager
from models.sessions.ports import Counts, DeviceCounts
from models.stacks import stack_of
from models.store import Store
from pipeline import doctor
from processors.registry import Problem
from tests.door.conftest import ROOT, Call, webui
from tests.door.test_neural import NAMES
from tests.models.families.test_dfm import look
from tests.pipeline.pictures.making import open_folder, without_privileges
from tests.twins.gate import unpinned


def test_on_this_machine_the_main_job_works_and_every_row_is_there(tmp_path: Path) -> None:
    done = webui("doctor", "--json", "--data-dir", tmp_path / "data")
    assert done.code == 0, done.err
    data = done.data
    assert data["works"] is True
    rows = {row["name"]: row for row in data["rows"]}
    assert {"python", "faces", "device", "providers", "duplicates", "ffmpeg", "data folder", "disk"} <= set(rows)
    for row in rows.values():
        assert set(row) == {"name", "state", "words", "remedy", "values"}
        assert row["state"] in ("ok", "remark", "failure")
        assert row["words"]
        assert row["remedy"] or row["state"] == "ok" or row["name"].startswith("model"), row
    assert rows["faces"]["state"] == rows["data folder"]["state"] == "ok"
    assert rows["data folder"]["values"]["path"] == str(tmp_path / "data")
    assert not (tmp_path / "data").exists(), "looking must not make the folder"
    assert "CPUExecutionProvider" in rows["providers"]["values"]["usable"]
    points = rows["model dlib.points68"]
    assert points["values"]["commercial"] == "no"
    assert "exclude commercial use" in points["words"]
    assert points["state"] == "remark"


def test_the_words_hold_every_row_and_remedy(call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (doctor.Row("a", "ok", "fine"), doctor.Row("b", "remark", "so so", "Do this."))
    monkeypatch.setattr("studio.commands.check.examine", lambda *_: rows)
    done = call("doctor")
    assert done.code == 0
    assert done.out.splitlines()[:3] == ["ok       a  fine", "remark   b  so so", "            → Do this."]


def test_a_failure_ends_with_exit_1(call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.commands.check.examine", lambda *_: (doctor.Row("a", "failure", "no", "Mend it."),))
    done = call("doctor", "--json")
    assert done.code == 1
    assert done.data["works"] is False


def fake_runtime(offered: list[str], works: set[str], falls_back: bool = False) -> Any:
    class Options:
        log_severity_level = 0

    class Session:
        def __init__(self, network: bytes, _options: object, providers: list[str]) -> None:
            assert network
            if providers[0] not in works and not falls_back:
                raise RuntimeError(f"{providers[0]} cannot load libcuda\nsecond line")
            self.used = [p for p in providers if p in works] or ["CPUExecutionProvider"]
            print("a banner that must not reach stdout")

        def get_providers(self) -> list[str]:
            return self.used

        def run(self, _outputs: None, feeds: dict[str, Any]) -> list[Any]:
            return [np.maximum(feeds["x"], 0)]

    class Runtime:
        SessionOptions = Options
        InferenceSession = Session

        @staticmethod
        def get_available_providers() -> list[str]:
            return offered

    return Runtime


def test_a_provider_is_usable_when_it_really_ran(capsys: pytest.CaptureFixture[str]) -> None:
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider", "AzureExecutionProvider"]
    assert try_providers(fake_runtime(offered, set(offered))) == (
        Provider("CUDAExecutionProvider", True), Provider("CPUExecutionProvider", True))
    silent = try_providers(fake_runtime(offered, {"CPUExecutionProvider"}, falls_back=True))
    assert silent[0] == Provider("CUDAExecutionProvider", False, "it fell back to CPUExecutionProvider")
    loud = try_providers(fake_runtime(offered, {"CPUExecutionProvider"}))
    assert loud[0] == Provider("CUDAExecutionProvider", False, "CUDAExecutionProvider cannot load libcuda")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("providers", "state", "said"), [
    ((Provider("CUDAExecutionProvider", True), Provider("CPUExecutionProvider", True)), "ok", "CUDA, the CPU"),
    ((Provider("CUDAExecutionProvider", False, "no driver"), Provider("CPUExecutionProvider", True)), "remark",
     "CUDA is offered and does not work here: no driver"),
    ((Provider("CPUExecutionProvider", True),), "remark", "the CPU"),
    ((), "remark", "nothing"),
])
def test_no_gpu_is_a_remark_and_never_a_failure(providers: tuple[Provider, ...], state: str, said: str) -> None:
    row = doctor.check_device(lambda: providers)[1]
    assert row.state == state
    assert said in row.words


def test_a_runtime_that_does_not_load_is_a_remark_because_the_main_job_needs_none() -> None:
    def broken() -> tuple[Provider, ...]:
        raise ImportError("libonnxruntime.so: cannot open")

    row = doctor.check_device(broken)[1]
    assert row.state == "remark"
    assert "cannot be loaded" in row.words
    assert row.remedy


def test_two_runtimes_are_counted_and_the_repair_is_printed() -> None:
    row = doctor.check_duplicates(["onnxruntime", "onnxruntime_gpu", "onnxruntime-extensions", "numpy",
                                   "opencv-python", "opencv-python-headless"])
    assert row.state == "remark"
    assert "ONNX Runtime is installed 2 times (onnxruntime, onnxruntime-gpu)" in row.words
    assert "OpenCV is installed 2 times" in row.words
    assert f"--reinstall-package {wanted_runtime()}" in row.remedy
    assert "--reinstall-package opencv-python-headless" in row.remedy
    assert doctor.check_duplicates(["onnxruntime-gpu", "opencv-python-headless"]).state == "ok"


def test_the_wanted_runtime_is_the_one_that_pyproject_asks_for() -> None:
    assert wanted_runtime("linux", "x86_64") == wanted_runtime("win32", "AMD64") == "onnxruntime-gpu"
    assert wanted_runtime("linux", "aarch64") == wanted_runtime("darwin", "arm64") == "onnxruntime"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert ("\"onnxruntime-gpu>=1.26; (sys_platform == 'linux' or sys_platform == 'win32') and "
            "(platform_machine == 'x86_64' or platform_machine == 'AMD64')\"") in text


def test_ffmpeg_that_does_not_run_is_a_remark(tmp_path: Path) -> None:
    assert doctor.check_ffmpeg().state == "ok"
    missing = doctor.check_ffmpeg(lambda: str(tmp_path / "ffmpeg"))
    assert missing.state == "remark"
    assert "imageio-ffmpeg" in missing.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no user numbers on this system")
def test_a_folder_of_somebody_else_s_is_told_with_both_users() -> None:
    """As a volume that was mounted into a container."""
    with open_folder() as folder, without_privileges():
        row = doctor.check_data_folder(folder if folder.stat().st_uid == 0 else Path("/"))
        assert row.state == "failure"
        assert f"belongs to user 0, and this is user {os.geteuid()}" in row.words
        assert f"chown it to {os.geteuid()}" in row.words


def test_a_data_folder_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    assert doctor.check_data_folder(tmp_path / "deep" / "er").state == "ok"
    assert os.listdir(tmp_path) == []
    (tmp_path / "file").write_text("")
    row = doctor.check_data_folder(tmp_path / "file" / "data")
    assert row.state == "failure"
    assert "--data-dir" in row.remedy


@pytest.mark.parametrize(("free", "state"), [(10 << 30, "ok"), (1 << 29, "remark"), (1 << 20, "failure")])
def test_a_disk_that_fills_is_said_before_it_is_full(tmp_path: Path, free: int, state: str) -> None:
    row = doctor.check_disk(tmp_path, free)
    assert row.state == state
    assert bool(row.remedy) == (state != "ok")


def test_a_python_that_does_not_fit_is_a_failure() -> None:
    assert doctor.check_python().state == "ok"
    for version in ((3, 10), (3, 14)):
        assert doctor.check_python(version).state == "failure"


def test_the_catalogues_files_are_what_they_should_be_byte_for_byte() -> None:
    rows = load_catalogue()
    assert [row.slot for row in rows if row.needed] == ["dlib.points68", "dlib.descriptor"]
    for row in rows:
        assert verify(row).stat().st_size == row.bytes
        assert row.commercial in ("yes", "no", "unclear")
        assert row.terms


@pytest.fixture
def small() -> CatalogueRow:
    return next(row for row in load_catalogue() if row.slot == "dlib.detector")


@pytest.mark.parametrize(("spoil", "code"), [
    (lambda data: data[:-1], "MODEL.CHECKSUM"),
    (lambda data: data[:-1] + b"\0" if data[-1] else data[:-1] + b"\1", "MODEL.CHECKSUM"),
])
def test_a_model_file_that_differs_by_one_byte_is_found_out(small: CatalogueRow, tmp_path: Path,
                                                          spoil: Callable[[bytes], bytes], code: str) -> None:
    copy = tmp_path / small.file
    copy.write_bytes(spoil(verify(small).read_bytes()))
    with pytest.raises(ModelError) as raised:
        verify(small, lambda _: copy)
    assert raised.value.code == code
    needed = doctor.check_models([replace(small, needed=True)], lambda row: verify(row, lambda _: copy))[0]
    assert needed.state == "failure"
    assert "--reinstall-package face-recognition-models" in needed.remedy
    assert doctor.check_models([small], lambda row: verify(row, lambda _: copy))[0].state == "remark"


def test_a_missing_model_file_is_named(small: CatalogueRow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.families.dlib_faces.find_spec", lambda _: None)
    row = doctor.check_models([replace(small, needed=True)])[0]
    assert row.state == "failure"
    assert small.file in row.words
    assert row.values["code"] == "MODEL.MISSING"


def test_faces_that_cannot_be_found_are_a_failure(stack: FaceStack) -> None:
    def broken() -> FaceStack:
        raise ImportError("dlib: wrong ELF class")

    assert doctor.check_faces(broken).state == "failure"
    assert "wrong ELF class" in doctor.check_faces(broken).words
    blank = doctor.check_faces(lambda: stack, lambda: np.full((200, 200, 3), 128, np.uint8))
    assert blank.state == "failure"
    assert blank.values == {"faces": 0}


def test_the_face_stack_that_is_used_is_tried_and_named_with_its_device(stack: FaceStack, tmp_path: Path) -> None:
    """A detector and a recogniser are there; the points are dlib's."""
    (tmp_path / "models").mkdir()
    for name, graph in (("det_10g.onnx", NAMES["det_10g.onnx"]), ("w600k_r50.onnx", NAMES["w600k_r50.onnx"])):
        (tmp_path / "models" / name).write_bytes(graph)
    store = Store(unpinned(), tmp_path / "models", tmp_path / "m.json", inspect=look)
    with SessionManager() as manager:
        row = doctor.check_faces(lambda: stack_of(store, manager, otherwise=lambda: stack), manager=manager)
        assert row.state == "ok", row
        assert all(one.runs == 1 for one in manager.counts()), "the networks really ran"
    assert row.words.startswith("Faces are found by retinaface-10g, their points by dlib-68, who they are by "
                                "arcface-w600k-r50, on the CPU: tried on the example picture, which took ")
    assert row.values["devices"] == ["the CPU"]
    plain = doctor.check_faces(lambda: stack)
    assert (plain.values["detector"], plain.values["devices"]) == ("dlib-hog", ["the CPU"])


def test_networks_on_a_card_and_dlib_beside_them_are_told_apart(stack: FaceStack) -> None:
    class Told(SessionManager):
        def counts(self) -> tuple[Counts, ...]:
            return (Counts("detector.x", "cuda:0", ("CUDAExecutionProvider", "CPUExecutionProvider")),
                    Counts("swapper.y", "cuda:0", ("TensorrtExecutionProvider",)))

    with Told() as manager:
        row = doctor.check_faces(lambda: replace(stack, slots=("detector.x", "dlib.points68")), manager=manager)
    assert row.values["devices"] == ["CUDA", "the CPU"]
    assert ", on CUDA and the CPU: tried" in row.words


def test_a_foreign_processor_that_failed_to_load_is_a_remark() -> None:
    rows = doctor.check_foreign([Problem("glow", "ImportError: no torch")])
    assert [(row.state, row.name) for row in rows] == [("remark", "processor glow")]
    assert "no torch" in rows[0].words


def test_what_networks_did_is_told_with_their_batches_and_silent_fall_backs() -> None:
    told = doctor.check_networks(
        [Counts("swapper.x", "cuda", ("CUDAExecutionProvider",), bytes=2_000_000, loaded=True, loads=1, requests=9,
                runs=3, ms=24.0, moved=3_000_000, batches={1: 1, 4: 2}),
         Counts("mask.y", "cuda", ("CPUExecutionProvider",), missed=("CUDAExecutionProvider",), loads=1, loaded=True),
         Counts("never", "cuda")],
        [DeviceCounts("cuda", 8_000_000_000, 2_000_000, 1, 2, False), DeviceCounts("idle", None, 0, 0, 0, False),
         DeviceCounts("gone", None, 0, 0, 0, True)])
    assert [(row.name, row.state) for row in told] == [
        ("networks on cuda", "ok"), ("networks on gone", "remark"), ("network swapper.x", "ok"),
        ("network mask.y", "remark"), ("network never", "ok")]
    assert told[0].words == "cuda holds 2 MB of 8000 MB of models, for 1 at work; 2 had to make room so far"
    assert told[2].words == ("swapper.x runs on CUDA: 9 requests in 3 runs (times × rows: 1 × 1, 2 × 4), 8.0 ms each, "
                             "3.0 MB moved; 2.0 MB")
    assert told[2].values["batches"] == {"1": 1, "4": 2}
    assert told[2].values["ms_each"] == 8.0
    assert "CUDA was asked for, and it fell back in silence" in told[3].words
    assert told[4].words == "never was not loaded yet"


def test_networks_that_did_not_run_add_no_rows() -> None:
    with SessionManager() as manager:
        assert doctor.check_networks(manager.counts(), manager.devices()) == ()
