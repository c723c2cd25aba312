"""What a voice looks like to Wav2Lip and EDTalk: a mel spectrogram, as their authors make it with librosa.

Sound is mono, 16 kHz, -1..1. A column is 50 ms of it, and one begins every 12.5 ms; 80 bands from 55 to 7600 Hz; levels
are decibels from -100 + 20 to +20, spread over -4..4 (hparams.py and audio.py of Wav2Lip).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""(L,) float32, -1..1."""
Mel = NDArray[np.float32]
"""(80, columns) float32, -4..4."""

RATE, WINDOW, HOP = 16000, 800, 200
BANDS, LOWEST, HIGHEST = 80, 55.0, 7600.0
EMPHASIS = 0.97
COLUMNS = 16
"""Of one picture's window."""
FLOOR, REFERENCE, MOST = -100.0, 20.0, 4.0
# Slaney's scale (Auditory Toolbox, 1998): straight to 1000 Hz, from there 27 steps for a factor of 6.4.
_STRAIGHT, _BREAK, _STEP = 200.0 / 3, 1000.0, np.log(6.4) / 27

BEFORE, BEHIND = WINDOW // 2 + 1, (COLUMNS - 1) * HOP + WINDOW // 2
"""Samples of sound before and behind a picture's time that its window reads."""


def mel_spectrogram(sound: Sound) -> Mel:
    """(80, 1 + L // 200): all of a sound; column k is round sample 200 k, with silence beyond both ends."""
    return _columns(np.pad(_emphasised(sound), WINDOW // 2))


def mel_at(sound: Sound, at: int) -> Mel:
    """(80, 16): what a network hears at one picture: the columns from sample `at` on; silence beyond both ends."""
    first, last = at - BEFORE, at + BEHIND
    piece = np.zeros(last - first, np.float32)
    low, high = max(first, 0), min(last, len(sound))
    if low < high:
        piece[low - first:high - first] = sound[low:high]
    return _columns(_emphasised(piece)[1:])


def _emphasised(sound: Sound) -> Sound:
    """High tones louder: each sample less most of the one before."""
    found = np.array(sound, np.float32)
    found[1:] -= np.float32(EMPHASIS) * sound[:-1]
    return found


def _columns(padded: Sound) -> Mel:
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    # Hann's window, of a period of 800: its first sample is 0, and so would be its 801st.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    heard = mel_bands() @ np.abs(np.fft.rfft(pieces * window, axis=1)).T
    decibels = 20 * np.log10(np.maximum(heard, 10 ** (FLOOR / 20))) - REFERENCE
    return np.clip(2 * MOST * (decibels - FLOOR) / -FLOOR - MOST, -MOST, MOST).astype(np.float32)


@lru_cache(maxsize=1)
def mel_bands() -> NDArray[np.float64]:
    """(80, 401): how much each band hears of each frequency: triangles that end at their neighbours' peaks, each of
    the same area."""
    corners = _hertz(np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2))
    tones = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    low, peak, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bands = np.maximum(np.minimum((tones - low) / (peak - low), (high - tones) / (high - peak)), 0)
    found = np.asarray(bands * 2 / (high - low), np.float64)
    found.setflags(write=False)
    return found


def _mel(hertz: float) -> float:
    if hertz < _BREAK:
        return hertz / _STRAIGHT
    return float(_BREAK / _STRAIGHT + np.log(hertz / _BREAK) / _STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _BREAK / _STRAIGHT
    return np.where(mel < knee, mel * _STRAIGHT, _BREAK * np.exp(_STEP * (mel - knee)))
