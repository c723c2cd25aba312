"""Model files that come from somebody: looked at in a process of their own first, which may die without harm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.sessions.ports import Port

LARGEST = 4 << 30
"""Bytes: the largest public model of the field has 1.3 GB."""
PATIENCE = 180.0
"""Seconds that a look may take: a model of 1 GB takes ten from a slow disk."""
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})
"""Whose operators ONNX Runtime brings itself; those of others are code that somebody would have to load."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a network takes and gives."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def to_data(self) -> dict[str, Any]:
        return {"inputs": [asdict(port) for port in self.inputs], "outputs": [asdict(port) for port in self.outputs]}

    @staticmethod
    def from_data(data: dict[str, Any]) -> Inspected:
        inputs, outputs = (tuple(Port(port["name"], tuple(port["shape"]), port["type"]) for port in data[which])
                           for which in ("inputs", "outputs"))
        return Inspected(inputs, outputs)


def inspect(path: Path, patience: float = PATIENCE) -> Inspected:
    """Loads the file once, elsewhere. Raises ModelError MODEL.UNREADABLE with what is wrong with it: too large, weights
    in other files, operators that come with code, or a file that no runtime takes."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.", subject=path.name) from error
    if not 0 < size <= LARGEST:
        raise _refused(path, f"it has {size} bytes")
    try:
        done = subprocess.run([sys.executable, "-m", "models.foreign", str(path.absolute())], capture_output=True,
                              timeout=patience, cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired as error:
        raise _refused(path, f"looking at it took more than {patience:.0f} seconds") from error
    try:
        told = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise _refused(path, f"it ended the process that looked at it ({done.returncode})") from None
    if "refused" in told:
        raise _refused(path, told["refused"])
    return Inspected.from_data(told)


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(f"{path.name} is no model that can be used: {why}.", subject=path.name, code="MODEL.UNREADABLE",
                      remedy="Get the file from where its catalogue entry says.")


# In the process of its own ------------------------------------------------------------------------------------------


def look(path: Path) -> dict[str, Any]:
    import onnx

    network = onnx.load(str(path), load_external_data=False)
    for graph in _graphs(network):
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(graph)):
            return {"refused": "its weights lie in other files"}
    own = {function.domain for function in network.functions}
    foreign = sorted({node.domain for graph in _graphs(network) for node in graph.node} - DOMAINS - own)
    if foreign:
        return {"refused": f"it needs operators of {', '.join(foreign)}"}
    del network
    from models.sessions import SessionManager

    with SessionManager() as sessions, sessions.lease(path, name=path.name) as lease:
        return Inspected(lease.inputs, lease.outputs).to_data()


def _graphs(network: Any) -> Iterable[Any]:
    """The network's graph, those of its functions, and all that lie in branches and loops."""
    waiting = [network.graph, *network.functions]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
                waiting.extend(attribute.graphs)


def _tensors(graph: Any) -> Iterable[Any]:
    yield from getattr(graph, "initializer", ())
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def main() -> int:
    try:
        told = look(Path(sys.argv[1]))
    except Exception as error:  # protobuf's and the runtime's own kinds: all mean that the file is no use
        told = {"refused": (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
