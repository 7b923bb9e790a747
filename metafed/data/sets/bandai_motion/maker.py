"""Bandai-Namco-Research-Motiondataset 1 and 2 from the publisher's BVH files.

Files ``dataset-SET_CONTENT_STYLE_TAKE.bvh``, centimetres, y up, 30 frames a second. Frames are thinned, clips cut,
and of the takes of one style and content some are chosen: frames and takes of one kind are much alike.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, originals
from metafed.data.sets.bandai_motion import bvh
from metafed.data.sets.bandai_motion.headset import FACING, JOINTS, TRACKED

SECONDS = 1 / 30
THIN = {1: 2, 2: 3}
"""Every 2nd frame of set 1 is kept and every 3rd of set 2: 15 and 10 a second."""
FRAMES = 150
"""Frames of a clip that are kept at most."""
TAKES = 12
"""Takes of one style and content that are kept at most, spread evenly over all."""
MILLIMETRES = 10
"""In the publisher's unit."""
ROOT = "joint_Root"
"""The origin, which is no joint of the body."""


class Clip(NamedTuple):
    """One file's name, parsed, and the file."""

    set: int
    style: str
    content: str
    take: int
    file: Original


def read(path: Path) -> dict[str, np.ndarray]:
    """Read all clips into the arrays of ``bandai_motion.npz``, by set, style, content, take.

    Raises:
        DataError: There is no clip, or a file is damaged or has another skeleton than the first.
    """
    with originals(path) as found:
        clips = sorted(
            Clip(int(match[1]), match[3], match[2], int(match[4]), file)
            for file, match in found.matching(r"dataset-([12])_([a-z-]+)_([a-z-]+)_(\d{1,4})\.bvh")
        )
        kept = [clip for group in _groups(clips).values() for clip in _spread(group)]
        if not kept:
            raise DataError(f"{path} has no file dataset-SET_CONTENT_STYLE_TAKE.bvh")
        frames, skeleton = [], None
        for clip in kept:
            joints, places = _frames(clip)
            if skeleton is not None and joints != skeleton:
                raise DataError(f"{clip.file.where}: the skeleton is not that of {kept[0].file.where}")
            skeleton = joints
            frames.append(places)
    assert skeleton is not None
    length = np.array([len(places) for places in frames], np.int16)
    styles = sorted({f"{clip.set}:{clip.style}" for clip in kept})
    contents = sorted({clip.content for clip in kept})
    names = [name for name, _ in skeleton]
    return {
        "positions_mm": np.concatenate(frames),
        "clip_start": (length.cumsum(dtype=np.int64) - length).astype(np.int32),
        "clip_length": length,
        "clip_set": np.array([clip.set for clip in kept], np.uint8),
        "clip_style": np.array([styles.index(f"{clip.set}:{clip.style}") for clip in kept], np.uint8),
        "clip_content": np.array([contents.index(clip.content) for clip in kept], np.uint8),
        "clip_take": np.array([clip.take for clip in kept], np.uint16),
        "clip_fps": np.array([round(1 / SECONDS / THIN[clip.set]) for clip in kept], np.uint8),
        "style_names": np.array(styles),
        "content_names": np.array(contents),
        "joint_names": np.array(names),
        "joint_parent": np.array([names.index(parent) if parent in names else -1 for _, parent in skeleton], np.int8),
    }


def _groups(clips: list[Clip]) -> dict[tuple[int, str, str], list[Clip]]:
    groups: dict[tuple[int, str, str], list[Clip]] = {}
    for clip in clips:
        group = groups.setdefault((clip.set, clip.style, clip.content), [])
        if not any(clip.take == other.take for other in group):  # the repository has some folders also as a zip
            group.append(clip)
    return groups


def _spread(group: list[Clip]) -> list[Clip]:
    chosen = np.unique(np.linspace(0, len(group) - 1, min(TAKES, len(group))).round().astype(int))
    return [group[place] for place in chosen]


def _frames(clip: Clip) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Return the body's joints with their parents, and their positions ``(frames, JOINTS, 3)`` in millimetres."""
    thin = THIN[clip.set]
    try:
        motion = bvh.parse(clip.file.text(), slice(0, FRAMES * thin, thin))
    except (ValueError, IndexError) as error:
        raise DataError(f"{clip.file.where} is damaged: {error}") from error
    if abs(motion.seconds - SECONDS) > 1e-4:
        raise DataError(f"{clip.file.where}: a frame lasts {motion.seconds} s, expected {SECONDS:.7f}")
    names = [joint.name for joint in motion.joints]
    body = [place for place, name in enumerate(names) if name != ROOT]
    lost = [name for name in (*TRACKED, *FACING) if name not in names]
    if lost or len(body) != JOINTS:
        raise DataError(f"{clip.file.where}: {len(body)} joints, expected {JOINTS} with {', '.join(TRACKED + FACING)}")
    places = np.round(MILLIMETRES * bvh.positions(motion)[:, body])
    if np.abs(places).max(initial=0) > np.iinfo(np.int16).max:
        raise DataError(f"{clip.file.where}: a joint is more than 32 m from the origin")
    parents = [motion.joints[place].parent for place in body]
    return [(names[p], names[q] if q >= 0 else "") for p, q in zip(body, parents, strict=True)], places.astype(np.int16)
