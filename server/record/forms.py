"""The forms of a record's files: each value that a reader uses has its type, whoever edited the file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator

from metafed.core.errors import DataError
from metafed.core.reading import brief

Table = dict[str, JsonValue]
"""An object of JSON."""


class Form(BaseModel):
    """Values that a file holds by name; others may stand beside them, and any may be absent."""

    model_config = ConfigDict(extra="allow", strict=True)


class LabelRows(Form):
    """How many rows of each label a partition gave whom."""

    labels: list[str] = Field(min_length=1)
    clients: int
    rows: dict[str, list[int]] = Field(min_length=1)

    @field_validator("rows")
    @classmethod
    def _a_number_a_label(cls, rows: dict[str, list[int]], info: ValidationInfo) -> dict[str, list[int]]:
        if "labels" in info.data and any(len(own) != len(info.data["labels"]) for own in rows.values()):
            raise ValueError("a client has not one number for each label")
        return rows


class Data(Form):
    """What a manifest says of a family's data."""

    label_rows: LabelRows | None = None


class Manifest(Form):
    """What readers use of ``manifest.json``; a run that has not ended has no end in it."""

    kind: str | None = None
    run: str | None = None
    argv: list[str] = []
    started_in: str | None = None
    experiment: Table = {}
    seed: int = 0
    versions: Table = {}
    git: Table | None = None
    machine: Table = {}
    start: str | None = None
    end: str | None = None
    exit_reason: str | None = None
    theta_sha256: str | None = None
    engine: Table = {}
    chunks: dict[str, Table] = {}
    data: dict[str, Data] = {}
    guard: list[str] = []
    clients_sha256: str | None = None
    members: list[str] = []
    nodes: int = 0
    resumed: list[Table] = []
    devices: Table | None = None
    privacy: Table | None = None
    stopped_early: Table | None = None


class Failure(Form):
    """A client that gave no update."""

    client: int
    reason: str


class Means(Form):
    """A family's means over the clients that trained in a round."""

    loss: float | None = None
    score: float | None = None


class Line(Form):
    """What readers use of a line of ``rounds.jsonl``."""

    round: int
    failed: list[Failure]
    families: dict[str, Means]
    bytes_up: float
    bytes_down: float
    seconds: float | None = None
    virtual_seconds: float | None = None
    loss: float | None = None
    score: float | None = None
    worst10: float | None = None
    cohort: list[int] = []
    halved: list[Table] = []
    evaluation: dict[str, dict[str, Table]] = {}


class People(Form):
    """What a summary says of some of the clients."""

    clients: int
    curve: list[Table]
    fairness: Table
    adaptation: Table


class Whole(Form):
    """A difference between rows of an attribute's values, of all clients together."""

    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    found: bool


class Mean(Form):
    """The mean of clients' own differences."""

    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    n: int


class Difference(Form):
    """One measure of fairness between rows."""

    all: Whole
    clients: Mean


class Differences(Form):
    """All measures of fairness between rows."""

    demographic_parity: Difference
    equal_opportunity: Difference
    equalized_odds: Difference
    accuracy: Difference


class Attribute(Form):
    """What a summary says of fairness between rows of an attribute's values."""

    family: str
    attribute: str
    part: str
    clients: int
    values: dict[str, int]
    before: Differences
    after: Differences


class Summary(Form):
    """What readers use of ``summary.json``."""

    round: int | None
    inner_steps: int | None
    by_family: dict[str, dict[str, People | None]]
    seen: People | None
    unseen: People | None
    growing: Table = {}
    headline: dict[str, str] = {}
    tested: list[int] = []
    alarms: list[Table] = []
    attributes: list[Attribute] = []
    named: dict[str, list[JsonValue]] = {}
    participation: Table | None = None
    influence: Table | None = None


def check(form: type[Form], found: Mapping[str, Any], where: str | Path) -> None:
    """Refuse what a reader could not use.

    Args:
        form: What is allowed.
        found: What a file has.
        where: The file, for the message.

    Raises:
        DataError: A value has another type, or is not there; the message names it.
    """
    try:
        form.model_validate(dict(found))
    except ValidationError as error:
        refuse(error, where)


def refuse(error: ValidationError, where: str | Path) -> NoReturn:
    """Say what of a file cannot be used, and how the record is whole again.

    Raises:
        DataError: Always.
    """
    problem = error.errors()[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        raise DataError(f"{where}: has no {name}: it is damaged, or was changed by hand") from None
    why = problem["msg"][0].lower() + problem["msg"][1:]
    raise DataError(
        f"{where}: {name} = {brief(problem['input'])}: {why}: it is damaged, or was changed by hand"
    ) from None
