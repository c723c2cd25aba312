"""Choosing a source photo, turning it the right way round, and saying what is difficult about the pair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from models.arrays import Mask, Pixels, Points
from processors.batches import Crop, Remark, SourceFace
from processors.classical import points as parts
from processors.classical.notes import once
from processors.classical.pose import Pose, fit_pose
from processors.classical.skin import skin_of
from processors.classical.tone import side_light


class Looks(NamedTuple):
    """What decides how well two faces fit: degrees, shares of the eye distance, log ratio, pixels."""

    yaw: float
    pitch: float
    gap: float
    eyes: float
    side: float
    size: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A source photo as it will be used: perhaps mirrored. mask: its skin, (H, W) at the crop's size."""

    pixels: Pixels
    points: Points
    pose: Pose
    looks: Looks
    crop: Crop
    mirrored: bool

    def turned(self, plane: Mask) -> Mask:
        """A plane of the crop, mirrored as the crop was."""
        return np.ascontiguousarray(plane[:, ::-1]) if self.mirrored else plane

    def other_way_round(self) -> Chosen:
        """The same photo, mirrored once more."""
        points = parts.mirror_points(self.points, self.pixels.shape[1])
        return replace(self, pixels=np.ascontiguousarray(self.pixels[:, ::-1]), points=points, pose=fit_pose(points),
                       looks=self.looks._replace(yaw=-self.looks.yaw), mirrored=not self.mirrored)


def pose_of(crop: Crop) -> Pose:
    return once(crop, "pose", lambda: fit_pose(crop.points))


def looks_of(crop: Crop) -> Looks:
    return once(crop, "looks", lambda: _look(crop))


def _look(crop: Crop) -> Looks:
    pose = pose_of(crop)
    skin, size = skin_of(crop), pose.size(crop.points)
    origin, across, _ = parts.upright_axes(crop.points * skin.scale)
    ys, xs = np.ogrid[:skin.sample.shape[0], :skin.sample.shape[1]]
    left = ((xs - origin[0]) * across[0] + (ys - origin[1]) * across[1]) > 0
    light = side_light(skin.small, skin.sample * ~left, skin.sample * left)
    return Looks(pose.yaw, pose.pitch, parts.mouth_gap(crop.points, size), parts.eye_aspect(crop.points), light, size)


def _cost(source: Looks, target: Looks) -> float:
    """Differences in units of what the study found to be visible: 20 degrees of yaw, 15 of pitch, .16 of mouth gap,
    .1 of eye aspect; harsh light, and fewer pixels than the target has, count a little."""
    coarse = max(np.log2(target.size / max(source.size, 1.0)), 0.0)
    return float(np.hypot.reduce([(source.yaw - target.yaw) / 20, (source.pitch - target.pitch) / 15,
                                  (source.gap - target.gap) / 0.16, (source.eyes - target.eyes) / 0.2])
                 + 0.3 * source.side / 0.55 + 0.3 * coarse)


def choose(sources: tuple[SourceFace, ...], target: Crop) -> Chosen:
    """The photo that fits best. Mirrored where that brings the yaw at least 8 degrees nearer (study)."""
    aim = looks_of(target)
    options = []
    for source in sources:
        looks = looks_of(source.crop)
        mirrored = abs(-looks.yaw - aim.yaw) + 8 < abs(looks.yaw - aim.yaw)
        seen = looks._replace(yaw=-looks.yaw) if mirrored else looks
        options.append((_cost(seen, aim), source.crop, mirrored))
    _, crop, mirrored = min(options, key=lambda option: option[0])
    plain = Chosen(crop.pixels, crop.points, pose_of(crop), looks_of(crop), crop, False)
    return plain.other_way_round() if mirrored else plain


def remarks_on(source: Looks, target: Looks, spread: float) -> tuple[Remark, ...]:
    """What may look wrong, in words. Thresholds are the study's failure catalogue; they warn and do not refuse."""
    yaw, pitch, gap = abs(source.yaw - target.yaw), abs(source.pitch - target.pitch), abs(source.gap - target.gap)
    found = []
    if yaw > 20:
        found.append(Remark("POSE.YAW", f"The photo and this face are turned {yaw:.0f}° apart, so it is warped more "
                            "gently; a photo turned the same way would look better.", {"degrees": round(yaw)}))
    if pitch > 15:
        found.append(Remark("POSE.PITCH", f"One of the two faces looks {pitch:.0f}° further up, so the nose may look "
                            "wrong; a photo from the same height would look better.", {"degrees": round(pitch)}))
    if source.side > 0.55:
        found.append(Remark("LIGHT.SIDE", "The photo is lit hard from one side; an evenly lit one would look better.",
                            {"ratio": round(float(np.exp(source.side)), 1)}))
    if gap > 0.10:
        opened = "this face's mouth is open and the photo's is not" if target.gap > source.gap else \
            "the photo's mouth is open and this face's is not"
        found.append(Remark("EXPRESSION.MOUTH", f"The mouths differ: {opened}.", {"gap": round(gap, 2)}))
    if target.size < 40:
        found.append(Remark("SIZE.TINY", f"This face is only {target.size:.0f} pixels between the eyes' corners, too "
                            "small to show who it is.", {"pixels": round(target.size)}))
    if source.size < 0.5 * target.size:
        found.append(Remark("SIZE.SOURCE", "The photo's face is less than half as large as this one, so it will look "
                            "soft; a larger photo would look sharper.",
                            {"photo": round(source.size), "face": round(target.size)}))
    if spread > 0.012:
        found.append(Remark("POINTS.DOUBTFUL", "The face's points are not sure here, because of blur, hair or pose; "
                            "look closely at the mouth.", {"spread": round(spread, 3)}))
    return tuple(found)


def gentleness(source: Looks, target: Looks) -> float:
    """0 where the pair fits .. .5 where pose is beyond a warp: .25 at the study's warnings (20 and 15 degrees)."""
    yaw, pitch = abs(source.yaw - target.yaw), abs(source.pitch - target.pitch)
    return float(np.clip(max((yaw - 15) / 20, (pitch - 10) / 20), 0, 0.5))


def faded(source: Looks, target: Looks) -> float:
    """1, and down to .5 where the yaws differ by more than 35 degrees: there a warp has no cheek to show (study)."""
    return float(1 - 0.5 * np.clip((abs(source.yaw - target.yaw) - 35) / 20, 0, 1))
