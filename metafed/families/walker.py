"""A kinematic body that walks on the spot: the truth behind the avatar generator.

Frame: x to the left, y up, z forward, metres, origin on the ground below the walker's mean position.
"""

from dataclasses import dataclass

import numpy as np

WINDOW = 3
"""Frames of input, the last of which is the frame of the pose."""
TRACKED = 3
"""Head and two hands."""
JOINTS = 8
"""Chest, hips, elbows, knees, feet."""
STATURE = 1.62
"""Height of everybody's head: headsets calibrate to it, so that lengths count in statures."""
STEP = 0.5
"""Radians of gait from one frame to the next."""

PEOPLE = {
    "arm": (0.6, 0.03),
    "hip": (0.57, 0.02),
    "shoulders": (0.2, 0.02),
    "stance": (0.13, 0.03),
    "stride": (0.3, 0.04),
    "lift": (0.1, 0.03),
    "swing": (0.25, 0.04),
    "lag": (0.0, 0.35),
    "lean": (0.04, 0.02),
    "knees": (0.12, 0.12),
    "elbows": (0.06, 0.03),
}
"""Mean and standard deviation of a person's numbers."""
MARKERS = 0.05
"""Standard deviation of a marker's place."""


@dataclass(frozen=True)
class Motion:
    """Motion state of ``n`` frames; every field ``(n,)``."""

    phase: np.ndarray
    effort: np.ndarray
    crouch: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def random(cls, n: int, rng: np.random.Generator) -> "Motion":
        """Draw ``n`` independent moments of somebody's day."""
        return cls(
            phase=rng.uniform(0, 2 * np.pi, n),
            effort=rng.uniform(0.5, 1.3, n),
            crouch=rng.beta(1, 4, n),
            left=rng.beta(1, 3, n),
            right=rng.beta(1, 3, n),
        )


@dataclass(frozen=True)
class Person:
    """Proportions (metres) and style (metres, radians) of one client.

    Attributes:
        arm: Length of an arm.
        hip: Height of the hips, as a share of the stature.
        shoulders: Half the breadth of the shoulders.
        stance: Half the distance between the feet.
        stride: How far a foot swings forward.
        lift: How high a foot rises.
        swing: How far a hand swings.
        lag: Phase of the legs behind the arms.
        lean: How far the chest hangs forward.
        knees: How far bent knees turn outward, a style that only crouching shows.
        elbows: How far the elbows stick out.
        markers: Where on the person each joint's marker sits ``(JOINTS · 3,)``.
    """

    arm: float
    hip: float
    shoulders: float
    stance: float
    stride: float
    lift: float
    swing: float
    lag: float
    lean: float
    knees: float
    elbows: float
    markers: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Person":
        """Draw a person: every number uniform around the typical one."""
        away = rng.uniform(-np.sqrt(3), np.sqrt(3), len(PEOPLE) + JOINTS * 3)
        numbers = {
            name: typical + spread * z for (name, (typical, spread)), z in zip(PEOPLE.items(), away, strict=False)
        }
        return cls(markers=MARKERS * away[len(PEOPLE) :], **numbers)

    def _head(self, motion: Motion, phase: np.ndarray) -> np.ndarray:
        bob = 0.02 * motion.effort * np.cos(2 * phase)
        height = STATURE * (1 - 0.25 * motion.crouch) + bob
        return _points(0.02 * np.sin(phase), height, self.lean + 0.15 * motion.crouch)

    def _hand(self, motion: Motion, phase: np.ndarray, side: int, head: np.ndarray) -> np.ndarray:
        reach = motion.left if side > 0 else motion.right
        swing = -side * self.swing * motion.effort * np.sin(phase) * (1 - 0.5 * reach)
        offset = _points(
            side * (self.shoulders + 0.3 * self.arm * reach),
            -0.25 - self.arm * np.cos(1.5 * reach),
            swing + self.arm * np.sin(1.5 * reach) - self.lean,
        )
        return np.asarray(head + offset)

    def tracked(self, motion: Motion) -> np.ndarray:
        """Return head, left and right hand, oldest frame first, ``(n, WINDOW · TRACKED · 3)``."""
        frames = []
        for back in reversed(range(WINDOW)):
            phase = motion.phase - back * STEP
            head = self._head(motion, phase)
            frames += [head, self._hand(motion, phase, 1, head), self._hand(motion, phase, -1, head)]
        return np.concatenate(frames, axis=1)

    def pose(self, motion: Motion) -> np.ndarray:
        """Return chest, hips and the left and right elbow, knee and foot, ``(n, JOINTS · 3)``."""
        head = self._head(motion, motion.phase)
        hips = _points(
            0.03 * np.sin(motion.phase),
            self.hip * STATURE * (1 - 0.4 * motion.crouch),
            -0.1 * motion.crouch,
        )
        chest = 0.4 * hips + 0.6 * head + _points(0.0, -0.05, self.lean * np.ones_like(motion.phase))
        left, right = (self._limbs(motion, side, head, hips) for side in (1, -1))
        limbs = [joint for pair in zip(left, right, strict=True) for joint in pair]
        return np.asarray(np.concatenate([chest, hips, *limbs], axis=1) + self.markers)

    def _limbs(
        self, motion: Motion, side: int, head: np.ndarray, hips: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        phase = motion.phase + self.lag + (0 if side > 0 else np.pi)
        raised = self.lift * motion.effort * np.square(np.maximum(np.cos(phase), 0))
        foot = _points(side * self.stance, 0.08 + raised, self.stride * motion.effort * np.sin(phase))
        bend = _points(side * self.knees * motion.crouch, 0.5 * raised, 0.05 + 0.3 * motion.crouch + raised)
        knee = 0.5 * (hips + foot) + bend
        hand = self._hand(motion, motion.phase, side, head)
        shoulder = head + _points(side * self.shoulders, -0.25, -self.lean)
        reach = motion.left if side > 0 else motion.right
        elbow = 0.5 * (shoulder + hand) + _points(side * self.elbows * (1 + reach), 0.0, -0.08 * (1 - reach))
        return elbow, knee, foot


def _points(x: np.ndarray | float, y: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
    points = np.empty((*np.shape(x + y + z), 3))
    points[..., 0], points[..., 1], points[..., 2] = x, y, z
    return points
