"""The mel spectrogram against librosa's, and what silence and plain tones look like in it.

mel_by_librosa.npz was made once with librosa 0.11.0 and scipy's lfilter, of the sound below, as Wav2Lip's audio.py does
it: stft(n_fft=800, hop_length=200, win_length=800) of lfilter([1, -0.97], [1], sound), its magnitudes through
filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600), 20 log10(max(1e-5, ·)) - 20, 8 (· + 100) / 100 - 4,
clipped to -4..4. `mel`: (80, 49); `basis`: the bands `basis_rows`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.families.mel import BANDS, COLUMNS, HOP, RATE, Sound, mel_at, mel_bands, mel_spectrogram

REFERENCE = np.load(Path(__file__).with_name("mel_by_librosa.npz"))


def sweep() -> Sound:
    """0.6 s: a tone that rises from 200 to 2600 Hz, with noise over its second half."""
    at = np.arange(RATE * 6 // 10) / RATE
    noise = 0.05 * np.random.default_rng(5).standard_normal(len(at)) * (at > 0.3)
    return (0.4 * np.sin(2 * np.pi * (200 + 2000 * at) * at) + noise).astype(np.float32)


def test_a_spectrogram_is_librosa_s() -> None:
    found = mel_spectrogram(sweep())
    assert found.dtype == np.float32
    assert found.shape == REFERENCE["mel"].shape
    assert np.abs(found - REFERENCE["mel"]).max() < 2e-4, "of a range of 8"


def test_the_bands_are_librosa_s() -> None:
    found = mel_bands()[REFERENCE["basis_rows"]]
    assert np.abs(found - REFERENCE["basis"]).max() < 1e-6 * REFERENCE["basis"].max()


def test_a_picture_hears_sixteen_columns_from_its_time_on() -> None:
    sound = sweep()
    whole = mel_spectrogram(sound)
    found = mel_at(sound, 10 * HOP)
    assert found.shape == (BANDS, COLUMNS)
    assert np.allclose(found, whole[:, 10:10 + COLUMNS], atol=1e-5)


@pytest.mark.parametrize("at", [-3000, -100, 0, 9500, 30000])
def test_beyond_the_sound_there_is_silence(at: int) -> None:
    sound = sweep()
    before, behind = np.zeros(8000, np.float32), np.zeros(40000, np.float32)
    wider = np.concatenate([before, sound, behind])
    assert np.allclose(mel_at(sound, at), mel_at(wider, at + len(before)), atol=1e-6)


def test_silence_is_the_lowest_level_everywhere() -> None:
    assert np.unique(mel_spectrogram(np.zeros(RATE, np.float32))).tolist() == [-4.0]


@settings(max_examples=20)
@given(st.floats(100, 7000))
def test_a_plain_tone_is_loudest_in_the_band_that_has_it(hertz: float) -> None:
    tone = (0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE // 4) / RATE)).astype(np.float32)
    loudest = mel_spectrogram(tone)[:, 5:-5].mean(axis=1).argmax()
    tones = np.flatnonzero(mel_bands()[loudest]) * RATE / 800
    assert tones.min() - RATE / 800 <= hertz <= tones.max() + RATE / 800


@settings(max_examples=20)
@given(st.floats(0.01, 0.9))
def test_ten_times_as_loud_is_one_point_six_more(level: float) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE // 4) / RATE)
    loud, soft = (mel_spectrogram((level * part * tone).astype(np.float32))[:, 10] for part in (1.0, 0.1))
    heard = soft > -3.9
    assert heard.any()
    assert np.allclose((loud - soft)[heard], 1.6, atol=0.02)
