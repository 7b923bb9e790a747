"""Somebody's head in virtual scenes: the truth behind the gaze generator.

Every half second the head turns. It keeps some of its momentum, goes after what is worth looking at, and sinks back
to its resting pitch. Worth looking at are three things a scene: a face, something that moves, something to read.
What a thing is worth is a matter of taste, and the less the farther it is. Angles in radians: yaw, then pitch.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

THINGS = ("faces", "motion", "text")
COMMON = (0.55, 0.3, 0.15)
"""Share of the people who like each of the things best."""
LIKING = 1.5
"""Log-odds by which the thing that is liked best is ahead."""
TASTE = 0.5
"""Standard deviation of a person's own log-odds."""
NEAR = 1.5
"""Radians at which a thing's worth has fallen by e^½."""
TURN = 0.6
"""Radians beyond which a head hardly turns faster: eyes do the rest."""
SINK = 0.3
"""Share of the way to the resting pitch in a step."""
DRIFT = (0.05, 0.1, 0.02)
"""Radians that the things move in a step, each in its way."""
ANEW = 0.2
"""Chance that a thing is somewhere else at the next moment."""
SHAKE = (0.04, 0.03)
"""Standard deviation of what nobody can foresee, of yaw and pitch."""


class Scenes(NamedTuple):
    """What a headset knows at ``n`` moments, and what comes next.

    Attributes:
        turned: The last turn ``(n, 2)``.
        pitch: Pitch of the head ``(n,)``.
        things: Where the things are, from where the head looks ``(n, 3, 2)``; yaw in ±π.
        turn: The next turn ``(n, 2)``.
    """

    turned: np.ndarray
    pitch: np.ndarray
    things: np.ndarray
    turn: np.ndarray


@dataclass(frozen=True)
class Person:
    """One client's truth.

    Attributes:
        favourite: The thing that is liked best, as an index into ``THINGS``.
        liking: Log-odds of the things ``(3,)``.
        haste: Share of the way to a near thing in a step.
        momentum: Share of the last turn that goes on.
        rest: Pitch of the head at rest.
    """

    favourite: int
    liking: np.ndarray
    haste: float
    momentum: float
    rest: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Person":
        """Draw a person."""
        favourite = int(rng.choice(len(THINGS), p=COMMON))
        liking = LIKING * np.eye(len(THINGS))[favourite] + TASTE * rng.standard_normal(len(THINGS))
        return cls(favourite, liking, rng.uniform(0.2, 0.5), rng.uniform(0.0, 0.4), rng.normal(-0.1, 0.2))

    def expected(self, turned: np.ndarray, pitch: np.ndarray, things: np.ndarray) -> np.ndarray:
        """Return the best possible prediction of the next turn ``(n, 2)``; arguments as in ``Scenes``."""
        far = np.linalg.norm(things, axis=-1)
        odds = self.liking - 0.5 * np.square(far / NEAR)
        worth = np.exp(odds - odds.max(1, keepdims=True))
        worth /= worth.sum(1, keepdims=True)
        drawn = self.haste * (worth[:, :, None] * TURN * np.tanh(things / TURN)).sum(1)
        sinking = np.stack([np.zeros_like(pitch), SINK * (self.rest - pitch)], axis=1)
        return np.asarray(self.momentum * turned + drawn + sinking)

    def live(self, scenes: int, moments: int, rng: np.random.Generator) -> Scenes:
        """Look around in ``scenes`` scenes of ``moments`` moments each; rows scene by scene, in order of time."""
        yaw, pitch, turned = np.zeros(scenes), np.full(scenes, self.rest), np.zeros((scenes, 2))
        spread = np.array([1.5, 0.5])
        places = rng.uniform(-1, 1, (scenes, len(THINGS), 2)) * spread
        seen = []
        for _ in range(moments):
            things = places - np.stack([yaw, pitch], axis=1)[:, None]
            things[..., 0] = (things[..., 0] + np.pi) % (2 * np.pi) - np.pi
            turn = self.expected(turned, pitch, things) + SHAKE * rng.standard_normal((scenes, 2))
            seen.append(Scenes(turned, pitch, things, turn))
            yaw, pitch, turned = yaw + turn[:, 0], pitch + turn[:, 1], turn
            places = places + np.array(DRIFT)[:, None] * rng.standard_normal(places.shape)
            anew = rng.random((scenes, len(THINGS), 1)) < ANEW
            places = np.where(anew, rng.uniform(-1, 1, places.shape) * spread, places)
        return Scenes(*(np.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:]) for parts in zip(*seen, strict=True)))
