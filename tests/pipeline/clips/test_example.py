"""The example clip, and stills moved in a known way."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from models.arrays import Pixels
from models.interfaces import FaceStack, Search
from pipeline.clips.example import Light, example_clip, example_frames, moving_still, placed, wander


def test_the_example_clip_is_whole_has_sound_and_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        example_clip(tmp_path / name, size=(320, 180), frames=24, cut=12)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    with av.open(str(tmp_path / "a.mp4")) as clip:
        video, sound = clip.streams.video[0], clip.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert int(video.codec_context.colorspace) == 1
        pictures = list(clip.decode(video))
        assert [round(float(frame.time or 0) * 30) for frame in pictures] == list(range(24))
        clip.seek(0)
        samples = np.concatenate([frame.to_ndarray() for frame in clip.decode(sound)], axis=1)
    assert abs(samples.shape[1] / 44100 - 0.8) < 0.05
    assert 0.005 < float(np.abs(samples).mean()) < 0.2
    # The colours are those of the frames: the encoder loses some, a wrong matrix would shift them by ten levels.
    wanted = next(example_frames(size=(320, 180), frames=24, cut=12))[0].astype(float)
    first = pictures[0].reformat(format="bgr24", src_colorspace="ITU709", src_color_range="MPEG").to_ndarray()
    assert np.abs(first.astype(float).mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 4


def test_faces_are_where_the_truth_says(stack: FaceStack, astronaut: Pixels) -> None:
    still, = stack.landmarker.landmarks(astronaut, stack.detector.detect(astronaut, Search()))
    for index, (pixels, truth) in enumerate(example_frames(size=(640, 360), frames=40, cut=40)):
        if index in (0, 17, 39):
            face, = stack.landmarker.landmarks(pixels, stack.detector.detect(pixels, Search()))
            away = np.hypot(*(face.points - truth.where(still.points)).T)
            assert float(away[27:68].mean()) < 0.05 * face.eye_distance
            assert truth.shot == 0


def test_a_still_is_moved_by_exactly_what_the_truth_says(astronaut: Pixels) -> None:
    """Shifts of a whole pixel are copies; of half a pixel they lie between."""
    soft = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 2), np.uint8)
    frames = list(moving_still(soft, 3, lambda i: placed((0, 0), (i / 2, 0)), size=(400, 400)))
    assert np.array_equal(frames[0][0], soft[:400, :400])
    assert np.array_equal(frames[2][0][:, 1:], soft[:400, :399])
    between = (soft[:400, :399].astype(float) + soft[:400, 1:400]) / 2
    assert np.abs(frames[1][0][:, 1:].astype(float) - between)[4:, 4:].max() < 6
    assert np.allclose(frames[1][1].where(np.array([[10.0, 20.0]])), [[10.5, 20.0]])


def test_light_and_noise_are_what_was_asked_for_and_repeatable(astronaut: Pixels) -> None:
    flat = np.full_like(astronaut, 100)
    made = [list(moving_still(flat, 2, lambda i: wander(i, (256, 256), (200, 150), shift=4), size=(400, 300), noise=4,
                              light=lambda i: Light(0.0, 0.3, 1.0), seed=5)) for _ in range(2)]
    for (one, truth), (other, _) in zip(*made, strict=True):
        assert np.array_equal(one, other)
        assert truth.light.strength == 0.3
    first, second = (pixels.astype(float) for pixels, _ in made[0])
    assert first[:, -50:].mean() - first[:, :50].mean() > 30
    assert abs((first - second)[:, 190:210].std() - 4 * np.sqrt(2)) < 0.5
