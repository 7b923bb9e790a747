"""The settings of local training, and of fine-tuning in evaluation."""

from abc import ABC
from math import cos, pi
from typing import Literal, NamedTuple, TypeAlias, final

from pydantic import Field

from metafed.core.settings import Settings

MOST_EPOCHS = 10**5
"""Epochs, or steps, of one client in a round, at most."""
MOMENTUM = 0.9
"""The momentum's factor, and Adam's β₁, where none is given."""
DECAY = 0.1
"""What a schedule in steps multiplies the rate by where nothing is given, as in PyTorch."""

Optimizer: TypeAlias = Literal["sgd", "momentum", "nesterov", "adam", "adamw"]
WITH = {"momentum": "optimizer", "decay": "schedule", "decay_every": "schedule"}
"""Settings of a choice: an algorithm that uses the choice uses them."""


class Length(NamedTuple):
    """How long a client trains: ``number`` epochs, or steps."""

    number: int
    epochs: bool


class Training(Settings, ABC):
    """How a client trains on its rows; by default in full-batch steps of plain gradient descent.

    What a field is called here it is called in PyTorch, and does the same.
    """

    epochs: int | None = Field(
        None,
        ge=1,
        le=MOST_EPOCHS,
        description="Passes over the client's rows, in place of a number of steps. The last batch may be short.",
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="Rows of a step. They are dealt anew in every epoch. Default: all rows.",
    )
    optimizer: Optimizer = Field(
        "sgd", description="The optimizer, as in torch.optim; it starts afresh whenever a client starts. Its rate is α."
    )
    momentum: float | None = Field(
        None, ge=0, lt=1, description=f"Factor of momentum and nesterov; β₁ of adam and adamw. Default: {MOMENTUM}."
    )
    weight_decay: float = Field(
        0.0, ge=0, le=10**3, description="Weight decay; adamw's is decoupled from the gradient, the others' is added."
    )
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant",
        description="The rate over a client's epochs, or over its steps where no epochs are given. cosine: from α"
        " towards 0; step: α is multiplied by the decay after every so many.",
    )
    decay: float | None = Field(None, gt=0, lt=1, description=f"Factor of the schedule step. Default: {DECAY}.")
    decay_every: int | None = Field(
        None, ge=1, le=MOST_EPOCHS, description="Epochs, or steps, from one decay to the next, with the schedule step."
    )
    clip: float | None = Field(
        None, gt=0, le=10**9, description="Length that the gradient of a step is cut to, over all that is trained."
    )

    @property
    def changed(self) -> frozenset[str]:
        """The settings that are not as they are by default."""
        return frozenset(
            name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default
        )

    def length(self, steps: int) -> Length:
        """Return how long a client trains that takes ``steps`` steps where nothing else is said."""
        return Length(self.epochs, True) if self.epochs is not None else Length(steps, False)

    def factor(self, done: int, number: int) -> float:
        """Return what the rate is multiplied by after ``done`` of ``number`` epochs or steps."""
        if self.schedule == "cosine":
            return (1 + cos(pi * done / number)) / 2
        if self.schedule == "step":
            assert self.decay_every is not None, "it is checked"
            return float((self.decay or DECAY) ** (done // self.decay_every))
        return 1.0

    def rate_in(self, server_round: int) -> float:
        """Return what the rate is multiplied by in a round, which counts from 1."""
        return 1.0

    def check(self, table: str, length: Length) -> None:
        """Refuse settings that do nothing beside the others.

        Args:
            table: What the settings are called by: ``local`` or ``eval``.
            length: How long a client trains.

        Raises:
            ValueError: One does nothing; the message names it.
        """
        flag, number, unit = f"--{table}.", length.number, "epochs" if length.epochs else "steps"
        if self.momentum is not None and self.optimizer == "sgd":
            raise ValueError(
                f"{flag}momentum {self.momentum:g} does nothing with {flag}optimizer sgd; choose another optimizer,"
                " such as momentum"
            )
        if self.momentum == 0 and self.optimizer in ("momentum", "nesterov"):
            raise ValueError(
                f"{flag}momentum 0 makes sgd of {flag}optimizer {self.optimizer}; choose {flag}optimizer sgd"
            )
        stepwise = [name for name in ("decay", "decay_every") if getattr(self, name) is not None]
        if stepwise and self.schedule != "step":
            name = stepwise[0].replace("_", "-")
            raise ValueError(
                f"{flag}{name} does nothing with {flag}schedule {self.schedule}; choose {flag}schedule step"
            )
        if self.schedule == "step" and self.decay_every is None:
            raise ValueError(f"{flag}schedule step needs {flag}decay-every: {unit} from one decay to the next")
        if self.schedule == "cosine" and number == 1:
            raise ValueError(f"{flag}schedule cosine does nothing in 1 of the {unit}; choose more, or constant")
        if self.decay_every is not None and self.decay_every >= number:
            raise ValueError(
                f"{flag}decay-every {self.decay_every} does nothing in {number} {unit}; choose {number - 1} at most"
                if number > 1
                else f"{flag}schedule step does nothing in 1 of the {unit}; choose more, or constant"
            )


@final
class ClientTraining(Training):
    """How a client trains on its rows in a round. Default: --inner-steps steps on all rows of the round's episode."""

    steps: int | None = Field(
        None, ge=1, le=MOST_EPOCHS, description="Steps of a client in a round. Default: --inner-steps."
    )
    rows: Literal["episode", "all"] = Field(
        "episode",
        description="What a client trains on in a round. episode: as many of its rows for meta-training as an episode"
        " has, drawn anew; all: all of them.",
    )
    round_decay: float = Field(
        1.0, gt=0, le=1, description="Factor of α from one round to the next, as in McMahan et al. 2017 (0.99)."
    )

    def length(self, steps: int) -> Length:
        """Return how long a client trains: ``steps`` steps where nothing else is said."""
        return super().length(self.steps or steps)

    def rate_in(self, server_round: int) -> float:
        """Return what the rate is multiplied by in a round, which counts from 1."""
        return float(self.round_decay ** (server_round - 1))


@final
class FineTuning(Training):
    """How a client is fine-tuned in evaluation. Default: --eval-steps steps on all of its support rows."""
