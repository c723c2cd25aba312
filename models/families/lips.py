"""Lips to a voice: Wav2Lip (Prajwal et al., ACM MM 2020) and EDTalk (Tan et al., ECCV 2024).

In: `source`, (N, 1, 80, 16) float32, a window of sound (see `models.families.mel`); `target`: Wav2Lip's, (N, 6, 96,
96), BGR, x / 255, the face with its lower half black and then the face; EDTalk's, (N, 3, 256, 256), RGB, x / 255, with
`weight`, (1,): how far the mouth moves. Out: the face, 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.families.crops import CropFacts, crop_facts
from models.families.mel import Mel
from models.sessions import Lease

WEIGHT = "weight"


class LipSync:
    """Moves mouths, on a leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        given = dict(facts)
        self.halves = bool(given.pop("halves"))
        """Whether the face is cut by its 68 points' box, and only its lower half is new; else it is aligned."""
        self.crop: CropFacts = crop_facts(given, lease.name)

    def speak(self, crops: Sequence[Pixels], heard: Sequence[Mel], weight: float = 0.5) -> list[Pixels]:
        """Each (S, S, 3) BGR crop saying what is heard at its time, in its dtype. weight: 0.5 as the network was
        trained, 0 with the mouth hardly moving, 1 with it moving most. Raises ModelError."""
        if not crops:
            return []
        sound = np.stack([mel[None] for mel in heard])
        faces = self.crop.encode(crops)
        feeds: dict[str, NDArray[Any]] = {"source": sound, "target": faces}
        if self.halves:
            upper = faces.copy()
            upper[:, :, self.crop.size // 2:] = 0
            # It takes no weight: its way is to hear a louder or a softer voice (FaceFusion's).
            feeds = {"source": sound * np.float32(2 * weight), "target": np.concatenate([upper, faces], axis=1)}
        else:
            feeds[WEIGHT] = np.array([weight], np.float32)
        return self.crop.decode(self._lease.run_rows(feeds), crops[0].dtype)
