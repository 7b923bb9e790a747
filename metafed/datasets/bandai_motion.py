"""Bandai-Namco-Research-Motiondataset 1 and 2: head and two hands → the other 18 joints.

Kobayashi et al. 2023, arXiv 2306.08861. A client is a persona: a style (such as "2:elderly") doing one
content (such as "walk"). Positions are seen as a headset sees them: origin on the ground below the
head, turned to where the body faces, in metres. Frames of one clip resemble one another, so a persona's
clips stay whole; where it has fewer than four, its clips are cut into blocks of time with gaps.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.datasets.base import Dataset, arrays, require
from metafed.episodes import MINIMUM, Examples
from metafed.streams import stream

JOINTS = 21
TRACKED = ("Head", "Hand_L", "Hand_R")
FACING = ("UpperArm_L", "UpperArm_R")
WINDOW = 3
"""Frames of input at the data's own rate (15 or 10 a second), the last of which is the frame of the pose."""
BLOCK = 8
"""Rows of one block of time."""
GAP = 4
"""Rows left out between blocks: more than the frames that two windows could share."""
PLACE = 0.25
"""Metres that are 1 in the inputs' positions."""
MOVE = 0.1
"""Metres that are 1 in the inputs' displacements."""
POSE = 0.15
"""Metres that are 1 in the outputs."""
REST_TRACKED = np.array([[0.0, 1.4, 0.0], [0.25, 0.9, 0.1], [-0.25, 0.9, 0.1]])
REST_POSE = np.array(
    [
        *([0.0, 0.9, 0.0], [0.0, 1.05, 0.0], [0.0, 1.2, 0.0], [0.0, 1.35, 0.0]),  # hips to neck
        *([0.05, 1.3, 0.0], [0.1, 1.3, 0.0], [0.2, 1.1, 0.0]),  # left arm
        *([-0.05, 1.3, 0.0], [-0.1, 1.3, 0.0], [-0.2, 1.1, 0.0]),  # right arm
        *([0.05, 0.9, 0.0], [0.1, 0.5, 0.05], [0.1, 0.1, 0.0], [0.1, 0.05, 0.1]),  # left leg
        *([-0.05, 0.9, 0.0], [-0.1, 0.5, 0.05], [-0.1, 0.1, 0.0], [-0.1, 0.05, 0.1]),  # right leg
    ]
)
"""A person standing, roughly: what inputs and outputs are counted from."""


class Table(NamedTuple):
    """The file's content.

    Attributes:
        positions: Millimetres ``(frames, JOINTS, 3)``, int16.
        start: First frame of each clip.
        length: Frames of each clip.
        names: Names of the joints.
        styles: Names of the styles.
        contents: Names of the contents.
        personas: ``(style, content)`` of each client, in the order of clients.
        clips: Clips of each client.
        skipped: Names of personas with too few frames.
    """

    positions: np.ndarray
    start: np.ndarray
    length: np.ndarray
    names: list[str]
    styles: list[str]
    contents: list[str]
    personas: list[tuple[int, int]]
    clips: list[np.ndarray]
    skipped: list[str]


@final
class BandaiMotion(Dataset):
    """Personas in motion."""

    features = WINDOW * len(TRACKED) * 3
    outputs = (JOINTS - len(TRACKED)) * 3
    file = Path("bandai_motion/bandai_motion.npz")
    licence = "CC BY-NC 4.0, (c) Bandai Namco Research Inc."
    remedy = (
        "write it from https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset: world"
        " joint positions by forward kinematics over the BVH files"
    )

    @property
    def clients(self) -> int:
        """How many personas have frames enough."""
        return len(self.table.personas)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a client is, personas skipped, and the licence."""
        skipped = self.table.skipped
        few = f"{len(skipped)} personas with too few frames are skipped: {', '.join(skipped)}"
        return (
            "clients are personas (style x content), not people: three actors, no actor ids in the data",
            "the facing of the shoulders stands in for a headset's own heading: the data have positions only",
            *((few,) if skipped else ()),
            f"licence: {self.licence}",
        )

    @cached_property
    def table(self) -> Table:
        """The file's content.

        Raises:
            DataError: The file is missing or damaged.
        """
        path = self.path
        clip_fields = ("clip_start", "clip_length", "clip_style", "clip_content")
        wanted = {"positions_mm": ("i", 3), **{name: ("iu", 1) for name in clip_fields}}
        read = arrays(path, {**wanted, **{f"{name}_names": ("U", 1) for name in ("joint", "style", "content")}})
        positions, styles, contents = read["positions_mm"], read["style_names"], read["content_names"]
        names = read["joint_names"].tolist()
        start, length, style, content = (read[name].astype(np.int64) for name in clip_fields)
        require(path, positions.shape[1:] == (JOINTS, 3), f"positions_mm is {positions.shape}")
        require(path, len(names) == JOINTS, f"{len(names)} joint names, not {JOINTS}")
        lost = [name for name in (*TRACKED, *FACING) if name not in names]
        require(path, not lost, f"joints {lost} are missing")
        require(path, len({len(start), len(length), len(style), len(content)}) == 1, "clip_* differ in length")
        require(path, len(start) > 0, "there is no clip")
        inside = start.min() >= 0 and length.min() >= 0 and (start + length).max() <= len(positions)
        require(path, bool(inside), f"a clip lies outside the {len(positions)} frames")
        named = style.max() < len(styles) and content.max() < len(contents)
        require(path, bool(named), "a clip has a style or content without a name")
        personas, clips, skipped = [], [], []
        for persona in sorted(set(zip(style.tolist(), content.tolist(), strict=True))):
            own = np.flatnonzero((style == persona[0]) & (content == persona[1]))
            if len(np.unique(np.concatenate([b[b >= 0] for b in blocks(length[own])]))) >= MINIMUM:
                personas.append(persona)
                clips.append(own)
            else:
                skipped.append(f"{styles[persona[0]]} {contents[persona[1]]}")
        order = stream(self.origin.seed, "bandai_motion/order").permutation(len(personas))
        return Table(
            positions=positions,
            start=start,
            length=length,
            names=names,
            styles=styles.tolist(),
            contents=contents.tolist(),
            personas=[personas[i] for i in order],
            clips=[clips[i] for i in order],
            skipped=skipped,
        )

    def examples(self, client: int) -> Examples:
        """Return one persona's frames; the group is its style."""
        table = self.table
        clips = table.clips[client]
        x, y, block = [], [], []
        for clip, number in zip(clips, blocks(table.length[clips]), strict=True):
            start = table.start[clip]
            inputs, pose = rows_of(table.positions[start : start + table.length[clip]] / 1000.0, table.names)
            kept = number >= 0
            x.append(inputs[kept])
            y.append(pose[kept])
            block.append(number[kept])
        rows = np.concatenate(block)
        return Examples(
            x=np.concatenate(x).astype(np.float32),
            y=np.concatenate(y).astype(np.float32),
            group=table.styles[table.personas[client][0]],
            ceiling=np.full(len(rows), np.nan),
            block=rows,
        )


def blocks(lengths: np.ndarray) -> list[np.ndarray]:
    """Number the blocks of one persona's rows, clip by clip; −1 marks rows in a gap.

    A clip of L frames has L − WINDOW + 1 rows. With ``MINIMUM`` clips or more each is a block.
    """
    numbers: list[np.ndarray] = []
    rows = [max(int(length) - WINDOW + 1, 0) for length in lengths]
    if sum(count > 0 for count in rows) >= MINIMUM:
        return [np.full(count, clip) for clip, count in enumerate(rows)]
    first = 0
    for count in rows:
        place = np.arange(count)
        number = first + place // (BLOCK + GAP)
        numbers.append(np.where(place % (BLOCK + GAP) < BLOCK, number, -1))
        first += -(-count // (BLOCK + GAP))
    return numbers


def rows_of(positions: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n, 27)`` and poses ``(n, 54)`` of a clip's ``positions (frames, JOINTS, 3)`` in metres.

    The inputs are the tracked points now, then their displacements from each earlier frame to now.
    """
    tracked = [names.index(name) for name in TRACKED]
    others = [joint for joint in range(JOINTS) if joint not in tracked]
    left, right = (names.index(name) for name in FACING)
    now = positions[WINDOW - 1 :]
    origin = now[:, tracked[0]] * (1, 0, 1)
    across = now[:, left] - now[:, right]
    turn = _facing(across[:, 0], across[:, 2])
    points = _seen(now[:, tracked], origin, turn)
    inputs = [(points - REST_TRACKED) / PLACE]
    for back in range(1, WINDOW):
        earlier = positions[WINDOW - 1 - back : len(positions) - back, tracked]
        inputs.append((points - _seen(earlier, origin, turn)) / MOVE)
    pose = (_seen(now[:, others], origin, turn) - REST_POSE) / POSE
    return np.concatenate(inputs, axis=1).reshape(len(now), -1), pose.reshape(len(now), -1)


def _facing(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return rotations ``(n, 3, 3)`` about the vertical that bring the directions (x, z) to +x."""
    length = np.maximum(np.hypot(x, z), 1e-9)
    c, s, zero, one = x / length, z / length, np.zeros_like(x), np.ones_like(x)
    return np.stack([np.stack([c, zero, s], 1), np.stack([zero, one, zero], 1), np.stack([-s, zero, c], 1)], 1)


def _seen(points: np.ndarray, origin: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return ``points (n, P, 3)`` from ``origin (n, 3)``, turned by ``turn (n, 3, 3)``."""
    return np.asarray(np.einsum("nij,npj->npi", turn, points - origin[:, None]))
