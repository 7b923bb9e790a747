"""Avatar: where are the joints that nobody tracks? Head and two hands over a few frames → the body's pose.

The generator is a kinematic body (``metafed.families.walker``). Its motion state is five numbers: phase
and effort of the gait, crouch, and how far each hand reaches out. The inputs are free of noise and tell
the state exactly; the pose is a smooth nonlinear function of the state and of the person's proportions
and style, plus noise of variance ``NOISE²`` in the units of y. That variance is the best possible error.
"""

from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.sets.bandai_motion.reader import BandaiMotion
from metafed.data.sets.watch_gestures.reader import WatchGestures
from metafed.data.source import GENERATED
from metafed.families.generated import Generator
from metafed.families.walker import JOINTS, TRACKED, WINDOW, Motion, Person
from metafed.models import Inputs

NOISE = 0.25
FRAMES = (40, 600)
"""Frames of one person, fewest and most."""
CROWD = 256
"""People, twenty moments each, by whom inputs and outputs are standardised."""
UNIT = 0.1
"""Metres that are 1 in y."""
OUT_OF_STEP = 0.3
"""Radians between arms and legs that make a gait out of step."""


class Scale(NamedTuple):
    """Fixed standardisation: subtract ``mean (D,)``, divide by ``unit``, a number or ``(D,)``."""

    mean: np.ndarray
    unit: np.ndarray | float

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return ``rows (n, D)`` at about unit scale."""
        return np.asarray((rows - self.mean) / self.unit)


@lru_cache(maxsize=8)
def scales(seed: int) -> tuple[Scale, Scale]:
    """Return the standardisation of inputs and outputs, by a crowd that has no client in it."""
    rng = stream(seed, "avatar/world")
    tracked, poses = [], []
    for _ in range(CROWD):
        person, motion = Person.random(rng), Motion.random(20, rng)
        tracked.append(person.tracked(motion))
        poses.append(person.pose(motion))
    inputs, outputs = np.concatenate(tracked), np.concatenate(poses)
    # one unit for all outputs: an error in the foot counts as much as the same error in the hips
    return Scale(inputs.mean(0), inputs.std(0)), Scale(outputs.mean(0), UNIT)


@final
class Generated(Generator):
    """Any number of generated people, each made when asked for."""

    features = WINDOW * TRACKED * 3
    outputs = JOINTS * 3
    sequence = Inputs("sequence", (WINDOW, TRACKED * 3))

    def person(self, client: int) -> Person:
        """Return the truth about client ``client``."""
        return Person.random(stream(self._seed, "avatar/person", client))

    def motion(self, client: int) -> Motion:
        """Return the moments in which client ``client`` was recorded."""
        rng = stream(self._seed, "avatar/motion", client)
        return Motion.random(int(np.clip(rng.lognormal(np.log(150), 0.7), *FRAMES)), rng)

    def examples(self, client: int) -> Examples:
        """Return the frames of one person; the group is the gait, ``in step`` or ``out of step``."""
        person, motion = self.person(client), self.motion(client)
        inputs, outputs = scales(self._seed)
        pose = outputs(person.pose(motion))
        noise = NOISE * stream(self._seed, "avatar/client", client).standard_normal(pose.shape)
        return Examples(
            x=inputs(person.tracked(motion)).astype(np.float32),
            y=(pose + noise).astype(np.float32),
            group="out of step" if abs(person.lag) > OUT_OF_STEP else "in step",
            oracle_score=np.full(len(pose), NOISE**2),
        )

    def sequences(self, client: int) -> np.ndarray:
        """Return head and hands in the frames of each row, oldest first, ``(n, WINDOW, TRACKED · 3)``."""
        x = self.examples(client).x
        return x.reshape(len(x), WINDOW, TRACKED * 3)


AVATAR = Family(
    name="avatar",
    kind="regression",
    shots=Shots(support=20, query=40, evaluation=100, per_class=False),
    sources={GENERATED: Generated, "bandai_motion": BandaiMotion, "watch_gestures": WatchGestures},
)
