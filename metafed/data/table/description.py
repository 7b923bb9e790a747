"""What a user says of an own data set: a TOML file of a few lines, see ``docs/your-own-data.md``."""

import math
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.core.reading import brief, read_toml
from metafed.data.files.parts import parts
from metafed.data.partition import PARTITIONS, Partition
from metafed.data.table.complaints import complaints, missing
from metafed.data.table.published import of_form
from metafed.data.table.sizes import Sizes
from metafed.tasks.task import Kind

Cell = Literal["number", "category", "text", "image", "embedding", "sequence", "characters"]
CELLS: tuple[Cell, ...] = get_args(Cell)
AS_TEXT = ("category", "text", "characters", "image")
"""Cells that a CSV file has as texts, an image by its path."""


class Feature(NamedTuple):
    """A column, or several by a pattern such as ``acc_*``, and what it is to the model.

    Attributes:
        name: Name or pattern.
        cell: What it is to the model; None: as the column's type says.
        scale: Mean and unit of a number, where the description fixes them.
        values: Values of a category, where the description lists them.
        hashed: Whether a category is hashed, where the description says so.
        width: How many numbers a row has, where the description fixes their scale.
    """

    name: str
    cell: Cell | None = None
    scale: tuple[float, float] | None = None
    values: tuple[str, ...] | None = None
    hashed: bool = False
    width: int = 1


class Description(BaseModel):
    """The keys of the TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    data: str
    target: str | list[str]
    target_evaluation: str | None = Field(None, alias="target-evaluation")
    client: str | None = None
    features: tuple[Feature, ...] = ()
    text: str | list[str] = []
    group: str | list[str] | None = None
    attribute: str | list[str] | None = None
    time: str | None = None
    block: str | None = None
    evaluation: str | None = None
    weight: str | None = None
    kind: Kind | None = None
    anonymous: bool = False
    classes: list[str | int | float | bool] | None = Field(None, min_length=2)
    scale: tuple[tuple[float, float], ...] | None = None
    rare: Literal["refuse", "drop"] | Annotated[int, Field(ge=2)] = "refuse"
    missing: Literal["refuse", "mean"] = "refuse"
    image: list[int] | None = Field(None, min_length=3, max_length=3)
    separator: str | None = Field(None, min_length=1, max_length=1)
    quote: str | None = Field(None, max_length=1, pattern=r"^[!-~]?$")
    nothing: list[str] | None = None
    date_format: str | None = Field(None, alias="date-format", min_length=1)
    partition: SerializeAsAny[Partition] | None = None
    shots: Sizes = Sizes()
    _path: Path = PrivateAttr(Path())
    _given: str = PrivateAttr("")

    def __hash__(self) -> int:
        return hash(self._path)

    @property
    def path(self) -> Path:
        """The TOML file; of data given in Python the call that gave them, for messages."""
        return self._path

    @property
    def given(self) -> bool:
        """Whether the rows are in this process's memory, not in a file."""
        return bool(self._given)

    @property
    def file(self) -> Path:
        """The data file: counted from the folder of the TOML file; of given data what messages call them."""
        return Path(self._given) if self._given else self._path.parent / self.data

    @property
    def files(self) -> tuple[Path, ...]:
        """The data file, or the parts of a folder that Spark wrote, in the order of their names."""
        return parts(self.file)

    @property
    def targets(self) -> list[str]:
        """Names of the target's columns."""
        return [self.target] if isinstance(self.target, str) else self.target

    @property
    def cleans(self) -> list[str]:
        """The column of the targets of evaluation rows, where they have one of their own."""
        return [] if self.target_evaluation is None else [self.target_evaluation]

    @property
    def groups(self) -> list[str]:
        """Columns of the group: a client's group is its values of all of them."""
        return [self.group] if isinstance(self.group, str) else self.group or []

    @property
    def attributes(self) -> list[str]:
        """Columns of attributes of rows, such as a gender: by them fairness is measured, row by row."""
        return [self.attribute] if isinstance(self.attribute, str) else self.attribute or []

    @property
    def splits(self) -> list[str]:
        """Columns that say which rows are evaluation rows: one at most."""
        return [name for name in (self.time, self.block, self.evaluation) if name is not None]

    @property
    def way(self) -> str:
        """Say which rows are evaluation rows."""
        share = self.shots.evaluation_share
        part = "half" if share is None else f"{100 * share:g} %"
        ways = {
            self.time: f"the later {part} by {self.time!r} of each client's rows",
            self.block: f"half of each client's values of {self.block!r}",
            self.evaluation: f"as {self.evaluation!r} says",
        }
        return next((way for name, way in ways.items() if name is not None), f"a random {part} of each client's rows")

    @property
    def named(self) -> list[str]:
        """Columns that have another role than that of a feature."""
        own = [name for name in (self.client, self.weight) if name is not None]
        return [*own, *self.groups, *self.attributes, *self.splits, *self.targets, *self.cleans]

    @property
    def inputs(self) -> tuple[Feature, ...]:
        """``features``, then ``text``."""
        texts = [self.text] if isinstance(self.text, str) else self.text
        features = self.features
        if self.image is not None and len(features) == 1 and features[0].scale is not None:
            # one scale for the whole image
            features = (features[0]._replace(width=math.prod(self.image)),)
        return (*features, *(Feature(name, "text") for name in texts))

    @property
    def as_text(self) -> list[str]:
        """Columns of a CSV file that are read as they are written, whatever other rows hold: 007 is not 7."""
        names = [*([] if self.client is None else [self.client]), *self.groups]
        names += [name for name in self.attributes if all(name != feature.name for feature in self.inputs)]
        names += [self.time] if self.time is not None and self.date_format is not None else []
        names += [feature.name for feature in self.inputs if feature.cell in AS_TEXT]
        stated = self.classes is not None and all(isinstance(label, str) for label in self.classes)
        return names + ([*self.targets, *self.cleans] if stated else [])

    @property
    def as_number(self) -> list[str]:
        """Columns of a CSV file that are read as numbers: those that may be missing, even in every row."""
        return [feature.name for feature in self.inputs if feature.scale is not None and self.missing == "mean"]

    def means(self, column: str) -> bool:
        """Say whether a column may be used: it has a role, or a feature's pattern means it."""
        return column in self.named or any(fnmatchcase(column, feature.name) for feature in self.inputs)

    @classmethod
    def keys(cls) -> list[str]:
        """Return the keys as they stand in a file."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file.

        Raises:
            DataError: It is missing, no TOML, or a key or a value is not allowed.
        """
        if not path.exists():
            raise DataError(missing(path))
        given = of_form(path.parent, read_toml(path))
        try:
            made = cls.model_validate(given)
        except ValidationError as error:
            raise DataError(f"{path}: {complaints(error, cls.keys())}") from None
        made._path = path
        return made

    @classmethod
    def of_given(cls, values: Mapping[str, Any], called: str, by: str) -> Self:
        """Make the description of data given in Python.

        Args:
            values: The keys.
            called: What messages call the data.
            by: The call that gave them.

        Raises:
            DataError: A key or a value is not allowed.
        """
        try:
            made = cls.model_validate(values)
        except ValidationError as error:
            raise DataError(f"{by}: {complaints(error, cls.keys())}") from None
        made._path, made._given = Path(by), called
        return made

    @field_validator("features", mode="before")
    @classmethod
    def _features(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return tuple(Feature(name) for name in value)
        if not isinstance(value, dict):
            raise ValueError(f'a list of columns, or a table as {{"age": "number"}}, not {brief(value)}')
        return tuple(_feature(name, what) for name, what in value.items())

    @model_validator(mode="before")
    @classmethod
    def _partition_is_a_table(cls, values: Any) -> Any:
        # before all else: settings that once stood beside it would be called unknown keys
        if isinstance(values, Mapping) and isinstance(how := values.get("partition"), str):
            known = how if how in PARTITIONS else "dirichlet"
            raise ValueError(
                f"partition = {how!r}: write it as a table, [partition] with kind = {known!r} and clients = …, or in"
                f" Python partition=mf.{PARTITIONS[known].__name__}(clients=…)"
            )
        return values

    @field_validator("partition", mode="before")
    @classmethod
    def _partition(cls, value: Any) -> Any:
        if value is None or isinstance(value, Partition):
            return value
        kinds = ", ".join(PARTITIONS)
        if not isinstance(value, Mapping):
            raise ValueError(f"{brief(value)}: a table with kind (one of {kinds}) and clients")
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in PARTITIONS:
            hint = near(kind, PARTITIONS) if isinstance(kind, str) else ""
            raise ValueError(
                f"kind = {brief(kind)}: one of {kinds}{hint}" if kind else f"kind is missing: one of {kinds}"
            )
        made = PARTITIONS[kind]
        try:
            return made.model_validate(value)
        except ValidationError as error:
            raise ValueError(complaints(error, made.model_fields)) from None

    @field_validator("classes")
    @classmethod
    def _classes(cls, value: list[str | int | float | bool] | None) -> list[str | int | float | bool] | None:
        if again := repeated([str(label) for label in value or ()]):
            raise ValueError(f"the class {again!r} is named twice")
        return value

    @field_validator("scale", mode="before")
    @classmethod
    def _scale(cls, value: Any) -> Any:
        pairs = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
        if not all(_is_scale(pair) for pair in pairs):
            raise ValueError(
                f"{value!r}: [mean, unit] of the target, the unit greater than 0; of several targets a list of those"
            )
        return tuple((float(mean), float(unit)) for mean, unit in pairs)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if "\0" in self.data:
            raise ValueError(f"data = {self.data!r} holds a NUL character")
        if (self.client is None) == (self.partition is None):
            raise ValueError(
                "name the column of the client (client = …), or, where there is none, how rows are shared out to"
                " clients (partition); not both"
            )
        if self.partition is not None and self.block is not None:
            raise ValueError("block needs clients of the data's own: a partition shares out rows one by one")
        if len(self.splits) > 1:
            raise ValueError(
                "time, block and evaluation exclude each other: rows are split in order, block by block, or by a column"
            )
        if self.shots.evaluation_share is not None and (self.block or self.evaluation):
            raise ValueError(
                "[shots] evaluation-share does nothing with block, of which half are for evaluation, or evaluation"
            )
        if self.date_format is not None and self.time is None:
            raise ValueError("date-format does nothing without time = …")
        if not self.inputs:
            raise ValueError("name the columns that the model sees: features = […] or text = …")
        if not self.targets:
            raise ValueError("name the column to predict: target = …")
        if self.classes is not None and (self.kind == "regression" or len(self.targets) > 1):
            raise ValueError("classes are for classification with one target")
        if self.scale is not None and (self.kind == "classification" or self.classes is not None):
            raise ValueError("scale is for regression; classes have none")
        if self.scale is not None and len(self.scale) != len(self.targets):
            raise ValueError(f"scale has {len(self.scale)} pairs of mean and unit for {len(self.targets)} targets")
        if self.rare != "refuse" and (self.kind == "regression" or self.scale is not None or len(self.targets) > 1):
            raise ValueError("rare is for labels; a regression has none")
        if self.kind == "classification" and len(self.targets) > 1:
            raise ValueError("classification has one target")
        names = [feature.name for feature in self.inputs]
        self._check_targets()
        roles = [(role, getattr(self, role)) for role in ("client", "time", "block", "evaluation", "weight")]
        others = [("group", self.groups), ("target", self.targets), ("target-evaluation", self.cleans)]
        for role, name in [*roles, *((role, name) for role, names in others for name in names)]:
            if name is not None and name in names:
                raise ValueError(f"column {name!r} is a feature and the {role}")
        for role in ("client", "block", "evaluation", "weight"):
            if (named := getattr(self, role)) in self.targets:
                raise ValueError(f"column {named!r} is the {role} and the target")
        if self.weight is not None and self.attributes:
            raise ValueError("weight and attribute exclude each other: errors by attribute count rows alike")
        for role, other in (("client", [self.client]), ("target", self.targets), ("split", self.splits)):
            if both := [name for name in self.attributes if name in other]:
                raise ValueError(
                    f"column {both[0]!r} is an attribute and the {role}: an attribute is a column beside it"
                )
        twice = {name for name in names if names.count(name) > 1}
        twice |= {name for own in (self.targets, self.attributes) for name in own if own.count(name) > 1}
        if twice:
            raise ValueError(f"column {min(twice)!r} is named twice")
        return self

    def _check_targets(self) -> None:
        """Refuse what does not go together with classes of a client's own, or with other targets in evaluation."""
        if self.anonymous and (self.kind == "regression" or self.scale is not None or len(self.targets) > 1):
            raise ValueError("anonymous is for classes; a regression has none")
        for key in ("classes", "partition") if self.anonymous else ():
            if getattr(self, key) is not None:
                raise ValueError(
                    f"{key} is for classes that clients share; with anonymous = true they are each one's own"
                )
        if self.anonymous and self.rare != "refuse":
            raise ValueError("rare counts rows by label, and with anonymous = true each client has its own labels")
        if self.target_evaluation in self.targets:
            raise ValueError(f"target-evaluation = {self.target_evaluation!r} is the target: name another column")
        if self.cleans and (self.anonymous or len(self.targets) > 1 or self.time is not None or self.shots.per_class):
            raise ValueError(
                "target-evaluation is for one target whose meaning clients share, and not for time or for episodes per"
                " class"
            )


def _feature(name: str, what: Any) -> Feature:
    for cell in CELLS:
        if what == cell:
            return Feature(name, cell)
    if what == "hashed":
        return Feature(name, "category", hashed=True)
    if isinstance(what, list) and len(what) == 2 and all(type(part) in (int, float) for part in what):
        if not _is_scale(what):
            raise ValueError(f"{name} = {what}: mean and unit, which is greater than 0")
        return Feature(name, "number", (float(what[0]), float(what[1])))
    if isinstance(what, list) and what and all(isinstance(part, str) for part in what):
        if again := repeated(what):
            raise ValueError(f"{name}: the value {again!r} is named twice")
        return Feature(name, "category", values=tuple(what))
    raise ValueError(
        f"{name} = {what!r}: one of {', '.join(CELLS)}, hashed, or [mean, unit] of a number, or the list of a"
        " category's values"
    )


def repeated(names: Sequence[str]) -> str | None:
    """Return the first name that is there twice."""
    return next((name for place, name in enumerate(names) if name in names[:place]), None)


def _is_scale(pair: Any) -> bool:
    """Say whether this is a mean and a unit."""
    if not (isinstance(pair, list) and len(pair) == 2 and all(type(part) in (int, float) for part in pair)):
        return False
    # beyond what a float holds there are whole numbers, too
    return all(abs(part) <= sys.float_info.max for part in pair) and pair[1] > 0


def pattern(name: str) -> bool:
    """Say whether a feature's name may mean several columns."""
    return any(sign in name for sign in "*?[")
