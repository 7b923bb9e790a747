"""The keywords of an ``Experiment`` with their types; ``fields`` says what each means, a test holds the two equal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from metafed.aggregators import Aggregator
from metafed.algorithms import Algorithm
from metafed.data.family import Family
from metafed.devices.settings import Devices
from metafed.faults.plan import Fault
from metafed.models import Activation, Norm
from metafed.objectives import Objective
from metafed.privacy.settings import Privacy
from metafed.sampling import Sampler
from metafed.scores import Score
from metafed.secure.settings import Secure
from metafed.training.settings import ClientTraining, FineTuning

Factory: TypeAlias = Callable[..., Any]
"""A class or a function that makes a ``torch.nn.Module``; see ``docs/your-own-network.md``."""


class Keywords(TypedDict, total=False):
    """What an experiment is made of."""

    clients: int
    rounds: int
    cohort: int | None
    tasks: str | Family | Sequence[str | Family]
    families: str | Family | Sequence[str | Family]
    mix: str | None
    algorithm: Algorithm | str
    local: ClientTraining
    eval: FineTuning
    objective: Objective | str
    sampling: Sampler | str
    aggregator: Aggregator | str
    node_clip: float | None
    privacy: Privacy
    secure: Secure
    devices: Devices
    outer_optimizer: Literal["sgd", "momentum", "adam", "adagrad", "yogi"] | None
    outer_lr: float | None
    outer_schedule: Literal["constant", "linear", "cosine"]
    unseen: float
    validation: float
    patience: int | None
    eval_every: int
    eval_steps: int | None
    eval_clients: int
    eval_rows: int | None
    query_rows: int | None
    score: str | Score | Sequence[str | Score]
    headline: str | Score | None
    keep_predictions: bool
    chunk: Literal["auto"] | int
    seed: int
    width: int
    depth: int
    activation: Activation
    network: str | Factory | Mapping[str, str | Factory]
    network_settings: Mapping[str, bool | int | float | str] | None
    norm: Norm
    filters: int | None
    precision: Literal["float32", "float64"]
    kernels: Literal["auto", "torch", "native"]
    inject_bias: str | None
    faults: str | Fault | Sequence[Fault] | None
    anonymise: bool
    data_dir: str
    encoder: str
