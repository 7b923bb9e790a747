"""Environment: one's own virtual world, to act in or to foresee where one looks next.

``gaze``, the default, is a generator of heads (``metafed.families.gaze``): the task is the head's next turn, the noise
in it is the best possible error. In ``navigation`` and ``cartpole`` a policy acts in a world with hidden physics
of the client's own (``metafed.environments``): few episodes there are the support set, and the score is the return
after adaptation on a scale from acting at random to an expert who knows the physics.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.sequence import windows
from metafed.data.sets.vr_head_sit.reader import VrHeadSit
from metafed.data.source import GENERATED
from metafed.environments.base import Environment
from metafed.environments.cartpole import CartPole
from metafed.environments.navigation import GOALS, Navigation
from metafed.families.gaze import SHAKE, THINGS, Person
from metafed.families.generated import Generator
from metafed.models import Inputs
from metafed.tasks.rollout import anchors
from metafed.tasks.task import Kind

MOMENTS = 20
"""Moments in a scene, half a second each."""
SCENES = (5, 40)
SEEN = 8
"""Moments in a sequence, four seconds; a scene's first moments have fewer before them."""
UNIT = 0.15
"""Radians of a turn that are 1 in y."""
EPISODES = Shots(support=20, query=20, evaluation=40, per_class=False)
"""Episodes before and after adaptation: 20, as in Finn et al.'s code for navigation."""
EVALUATION = np.arange(160) >= 100
"""Which of a client's episodes are for evaluation."""
GRAVITY, MASS, LENGTH, FORCE = (5.0, 20.0), (0.05, 0.5), (0.25, 1.0), (5.0, 20.0)
"""Gravity (m/s²), mass (kg) and half length (m) of the pole, size of the force (N): log-uniform between these."""


@final
class Gaze(Generator):
    """Any number of generated people, each made when asked for."""

    features = 2 + 1 + len(THINGS) * 2
    outputs = 2
    sequence = Inputs("sequence", (SEEN, features + 1), masked=True)

    def person(self, client: int) -> Person:
        """Return the truth about client ``client``."""
        return Person.random(stream(self._seed, "environment/person", client))

    def examples(self, client: int) -> Examples:
        """Return the moments of one person; the group is what the person likes best to look at."""
        person, rng = self.person(client), stream(self._seed, "environment/client", client)
        scenes = person.live(int(np.clip(rng.lognormal(np.log(10), 0.6), *SCENES)), MOMENTS, rng)
        x = [scenes.turned / UNIT, scenes.pitch[:, None] / UNIT, scenes.things.reshape(len(scenes.pitch), -1)]
        return Examples(
            x=np.concatenate(x, axis=1).astype(np.float32),
            y=(scenes.turn / UNIT).astype(np.float32),
            group=THINGS[person.favourite],
            oracle_score=np.full(len(scenes.pitch), np.mean(np.square(SHAKE)) / UNIT**2),
        )

    def sequences(self, client: int) -> np.ndarray:
        """Return the moments of a scene up to each, ``(n, SEEN, features + 1)``."""
        x = self.examples(client).x
        return windows(x, np.arange(len(x)) % MOMENTS, SEEN)


class World(Generator, ABC):
    """Any number of clients with physics of their own in one environment; a row is the randomness of an episode."""

    kind: ClassVar[Kind | None] = "control"
    environment: ClassVar[Environment]
    notes = ("rows are random numbers of episodes: every policy lives its own episodes with them",)
    shots = EPISODES

    @final
    @property
    def features(self) -> int:
        """Numbers that the policy sees."""
        return self.environment.observation

    @final
    @property
    def outputs(self) -> int:
        """Numbers that the policy's network says."""
        return self.environment.policy.outputs

    @abstractmethod
    def physics(self, client: int) -> np.ndarray:
        """Return the truth about client ``client``, ``(P,)``."""

    @abstractmethod
    def group(self, physics: np.ndarray) -> str:
        """Return the group of a client with ``physics (P,)``."""

    @final
    def examples(self, client: int) -> Examples:
        """Return the episodes of one client; ``y`` has the mean costs a step that the score's 0 and 1 stand for."""
        physics, world = self.physics(client), self.environment
        reached = anchors(world, physics, self._stream("anchors", client))
        # a cost of 0 cannot be beaten by anybody
        best = reached.expert if world.optimal else 0.0
        return Examples(
            x=world.rows(physics, len(EVALUATION), self._stream("episodes", client)),
            y=np.tile(np.array([reached.aimless, best], np.float32), (len(EVALUATION), 1)),
            group=self.group(physics),
            oracle_score=np.full(len(EVALUATION), 1.0 if reached.expert == best else np.nan),
            evaluation=EVALUATION,
        )

    @final
    def _stream(self, name: str, client: int) -> np.random.Generator:
        return stream(self._seed, f"environment/{type(self.environment).__name__}/{name}", client)


@final
class Goals(World):
    """2-D navigation to a goal of one's own."""

    environment = Navigation()
    inner_lr = 0.002
    """By larger ones a policy of ReLUs walks away in five steps; ``experiments/navigation-maml.toml`` has tanh."""

    def physics(self, client: int) -> np.ndarray:
        """Return the goal, uniform in the square."""
        return self._stream("physics", client).uniform(-GOALS, GOALS, 2)

    def group(self, physics: np.ndarray) -> str:
        """Return ``near`` or ``far``: whether the goal lies in the inner half of the square."""
        return "near" if np.abs(physics).max() < GOALS * np.sqrt(0.5) else "far"


@final
class Poles(World):
    """CartPole with gravity, pole and controls of one's own."""

    environment = CartPole()

    def physics(self, client: int) -> np.ndarray:
        """Return gravity, mass, half length and force: fourfold to tenfold ranges, controls crossed for every other."""
        rng = self._stream("physics", client)
        ranges = np.array([GRAVITY, MASS, LENGTH, FORCE])
        physics = np.exp(rng.uniform(*np.log(ranges.T)))
        physics[3] *= rng.choice((-1, 1))
        return np.asarray(physics)

    def group(self, physics: np.ndarray) -> str:
        """Return how the controls go, and whether the pole is short or long."""
        controls = "crossed" if physics[3] < 0 else "straight"
        return f"{controls}, {'short' if physics[2] < np.sqrt(np.prod(LENGTH)) else 'long'} pole"


ENVIRONMENT = Family(
    name="environment",
    kind="regression",
    shots=Shots(support=30, query=40, evaluation=100, per_class=False),
    sources={GENERATED: Gaze, "gaze": Gaze, "vr_head_sit": VrHeadSit, "navigation": Goals, "cartpole": Poles},
)
