"""What a family of clients is, and how one is made of a user's own table: by its description, or by a frame."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypedDict, Unpack

from metafed.core.episodes import Shots
from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.core.parameters import TRUNK
from metafed.data.files.forms import FORMS, KNOWN, LEAF, SAVED, Form, form_of, rows_of
from metafed.data.partition import Partition
from metafed.data.source import Source
from metafed.data.table import given
from metafed.data.table.description import Description
from metafed.data.table.loading import changed
from metafed.data.table.published import with_form
from metafed.data.table.roles import inferred_kind
from metafed.data.table.source import Own
from metafed.data.table.stated import APART
from metafed.data.table.tables import opened
from metafed.models import NetworkName
from metafed.tasks.task import Kind

SUFFIX = ".toml"
SHOTS = Shots(support=20, query=40, evaluation=100, per_class=False)
"""Sizes of episodes, where neither the description nor a family says them."""
NAME = re.compile(r"[a-z][a-z0-9_-]*")
TOO_LIKE = 0.85
"""Likeness of a free name to that of a family of ours from which on it is taken for a slip."""


Columns: TypeAlias = str | Sequence[str] | Mapping[str, Any]
"""Columns that the model sees, or what each is, by name."""


class Keys(TypedDict, total=False):
    """Keys of a description, as keywords; ``docs/your-own-data.md`` says what each means."""

    text: str | Sequence[str]
    group: str | Sequence[str] | None
    attribute: str | Sequence[str] | None
    time: str | None
    block: str | None
    evaluation: str | None
    weight: str | None
    kind: Kind | None
    anonymous: bool
    target_evaluation: str | None
    classes: Sequence[str | int | float | bool] | None
    scale: Sequence[Any] | None
    rare: str | int
    missing: str
    image: Sequence[int] | None
    date_format: str | None
    partition: Partition | Mapping[str, Any] | None
    shots: Mapping[str, Any]


class Roles(Keys, total=False):
    """Keys of a description whose columns need not be named."""

    target: str | Sequence[str]
    client: str | None
    features: Columns


def described_by(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords as the keys of a description have them: with dashes, lists, and without what is not given."""

    def plain(value: Any) -> Any:
        if isinstance(value, Partition):
            return value.model_dump()
        if isinstance(value, Mapping):
            return {name: plain(each) for name, each in value.items()}
        return [plain(each) for each in value] if isinstance(value, list | tuple) else value

    made = {name.replace("_", "-"): plain(value) for name, value in keys.items() if value is not None and value != ()}
    if isinstance(made.get("shots"), dict):
        made["shots"] = {name.replace("_", "-"): value for name, value in made["shots"].items()}
    return made


@dataclass(frozen=True)
class Family:
    """One kind of client.

    Attributes:
        name: Its name in ``--tasks``.
        kind: Classification or regression: loss and score follow from it. A source may have a kind of its own.
        shots: The size of its episodes.
        sources: The generator under the name ``"generated"``, and readers under their data sets' names.
        anonymous: Whether classes are slots of the client's own, in no order that clients share. Training
            episodes then deal the slots anew, so that θ cannot remember who has which class in which slot; not
            so under an algorithm by which clients keep parameters of their own, which learn just that.
        network: The family's own kind of network.
        image: Channels, height and width, where rows of x are flattened images.
        filters: Filters of each convolution, unless the experiment says otherwise.
        inner_lr: The rate of the inner loop that suits its clients, where the algorithm's own does not.
    """

    name: str
    kind: Kind
    shots: Shots
    sources: Mapping[str, type[Source]]
    anonymous: bool = False
    network: NetworkName = "mlp"
    image: tuple[int, int, int] | None = None
    filters: int = 64
    inner_lr: float | None = None

    @classmethod
    def from_file(cls, path: str | Path, name: str | None = None) -> "Family":
        """Return the family of a table that a TOML file describes; see ``docs/your-own-data.md``.

        Args:
            path: The TOML file.
            name: The family's name. Default: the file's.

        Raises:
            DataError: The description, or its table, cannot be used.
        """
        return own_family(Path(path).stem if name is None else name, str(path), None, ())

    @classmethod
    def from_frame(
        cls,
        name: str,
        frame: Any = None,
        *,
        target: str | Sequence[str] = (),
        client: str | None = None,
        features: Columns = (),
        **keys: Unpack[Keys],
    ) -> "Family":
        """Return the family of a frame in memory.

        Args:
            name: The family's name: lower-case letters, digits, ``-`` and ``_``.
            frame: Of polars or pandas; or a mapping of names to columns.
            target: The column to predict; several for a regression with several.
            client: The column that names the client. Without one, ``partition`` says how rows are shared out,
                such as ``mf.Dirichlet(clients=20, alpha=0.1)``.
            features: The columns that the model sees, patterns such as ``acc_*`` among them; or what each one is, by
                name: ``"number"``, ``"category"``, ``"text"``, ``"hashed"``, ``[mean, unit]``, or a category's values.
            **keys: As the keys of a description, with ``_`` for ``-``.

        Raises:
            DataError: The name, a key, or a column cannot be used.
        """
        by = f"Family.from_frame({name!r})"
        roles = described_by({"target": target, "client": client, "features": features, **keys})
        listed = ([each] if isinstance(each, str) else each for each in roles.values())
        wanted = {name for each in listed if isinstance(each, Iterable) for name in each if isinstance(name, str)}
        rows, signals = given.polars_of(frame, by, wanted)
        return own_family(name, given.keep(name, by, rows, signals, roles), None, ())

    @classmethod
    def from_arrays(cls, name: str, arrays: Any, **keys: Unpack[Keys]) -> "Family":
        """Return the family of arrays in memory.

        Args:
            name: The family's name.
            arrays: ``{client: (x, y)}``, or ``(x, y, client)`` with the client of each row, or ``(x, y)`` with a
                ``partition``. x ``(n, …)`` is an array, or a mapping of names to arrays; y is ``(n,)``, or
                ``(n, targets)`` for a regression.
            **keys: As for ``from_frame``; a column of x that has no name is called ``x``. A column of x that a key
                names, as ``group`` or ``weight``, is no feature.

        Raises:
            DataError: The arrays do not fit together, or one cannot be used.
        """
        by = f"Family.from_arrays({name!r})"
        frame, signals, roles = given.of_arrays(arrays, by)
        others = {name for role in OTHER_ROLES for name in _names(keys.get(role))}
        roles["features"] = [name for name in roles["features"] if name not in others]
        return own_family(name, given.keep(name, by, frame, signals, described_by({**roles, **keys})), None, ())

    @classmethod
    def from_torch(
        cls, name: str, dataset: Any, *, client: Sequence[Any] | None = None, **keys: Unpack[Keys]
    ) -> "Family":
        """Return the family of a data set with ``len`` and ``[]``, such as those of torch; it is read whole, once.

        Args:
            name: The family's name.
            dataset: Its items are ``(x, y)``: x an array or a tensor, the same shape in all items, y a class or a
                number.
            client: The client of each item. Default: ``partition`` says how items are shared out.
            **keys: As for ``from_frame``; the column of x is called ``x``.

        Raises:
            DataError: An item cannot be read, or differs in shape; the message says which.
        """
        by = f"Family.from_torch({name!r})"
        x, y = given.items(dataset, by)
        frame, signals, roles = given.of_arrays((x, y) if client is None else (x, y, client), by)
        return own_family(name, given.keep(name, by, frame, signals, described_by({**roles, **keys})), None, ())

    @classmethod
    def from_folder(cls, name: str, folder: str | Path, **keys: Unpack[Roles]) -> "Family":
        """Return the family of a folder in a form that data sets are published in; it is read whole.

        IDX files as of Fashion-MNIST, the binary files of CIFAR-10, LEAF's JSON files, and a folder of PNG or JPEG
        files for each class, say by themselves what to predict from what.

        Args:
            name: The family's name.
            folder: The folder.
            **keys: As for ``from_frame``; they go before what the form says.

        Raises:
            DataError: The folder has no such form, or is damaged.
        """
        return _of_folder(name, Path(folder), f"Family.from_folder({name!r})", FORMS, keys)

    @classmethod
    def from_leaf(cls, name: str, folder: str | Path, **keys: Unpack[Roles]) -> "Family":
        """Return the family of the JSON files that LEAF's scripts made (Caldas et al. 2018, arXiv:1812.01097).

        Args:
            name: The family's name.
            folder: It has the files, or folders ``train`` and ``test`` with them.
            **keys: As for ``from_frame``. Default: users are the clients, ``x`` is seen and ``y`` predicted.

        Raises:
            DataError: There are no such files, or one is damaged.
        """
        own = [form for form in FORMS if form.name == LEAF]
        return _of_folder(name, Path(folder), f"Family.from_leaf({name!r})", own, keys)

    @classmethod
    def from_huggingface(cls, name: str, dataset: Any, **keys: Unpack[Roles]) -> "Family":
        """Return the family of a data set of Hugging Face's ``datasets``, the extra ``hf``; nothing is downloaded.

        Args:
            name: The family's name.
            dataset: A ``Dataset``, a ``DatasetDict``, or a folder that ``save_to_disk`` wrote. Of several splits
                the column ``split`` names each row's.
            **keys: As for ``from_frame``; labels are known by their names.

        Raises:
            DataError: It is none, or a column cannot be used.
        """
        by = f"Family.from_huggingface({name!r})"
        if isinstance(dataset, str | Path):
            return _of_folder(name, Path(dataset), by, [form for form in FORMS if form.name == SAVED], keys)
        return own_family(name, given.keep(name, by, rows_of(dataset, by), {}, described_by(keys)), None, ())


OTHER_ROLES = ("text", "group", "attribute", "time", "block", "evaluation", "weight", "target_evaluation")
"""Keys whose columns are no features where these are all columns that are left."""


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _of_folder(name: str, folder: Path, by: str, forms: Sequence[Form], keys: Mapping[str, Any]) -> Family:
    form = form_of(folder)
    if form is None or form not in forms:
        wanted = KNOWN if len(forms) > 1 else f"files of {forms[0].name}"
        why = f"it has files of {form.name}" if form else "no such folder" if not folder.is_dir() else "it has none"
        raise DataError(f"{by}: {folder} is to have {wanted}: {why}")
    content = form.read(folder)
    frame, signals = (content, {}) if not isinstance(content, Mapping) else given.columns(Path(by), content)
    roles = with_form(described_by(keys), form.keys(folder))
    return own_family(name, given.keep(name, by, frame, signals, roles), None, ())


RESERVED = (TRUNK, "all", "seen", "unseen", "validation")
"""What tables call something else."""


class TaskChoice(NamedTuple):
    """One entry of ``--tasks``: a family and where its clients come from."""

    family: Family
    source: str

    @property
    def kind(self) -> Kind:
        """The kind of its tasks: the source's own, else the family's."""
        return self.family.sources[self.source].kind or self.family.kind

    @property
    def anonymous(self) -> bool:
        """Whether its classes are slots of the client's own: as the source says, else the family."""
        own = self.family.sources[self.source].anonymous
        return self.family.anonymous if own is None else own


def own_family(name: str, source: str, like: Family | None, known: tuple[str, ...]) -> Family:
    """Return the family of a user's table.

    Args:
        name: Its name: free, or that of a family that is ours.
        source: Path of the description, a TOML file; or the name of data that were given in Python.
        like: The family of that name, if there is one: what the description leaves open is as there.
        known: Names of our families, which a free name must not be mistaken for.

    Raises:
        DataError: The name cannot be used, or the description or its table cannot.
    """
    if like is None:
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED:
            raise DataError(
                f"{name!r} cannot name a family: lower-case letters, digits, - and _ can, but not"
                f" {', '.join(RESERVED)}; write NAME:{source}"
            )
        if hint := near(name, known, TOO_LIKE):
            raise DataError(f"{name!r} is nearly the name of a family of metafed{hint} Else choose another name")
    path = Path(source)
    held = given.held(source)
    description = held.description if held else _described(path, changed(path))
    usual = (None, SHOTS) if like is None else (like.kind, like.shots)
    return _family(name, source, description, *usual, changed(description.file))


@lru_cache(maxsize=16)
def _described(path: Path, change: tuple[int, ...] | None) -> Description:
    return Description.from_file(path)


@lru_cache(maxsize=16)
def _family(
    name: str, source: str, description: Description, kind: Kind | None, usual: Shots, change: tuple[int, ...] | None
) -> Family:
    stated: Kind | None = "classification" if description.classes else "regression" if description.scale else None
    kind = description.kind or kind or stated or inferred_kind(description, opened(description))
    if kind == "classification" and len(description.targets) > 1:
        raise DataError(f"{description.path}: {kind} has one target, but there are {', '.join(description.targets)}")
    if kind == "classification" and description.scale is not None:
        raise DataError(f"{description.path}: scale is for regression, but kind is {kind}, as of the family {name}")
    if kind == "regression" and description.classes is not None:
        raise DataError(
            f"{description.path}: classes are for classification, but kind is {kind}, as of the family {name}"
        )
    shots = description.shots.over(usual)
    if kind == "regression" and shots.per_class:
        raise DataError(
            f"{description.path}: episodes of regression have no classes, but shots are per class, as of the family"
            f" {name}: write [shots] per-class = false"
        )
    # a class of its own, since what a family offers are classes of sources
    own = {"__module__": __name__, "description": description, "kind": kind, "shots": shots}
    made = type("Own", (Own,), {**own, "anonymous": description.anonymous, "weighted": bool(description.weight)})
    channels, height, width = description.image or (0, 0, 0)
    image = (channels, height, width) if description.image else None
    return Family(name, kind, shots, {source: made}, network="conv4" if image else "mlp", image=image)


def described(choices: Iterable[TaskChoice]) -> list[str]:
    """Return a digest of every key of the description of each family that has one: ``FAMILY KEY DIGEST``."""
    found = []
    for choice in choices:
        description = getattr(choice.family.sources[choice.source], "description", None)
        if isinstance(description, Description):
            values = {**description.model_dump(mode="json", exclude=APART), "kind": choice.kind}
            for key, value in values.items():
                digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
                found.append(f"{choice.family.name} {key} {digest}")
    return found
