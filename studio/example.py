"""The example pair, read from installed packages: nothing is downloaded and nothing is kept in this repository."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from models.errors import MissingInput


@dataclass(frozen=True, slots=True)
class ExamplePicture:
    """package: that carries the file. name: as shown. credit: who made it and on what terms."""

    package: str
    file: str
    name: str
    person: str
    credit: str

    def path(self) -> Path:
        """Raises MissingInput where the package or its file is gone."""
        spec = find_spec(self.package)
        path = Path(spec.origin).parent / self.file if spec and spec.origin else None
        if path is None or not path.is_file():
            raise MissingInput(f"The example picture {self.name} is not in {self.package}.", subject=self.name,
                               remedy=f"Install the package {self.package} again (`uv sync` does).")
        return path


SOURCE = ExamplePicture("skimage", "data/astronaut.png", "astronaut.png", "Eileen Collins", "NASA, public domain")
TARGET = ExamplePicture("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "grace_hopper.jpg", "Grace Hopper",
                        "US Navy, public domain")
