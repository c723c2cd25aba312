"""What ONNX Runtime can really do on this machine: tried, not believed."""

from __future__ import annotations

import io
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

FATAL = 4
"""ONNX Runtime's highest log level: it says nothing on the way."""

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn",
            "onnxruntime-rocm", "onnxruntime-training", "onnxruntime-migraphx")
"""Distributions that all unpack into the folder `onnxruntime` (onnxruntime-extensions does not)."""


WANTED_OPENCV = "opencv-python-headless"


def wanted_runtime(system: str = sys.platform, machine: str | None = None) -> str:
    """The one distribution of ONNX Runtime that pyproject.toml asks for on this platform."""
    gpu = system in ("linux", "win32") and (machine or platform.machine()) in ("x86_64", "AMD64")
    return "onnxruntime-gpu" if gpu else "onnxruntime"


@dataclass(frozen=True, slots=True)
class Provider:
    """One execution provider. works: a tiny network really ran on it; reason: why it did not, in the library's words.
    """

    name: str
    works: bool
    reason: str = ""


def tiny_network() -> bytes:
    """A serialised ONNX model, y = relu(x) over one float: enough to see where it runs."""
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "tiny", [x], [y])
    # Opset 13 and IR 8: every runtime that Likeness allows reads them.
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
                 .SerializeToString())


def try_providers(runtime: Any = None) -> tuple[Provider, ...]:
    """Every provider that this build of ONNX Runtime offers, in its order of preference, each tried. Azure's is left
    out: it is a way to call a server, and nothing leaves this machine.

    runtime: the onnxruntime module, or a stand-in for tests.
    """
    if runtime is None:
        runtime = quiet_runtime()
    network = tiny_network()
    return tuple(_try(runtime, name, network) for name in runtime.get_available_providers()
                 if name != "AzureExecutionProvider")


def quiet_runtime() -> Any:
    """The onnxruntime module with its telemetry off, its log silent, and its libraries for CUDA loaded where their
    wheels are installed (extra `cuda`)."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(FATAL)
    if hasattr(onnxruntime, "preload_dlls"):
        # It prints the libraries that it does not find; a trial says the same in one line.
        with redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    return onnxruntime


def plain_session(source: Path | bytes, providers: Sequence[Any] = ("CPUExecutionProvider",),
                  runtime: Callable[[], Any] = quiet_runtime) -> Any:
    """A session as people make them, with ONNX Runtime's own settings: what the bench compares with. providers: names,
    or names with their options. Nothing else uses it: such runs are neither counted nor put together, and their threads
    take the cores from everybody."""
    with redirect_stdout(io.StringIO()):
        return runtime().InferenceSession(source if isinstance(source, bytes) else str(source),
                                          providers=list(providers))


def works_on(runtime: Any, name: str, provider: Any) -> bool:
    """Whether a tiny network really runs on a provider with these options (a name and a dictionary)."""
    return _try(runtime, name, tiny_network(), provider).works


def _try(runtime: Any, name: str, network: bytes, provider: Any = None) -> Provider:
    import numpy as np

    options = runtime.SessionOptions()
    options.log_severity_level = FATAL
    try:
        # On the way to the CPU it prints a banner on stdout, where nothing but the answer may stand.
        with redirect_stdout(io.StringIO()):
            session = runtime.InferenceSession(network, options, providers=[provider or name])
        used = session.get_providers()
        if name not in used:
            return Provider(name, False, f"it fell back to {', '.join(used)}")
        session.run(None, {"x": np.ones(1, np.float32)})
    except Exception as error:  # the runtime raises many kinds of its own; all mean that this provider does not work
        return Provider(name, False, (str(error).strip().splitlines() or [type(error).__name__])[0])
    return Provider(name, True)


def duplicates(installed: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Distributions that unpack into one folder (all of ONNX Runtime, all of OpenCV), where there is more than one:
    the last one written wins, and parts of the other stay. installed: names, for tests."""
    if installed is None:
        installed = {d.metadata["Name"] for d in distributions() if d.metadata["Name"]}
    names = sorted({name.lower().replace("_", "-") for name in installed})
    found = {
        "ONNX Runtime": tuple(n for n in names if n in RUNTIMES),
        "OpenCV": tuple(n for n in names if n.startswith("opencv-")),
    }
    return {kind: rows for kind, rows in found.items() if len(rows) > 1}
