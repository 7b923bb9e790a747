"""BVH motion files: a skeleton, and channels frame by frame. Joint positions by forward kinematics.

A joint's channels move it in the frame of its parent: p = p_parent + R_parent t, R = R_parent A B C, where t are
its position channels, or its OFFSET if it has none, and A, B, C its rotations (degrees) in the order of its channels.
Position channels stand for the offset and are not added to it (as motion capture software writes them).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")


class Joint(NamedTuple):
    """One joint.

    Attributes:
        name: Its name.
        parent: Its parent's number, -1 for a root; parents come first.
        offset: Where it is in the frame of its parent ``(3,)``, unless it has position channels.
        first: The column of its first channel.
        channels: Names of its channels.
    """

    name: str
    parent: int
    offset: np.ndarray
    first: int
    channels: tuple[str, ...]


class Motion(NamedTuple):
    """A file's content.

    Attributes:
        joints: The skeleton.
        seconds: Duration of a frame.
        channels: ``(frames, channels)``: those that were asked for.
    """

    joints: list[Joint]
    seconds: float
    channels: np.ndarray


def parse(text: str, frames: slice = slice(None)) -> Motion:
    """Read a file; of its frames only ``frames``.

    Raises:
        ValueError: The text is damaged; the message says where.
    """
    head, mark, body = text.partition("MOTION")
    if not mark:
        raise ValueError("there is no MOTION")
    joints, width = _skeleton(head.split())
    lines = [line for line in body.split("\n") if line.strip()]
    if len(lines) < 2 or not lines[0].startswith("Frames:") or not lines[1].startswith("Frame Time:"):
        raise ValueError("MOTION is not followed by Frames and Frame Time")
    declared, seconds = int(lines[0].split(":")[1]), float(lines[1].split(":")[1])
    if declared != len(lines) - 2:
        raise ValueError(f"{declared} frames are declared, {len(lines) - 2} are there")
    values = [line.split() for line in lines[2:][frames]]
    uneven = next((len(line) for line in values if len(line) != width), width)
    if uneven != width:
        raise ValueError(f"a frame has {uneven} numbers, the skeleton {width} channels")
    channels = np.array(values, dtype=np.float64).reshape(len(values), width)
    if not np.isfinite(channels).all():
        raise ValueError("a channel is not finite")
    return Motion(joints, seconds, channels)


def _skeleton(words: Sequence[str]) -> tuple[list[Joint], int]:
    """Read HIERARCHY; return the joints and how many channels they have."""
    joints: list[Joint] = []
    above: list[int] = []
    width, place = 0, 0
    opened = -1  # the joint that the next brace opens; -2 for an end site
    while place < len(words):
        word = words[place]
        if word in ("ROOT", "JOINT"):
            parent = above[-1] if above else -1
            joints.append(Joint(words[place + 1], parent, np.zeros(3), width, ()))
            opened, place = len(joints) - 1, place + 2
        elif word == "End":
            opened, place = -2, place + 2
        elif word == "{":
            above.append(opened)
            place += 1
        elif word == "}":
            if not above:
                raise ValueError("HIERARCHY has a brace too many")
            above.pop()
            place += 1
        elif word == "OFFSET":
            if above and above[-1] >= 0:
                offset = np.array([float(number) for number in words[place + 1 : place + 4]])
                joints[above[-1]] = joints[above[-1]]._replace(offset=offset)
            place += 4
        elif word == "CHANNELS" and above and above[-1] >= 0:
            count = int(words[place + 1])
            names = tuple(words[place + 2 : place + 2 + count])
            if len(names) < count or not set(names) <= {*POSITIONS, *ROTATIONS}:
                raise ValueError(f"channels {names} are not known")
            joints[above[-1]] = joints[above[-1]]._replace(first=width, channels=names)
            width, place = width + count, place + 2 + count
        elif word == "HIERARCHY":
            place += 1
        else:
            raise ValueError(f"HIERARCHY has {word!r}")
    if above or not joints:
        raise ValueError("HIERARCHY is cut")
    return joints, width


def positions(motion: Motion) -> np.ndarray:
    """Return where the joints are, ``(frames, joints, 3)``, in the file's unit of length."""
    places: list[np.ndarray] = []
    turns: list[np.ndarray] = []
    for joint in motion.joints:
        own = motion.channels[:, joint.first : joint.first + len(joint.channels)]
        shift = np.tile(joint.offset, (len(own), 1))
        turn = np.tile(np.eye(3), (len(own), 1, 1))
        for column, name in enumerate(joint.channels):
            if name in POSITIONS:
                shift[:, POSITIONS.index(name)] = own[:, column]
            else:
                turn = turn @ _rotation(ROTATIONS.index(name), np.radians(own[:, column]))
        if joint.parent >= 0:
            shift = places[joint.parent] + np.einsum("nij,nj->ni", turns[joint.parent], shift)
            turn = turns[joint.parent] @ turn
        places.append(shift)
        turns.append(turn)
    return np.stack(places, axis=1)


def _rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """Return rotations ``(n, 3, 3)`` about an axis by ``angle (n,)`` in radians, counterclockwise."""
    turn = np.zeros((len(angle), 3, 3))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    turn[:, axis, axis] = 1
    turn[:, one, one] = turn[:, two, two] = np.cos(angle)
    turn[:, two, one] = np.sin(angle)
    turn[:, one, two] = -np.sin(angle)
    return turn
