"""What every processor on one network has in common: which networks it may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from processors.base import Processor


class Networked(Processor):
    """A subclass names its networks: slots of the catalogue by the words of its parameter `model`, or the only one by
    an empty word."""

    networks: ClassVar[Mapping[str, str]] = {}

    def slot(self, params: Any) -> str:
        return self.networks[getattr(params, "model", "")]
