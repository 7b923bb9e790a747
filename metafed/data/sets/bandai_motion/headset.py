"""A body as a headset sees it: the tracked points over a few frames, and the joints that nobody tracks.

Origin on the ground below the head, x to where the shoulders' left is, z to where they face, metres. The
scales are fixed numbers, not taken from any data.
"""

import numpy as np

JOINTS = 21
TRACKED = ("Head", "Hand_L", "Hand_R")
FACING = ("UpperArm_L", "UpperArm_R")
WINDOW = 3
"""Frames of input at the data's own rate (15 or 10 a second), the last of which is the frame of the pose."""
SEEN = 8
"""Frames of a sequence, the last of which is the frame of the pose; a clip's first poses have fewer before them."""
PLACE = 0.25
"""Metres that are 1 in the inputs' positions."""
MOVE = 0.1
"""Metres that are 1 in the inputs' displacements."""
POSE = 0.1
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


def seen(positions: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n, 27)`` and poses ``(n, 54)`` of a clip's ``positions (frames, JOINTS, 3)`` in metres.

    The inputs are the tracked points now, then their displacements from each earlier frame to now.
    """
    tracked = [names.index(name) for name in TRACKED]
    others = [joint for joint in range(JOINTS) if joint not in tracked]
    now = positions[WINDOW - 1 :]
    origin, turn = _place(now, names)
    points = _from_head(now[:, tracked], origin, turn)
    inputs = [(points - REST_TRACKED) / PLACE]
    for back in range(1, WINDOW):
        earlier = positions[WINDOW - 1 - back : len(positions) - back, tracked]
        inputs.append((points - _from_head(earlier, origin, turn)) / MOVE)
    pose = (_from_head(now[:, others], origin, turn) - REST_POSE) / POSE
    return np.concatenate(inputs, axis=1).reshape(len(now), -1), pose.reshape(len(now), -1)


def moments(positions: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the last frames before each of the poses of ``seen``, oldest first, ``(n, SEEN, 19)``.

    A frame is the tracked points, their displacements to now, all as the head of now sees them, and 1 where it is.
    """
    tracked = [names.index(name) for name in TRACKED]
    now = np.arange(WINDOW - 1, len(positions))
    origin, turn = _place(positions[now], names)
    current = _from_head(positions[now][:, tracked], origin, turn)
    frames = []
    for back in reversed(range(SEEN)):
        points = _from_head(positions[np.maximum(now - back, 0)][:, tracked], origin, turn)
        frame = np.concatenate([(points - REST_TRACKED) / PLACE, (current - points) / MOVE], axis=1)
        there = np.append(frame.reshape(len(now), -1), np.ones((len(now), 1)), axis=1)
        frames.append(np.where((now >= back)[:, None], there, 0))
    return np.stack(frames, axis=1)


def _place(frames: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ground below the head ``(n, 3)``, and the rotation ``(n, 3, 3)`` to where the shoulders face."""
    left, right = (names.index(name) for name in FACING)
    across = frames[:, left] - frames[:, right]
    return frames[:, names.index(TRACKED[0])] * (1, 0, 1), _facing(across[:, 0], across[:, 2])


def _facing(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return rotations ``(n, 3, 3)`` about the vertical that bring the directions (x, z) to +x."""
    length = np.maximum(np.hypot(x, z), 1e-9)
    c, s, zero, one = x / length, z / length, np.zeros_like(x), np.ones_like(x)
    return np.stack([np.stack([c, zero, s], 1), np.stack([zero, one, zero], 1), np.stack([-s, zero, c], 1)], 1)


def _from_head(points: np.ndarray, origin: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return ``points (n, P, 3)`` from ``origin (n, 3)``, turned by ``turn (n, 3, 3)``."""
    return np.asarray(np.einsum("nij,npj->npi", turn, points - origin[:, None]))
