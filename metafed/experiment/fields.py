"""The settings of an experiment, each sound by itself; what they mean together is said by ``rules``."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import tyro
from pydantic import (
    BaseModel,
    Field,
    FieldSerializationInfo,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from metafed.aggregators import Aggregator
from metafed.aggregators import Mean as Summing
from metafed.algorithms import Algorithm, Maml
from metafed.algorithms.base import MOST_STEPS, Outer
from metafed.core.session import name_of
from metafed.core.settings import Settings
from metafed.data.family import Family
from metafed.devices.settings import Devices
from metafed.experiment.choices import builtin, names, parse_mix, written
from metafed.experiment.lookup import KINDS, headline_of, mechanism_class, parse_scores, written_scores
from metafed.experiment.renames import renewed
from metafed.faults.injected_bias import parse_bias
from metafed.faults.plan import Fault, checked, listed
from metafed.models import Activation, Norm, parse_network
from metafed.models.choice import AUTO, flat_settings, with_settings
from metafed.objectives import Mean, Objective
from metafed.privacy import Mechanism
from metafed.privacy.settings import Privacy
from metafed.sampling import Sampler, Uniform
from metafed.scores import Score, kinds_of
from metafed.secure.settings import Secure
from metafed.tasks.task import Kind
from metafed.training.settings import ClientTraining, FineTuning

LARGEST_COHORT = 50
"""Clients sampled in a round where ``--cohort`` is not set and there are more."""
MOST = 10**7
"""Clients, and rounds, at most."""
WITHOUT_END = 10**9
"""At most, where a large number says "all" or "never"."""
MOST_QUERY = 10_000
"""Query rows at most: memory is taken for all of them."""
SKILL_ROWS = 4
"""Query rows that a client's skill needs, unless ``--eval-rows`` says otherwise."""
LARGEST_SEED = 10**18
"""What Flower's run config and TOML can carry, with room for a study's seeds."""


class Fields(Settings):
    """All settings of an experiment, and what follows from them."""

    more_keywords: ClassVar[tuple[str, ...]] = ("families",)

    clients: int = Field(
        50, ge=1, le=MOST, description="Clients in the population. Default: of data sets all that they have."
    )
    rounds: int = Field(200, ge=0, le=MOST, description="Rounds of meta-training.")
    cohort: int | None = Field(
        None, ge=1, le=MOST, description="Clients sampled in a round. Default: all seen clients, at most 50."
    )
    tasks: str = Field(
        "personalization,assistant,avatar",
        description="Families, each with an optional data set: FAMILY[:DATASET],… A family without one is generated."
        " Your own data: NAME:FILE.toml, see docs/your-own-data.md.",
    )
    mix: str | None = Field(
        None,
        description="Clients of each family in proportion: FAMILY=NUMBER,… with 1 for families that are not named."
        " Default: equally many of each.",
    )
    algorithm: Algorithm = Field(Maml(), description="The algorithm.")
    objective: Objective = Field(Mean(), description="The objective.")
    sampling: Sampler = Field(Uniform(), description="The sampling.")
    aggregator: Aggregator = Field(Summing(), description="The aggregator.")
    node_clip: float | None = Field(
        None,
        ge=0,
        le=10**9,
        description="A node's sum is scaled down to this many times the median length of all nodes' mean updates, so"
        " that no node takes the step for itself; likewise its weight, where clients count alike. 0: no bound. Default:"
        " 10 with several nodes, as in a deployment; else no bound.",
    )
    local: ClientTraining = Field(ClientTraining(), description="How a client trains on its rows in a round.")
    eval: FineTuning = Field(FineTuning(), description="How a client is fine-tuned in evaluation.")
    privacy: Privacy = Field(Privacy(), description="Differential privacy.")
    secure: Secure = Field(Secure(), description="Secure aggregation.")
    devices: Devices = Field(Devices(), description="Devices and the virtual clock.")
    outer_optimizer: Literal["sgd", "momentum", "adam", "adagrad", "yogi"] | None = Field(
        None,
        description="What the server does with the averaged outer update. Default: the algorithm's own.",
    )
    outer_lr: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Outer learning rate β. Default: the algorithm's own."
    )
    outer_schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="β over the run's rounds. linear, cosine: from β in the first towards 0 after the last."
    )
    unseen: float = Field(
        0.2, ge=0, lt=1, description="Share of the clients held out of meta-training entirely (cold start)."
    )
    validation: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the clients held out of meta-training and of the test as well, to choose by: in sweeps,"
        " and by --patience.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=WITHOUT_END,
        description="Stop after so many evaluations in a row without a better mean score of the validation clients.",
    )
    eval_every: int = Field(
        50,
        ge=0,
        le=WITHOUT_END,
        description="Evaluate after every so many rounds, and after the last; 0: after the last only.",
    )
    eval_steps: int | None = Field(
        None, ge=0, le=MOST_STEPS, description="Inner steps in evaluation. Default: as in meta-training."
    )
    eval_clients: int = Field(
        1000, ge=1, le=WITHOUT_END, description="Evaluate at most so many seen and so many unseen clients, drawn once."
    )
    eval_rows: int | None = Field(
        None,
        ge=1,
        le=WITHOUT_END,
        description="Query rows that a client's score needs; with fewer it is undefined, and in no mean. Default: 4 in"
        " a regression, where skill of fewer has no mean; 1 otherwise.",
    )
    query_rows: int | None = Field(
        None,
        ge=1,
        le=MOST_QUERY,
        description="Query rows of a training episode at most, or of each class in it. Default: the data's own.",
    )
    score: str = Field(
        "",
        description="Scores of evaluated clients, each a column of clients.parquet after every inner step: accuracy,"
        " balanced-accuracy, macro-f1, auc, log-loss, ece, skill, mae, rmse, or MODULE:FUNCTION of targets and outputs;"
        " several with commas.",
    )
    headline: str | None = Field(
        None, description="The one of --score that counts in means, alarms and choices. Default: the family's own."
    )
    keep_predictions: bool = Field(
        False,
        description="Keep in predictions.parquet what is predicted for each evaluation row, before and after"
        " adaptation, with its target; in simulations only, since rows leave no node (docs/fairness.md).",
    )
    chunk: Literal["auto"] | int = Field(
        "auto",
        description="Clients of one family that are trained as one batch, at most; part of the result's last bits."
        " auto: as many as suit the networks, whatever the machine.",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of every random stream.")
    width: int = Field(64, ge=1, le=2**16, description="Units in each hidden layer.")
    depth: int = Field(1, ge=0, le=1000, description="Hidden layers in the trunk that all families share.")
    activation: Activation = Field("relu", description="Nonlinearity.")
    network: str = Field(
        AUTO,
        description="Network of all families: mlp, conv4, small-conv, gru or transformer (for sequences),"
        " text-encoder (for texts), or MODULE:FACTORY, which makes a torch.nn.Module (docs/your-own-network.md); or"
        " FAMILY=NETWORK,… auto: each family's own.",
    )
    network_settings: Annotated[dict[str, bool | int | float | str] | None, tyro.conf.Suppress] = Field(
        None,
        description="Arguments of the factory: --network.KEY VALUE, or --network.FAMILY.KEY VALUE of one family.",
    )
    norm: Norm = Field(
        "batch",
        description="Norm of convolutional networks. batch: by the statistics of the rows that are predicted"
        " together, which is transductive; group: each row by itself.",
    )
    filters: int | None = Field(
        None,
        ge=1,
        le=2**12,
        description="Filters of each convolution. Default: the family's own, 64; miniimagenet has 32.",
    )
    precision: Literal["float32", "float64"] = Field("float32", description="Floating-point precision.")
    kernels: Literal["auto", "torch", "native"] = Field(
        "auto",
        description="What computes on a CPU. native: our C++ kernels, compiled here when first used; torch: PyTorch's"
        " own; auto: native where there is a C++ compiler. They agree up to rounding.",
    )
    inject_bias: str | None = Field(
        None,
        description="For studies: groups drawn at random, with unfairness that is known:"
        " NAME:SHARE[:rows=PART][:labels=PART],… with :of=rows an attribute of rows in place of groups of clients."
        " Default: the families' own groups.",
    )
    faults: str | None = Field(
        None,
        description="For studies: TOML file of clients that crash, hang, send what cannot be used, or lie"
        " (docs/faults.md); or what such a file says as JSON.",
    )
    anonymise: bool = Field(
        False,
        description="Hash the names of clients of your own tables wherever a run writes them, to share its record.",
    )
    data_dir: str = Field(
        "data",
        description="Folder of the data sets (several: separated as in PATH); ./data is searched last.",
    )
    encoder: str = Field(
        "",
        description="Folder of the encoder of --network text-encoder. Default: the folder encoder of a data folder, or"
        " the wheel of metafed[language].",
    )

    @field_validator("chunk", mode="before")
    @classmethod
    def _chunk_is_a_size(cls, value: Any) -> Any:
        if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= WITHOUT_END):
            raise ValueError("choose auto, or a number of clients from 1")
        return value

    @field_validator("algorithm", "objective", "sampling", "aggregator", mode="before")
    @classmethod
    def _chosen_by_name(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            value = {"name": value}
        return KINDS[str(info.field_name)].make(value) if isinstance(value, Mapping) else value

    @field_serializer("algorithm", "objective", "sampling", "aggregator")
    def _chosen_with_name(self, value: BaseModel, info: FieldSerializationInfo) -> dict[str, Any]:
        # who reads it again is to know what was chosen, and what is left to the families
        dropped = {"name", *(value.left_open if isinstance(value, Algorithm) else ())}
        return {"name": KINDS[info.field_name].name(value), **value.model_dump(exclude=dropped, exclude_none=True)}

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, values: Any) -> Any:
        return renewed(values) if isinstance(values, Mapping) else values

    @model_validator(mode="before")
    @classmethod
    def _families_are_tasks(cls, values: Any) -> Any:
        """Take ``families``, or ``tasks``: entries of ``--tasks``, and families that were made in Python."""
        given = [name for name in ("families", "tasks") if name in values] if isinstance(values, Mapping) else []
        if not given:
            return values
        if len(given) == 2:
            raise ValueError("families and tasks are one setting: leave one of them out")
        own = {name: value for name, value in values.items() if name not in given}
        return {**own, "tasks": written(values[given[0]], given[0])}

    @field_validator("network", mode="before")
    @classmethod
    def _network_has_a_name(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return ",".join(f"{family}={cls._network_has_a_name(own)}" for family, own in value.items())
        return name_of(value) if callable(value) else value

    @field_validator("score", "headline", mode="before")
    @classmethod
    def _scores_have_names(cls, value: Any) -> Any:
        return written_scores(value)

    @field_validator("score")
    @classmethod
    def _scores_exist(cls, value: str) -> str:
        return ",".join(parse_scores(value))

    @field_validator("faults", mode="before")
    @classmethod
    def _faults_are_written(cls, value: Any) -> Any:
        faults = [value] if isinstance(value, Fault) else value
        return listed(faults) if isinstance(faults, Sequence) and not isinstance(faults, str) else value

    @model_validator(mode="before")
    @classmethod
    def _network_with_its_settings(cls, values: Any) -> Any:
        return with_settings(values) if isinstance(values, Mapping) else values

    @field_validator("tasks")
    @classmethod
    def _tasks_exist(cls, value: str) -> str:
        builtin(value)
        chosen = names(value)
        twice = {name for name in chosen if chosen.count(name) > 1}
        if twice:
            raise ValueError(f"family {min(twice)!r} is named twice; name each family once")
        return value

    @field_validator("network")
    @classmethod
    def _network_exists(cls, value: str) -> str:
        parse_network(value)
        return value

    @field_validator("network_settings", mode="before")
    @classmethod
    def _network_settings_are_flat(cls, value: Any) -> Any:
        return flat_settings(value)

    @field_validator("inject_bias")
    @classmethod
    def _bias_is_sound(cls, value: str | None) -> str | None:
        if value is not None:
            parse_bias(value)
        return value

    @field_validator("faults")
    @classmethod
    def _faults_are_sound(cls, value: str | None) -> str | None:
        return None if value is None else checked(value)

    def least_rows(self, kind: Kind) -> int:
        """Return how many query rows a client's score needs at least.

        Skill divides by the error of a constant that has the mean of the same m rows: by a multiple of χ² with m − 1
        degrees of freedom where targets are normal, and 1/χ² has a mean from 3 degrees on.
        """
        return self.eval_rows or (SKILL_ROWS if kind == "regression" else 1)

    @property
    def score_names(self) -> tuple[str, ...]:
        """The scores beside a family's own, in the order of their columns."""
        return tuple(filter(None, self.score.split(",")))

    def scores_of(self, kind: Kind) -> dict[str, Score]:
        """Return the scores beside their own that clients with tasks of a kind have, by name."""
        return {name: score for name, score in parse_scores(self.score).items() if kind in kinds_of(name)}

    def headline_of(self, kind: Kind) -> Score | None:
        """Return the score that stands for tasks of a kind, higher being better; None for their own."""
        return headline_of(self.headline, kind)

    def network_of(self, family: Family) -> str:
        """Return the network that a family's clients have: the name of one of ours, or ``MODULE:FACTORY``."""
        chosen = parse_network(self.network)
        name = chosen.get(family.name, chosen.get("", AUTO))
        return family.network if name == AUTO else name

    @property
    def unseen_clients(self) -> int:
        """How many clients are held out; one client at least is left to train on."""
        return min(round(self.clients * self.unseen), self.clients - 1)

    @property
    def validation_clients(self) -> int:
        """How many clients are held out to choose by; one client at least is left to train on."""
        return min(round(self.clients * self.validation), self.clients - self.unseen_clients - 1)

    @property
    def seen_clients(self) -> int:
        """How many clients can be sampled for meta-training."""
        return self.clients - self.unseen_clients - self.validation_clients

    @property
    def cohort_size(self) -> int:
        """Clients sampled in a round, or expected, where the sampler leaves their number to chance."""
        return self.cohort or min(self.seen_clients, LARGEST_COHORT)

    @property
    def cohort_most(self) -> int:
        """Clients sampled in a round at most."""
        return self.seen_clients if self.sampling.scheme == "poisson" else self.cohort_size

    @property
    def private(self) -> bool:
        """Whether training is differentially private."""
        return self.privacy.on

    @property
    def mechanism(self) -> Mechanism:
        """Who adds which noise, where training is differentially private."""
        return mechanism_class(self.privacy.model)()

    @property
    def evaluation_steps(self) -> int:
        """Inner steps taken in evaluation, or epochs where it has these."""
        if self.eval.epochs is not None:
            return self.eval.epochs
        return self.algorithm.evaluation_steps if self.eval_steps is None else self.eval_steps

    @property
    def outer(self) -> Outer:
        """The outer optimizer and its rate: as asked for, else the algorithm's own.

        A rate means something for one optimizer only: with another optimizer than the algorithm's own
        the rate must be given, too.
        """
        own = self.algorithm.outer
        return Outer(self.outer_optimizer or own.optimizer, self.outer_lr or own.rate)

    @property
    def proportions(self) -> tuple[int, ...]:
        """``mix``, parsed: how many clients of each of the families there are in every block of the roster."""
        return parse_mix(self.mix, names(self.tasks))
