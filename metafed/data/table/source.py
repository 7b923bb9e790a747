"""Clients out of a user's own table, ``--tasks NAME:FILE.toml``; see ``docs/your-own-data.md``."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from metafed.core.episodes import MINIMUM, Examples, Shots, halves, resized
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.files.bounds import readable
from metafed.data.sequence import cut
from metafed.data.source import Origin, Source
from metafed.data.table.alike import notes as alike_names
from metafed.data.table.attributes import attributes_of, check_attributes
from metafed.data.table.attributes import notes as attribute_notes
from metafed.data.table.columns import Column, Number, Text, stated
from metafed.data.table.description import Description, pattern
from metafed.data.table.fitting import Fitted, fitted
from metafed.data.table.labels import about_classes, counted, listed, typed
from metafed.data.table.loading import Loaded, changed, load
from metafed.data.table.noisy import notes as label_notes
from metafed.data.table.numbering import Numbering, numbering
from metafed.data.table.roles import Input
from metafed.data.table.soundness import check_cells, check_image, check_labels, no_class, stated_classes
from metafed.data.table.stated import check_stated
from metafed.data.table.tables import Values
from metafed.models import Inputs
from metafed.tasks.task import Kind

FITTED = 300
"""Seen clients, at most, on whose training rows means, units and values of categories are fitted."""
FITTED_ROWS = 1000
"""The first training rows of each of them, at most."""
REGRESSION_RATE = 0.02
"""Inner rate of a regression: squared errors, unlike cross-entropies, have gradients without a bound."""


class Own(Source):
    """Clients of one description; ``metafed.data.family`` makes the class of each.

    Attributes:
        description: What the user says of the table.
        kind: Classification or regression.
        shots: Sizes of episodes.
    """

    description: ClassVar[Description]
    kind: ClassVar[Kind]
    anonymous = False
    shots: Shots

    def __init__(self, origin: Origin) -> None:
        self.origin, self.share = origin, origin.share
        if origin.share is not None:
            check_stated(self.description, self.kind)

    @property
    def features(self) -> int:
        """Widths of the columns; the data are read for it unless the description states every column."""
        return sum(column.width for column in self.encoders)

    @property
    def outputs(self) -> int:
        """Classes, or numbers to predict; the data are read for it unless the description states classes or scale."""
        if self.kind == "classification":
            return len(stated_classes(self.description) or self._loaded.classes)
        if self.description.scale is not None:
            return len(self.description.scale)
        return sum(self._loaded.table.columns[name].width for name in self.description.targets)

    @property
    def inner_lr(self) -> float | None:
        """For a regression ``REGRESSION_RATE``, and less for many columns, by which the loss is the more curved."""
        if self.kind != "regression":
            return None
        return REGRESSION_RATE if self.description.image else min(REGRESSION_RATE, 1 / self.features)

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """The columns that the model sees."""
        return tuple((column.name, column.width) for column in self.encoders)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns of attributes of rows."""
        return tuple(self.description.attributes)

    @property
    def textual(self) -> bool:  # type: ignore[override]  # of this description, not of all
        """Whether a text is its only feature."""
        return [feature.cell for feature in self.description.inputs] == ["text"]

    def texts(self, client: int) -> list[str]:
        """Return one client's texts; an empty cell is an empty text."""
        (used,) = self.inputs
        return [text or "" for text in self._cells(client, [used.feature.name])[used.feature.name]]

    @property
    def clients(self) -> int:
        """How many clients have rows enough. All rows are looked through for what can be wrong with them.

        Raises:
            DataError: A cell is empty or not finite, a label is no class, or no row of it is trained on.
        """
        table, found, who, classes = self._loaded
        check_cells(self.description, table, found)
        check_attributes(self.description, table)
        check_image(self.description, self.columns, found.inputs[0].kept.shape)
        if classes:
            check_labels(self.description, table, classes)
            if self.share is None and not self.description.anonymous:
                # what no row here is trained on may be trained on elsewhere; labels of a client's own are nobody else's
                self._check_trained()
        return len(who.names)

    @property
    def files(self) -> tuple[Path, ...]:
        """The description and the table; none where the rows were given in Python."""
        return () if self.description.given else (self.description.path, *self.description.files)

    @property
    def notes(self) -> tuple[str, ...]:
        """Who the clients are and who is none, how rows are split, and what becomes of each column."""
        table, _, who, classes = self._loaded
        description, shown = self.description, ", ".join(self.description.targets)
        unit = "the unit that the description states" if description.scale else "units of its standard deviation"
        of_class = ", class by class" if self.shots.per_class and not description.evaluation else ""
        return (
            f"{table.rows:,} rows, {len(who.names):,} clients"
            + (f" by {description.client!r}" if description.client else ""),
            *who.left_out,
            *self._surplus,
            *table.notes,
            *who.notes,
            *alike_names({"clients": who.names, "groups": who.groups, "classes": classes or ()}),
            f"{self.kind} of {shown}, "
            + (about_classes(description, classes) if classes else f"in {unit}, as losses are then"),
            f"evaluation rows: {description.way}{of_class}",
            f"episodes: {resized(self.shots, self.origin.query_rows).about}",
            *label_notes(description, table, self.kind),
            f"features: {'; '.join(column.about for column in self.encoders)}",
            *attribute_notes(description, self.kind),
            *((f"fitted on training rows of {self._fitted.clients:,} seen clients",) if self._fits else ()),
            *(("a missing number is taken for the mean",) if description.missing == "mean" else ()),
        )

    def examples(self, client: int) -> Examples:
        """Return one client's rows in float64; the group is that of the description's column, else ``all``.

        Raises:
            DataError: A cell is not finite, or a label no class.
        """
        table, found, who, _ = self._loaded
        person = self._person(client)
        values = self._cells(client, found.used)
        for used in found.inputs:
            if used.cell == "number":
                self._check_finite(person, used, values)
        own = self._split(client, values)
        target = self.target
        return own._replace(
            x=np.concatenate([column.encode(values[column.name]) for column in self.encoders], axis=1),
            y=own.y if target is None else target.encode(own.y),
            group=str(who.groups[person]),
            name=str(who.names[person]),
            attributes=attributes_of(table, who.rows(person), self.description.attributes),
            weight=None if self.description.weight is None else values[self.description.weight],
        )

    @property
    def sequence(self) -> Inputs | None:
        """That of its one column; None where it has several, or one of no sequences."""
        return self.encoders[0].sequence if len(self.encoders) == 1 else None

    @property
    def sequence_notes(self) -> tuple[str, ...]:
        """How many texts have more words than a sequence has."""
        table, (column,) = self._loaded.table, self.encoders
        return (cut(table.frame, column.name, table.path),) if isinstance(column, Text) else ()

    def sequences(self, client: int) -> np.ndarray:
        """Return the rows of ``examples`` as sequences ``(n, *shape)``."""
        (column,) = self.encoders
        return column.moments(self._cells(client, [column.name])[column.name])

    def training(self, client: int, names: Sequence[str] = (), most: int | None = None) -> tuple[Values, np.ndarray]:
        """Return columns of a client's meta-training rows, and the target there: classes, or numbers not scaled.

        Args:
            client: Its number.
            names: The columns.
            most: Return the first rows only, so many at most.
        """
        description = self.description
        wanted = dict.fromkeys([*names, *description.splits, *description.targets, *description.cleans])
        values = self._cells(client, list(wanted))
        own = self._split(client, values)
        # which rows they are is settled: the stream is not asked
        rows = np.sort(halves(own, self.shots, stream(0, "own/settled"))[0])[:most]
        kept = ((name, values[name]) for name in names)
        return {n: v[rows] if isinstance(v, np.ndarray) else [v[row] for row in rows] for n, v in kept}, own.y[rows]

    def called(self, client: int) -> str:
        """Return the client's name in the table."""
        return str(self._loaded.people.names[self._person(client)])

    @property
    def seen(self) -> Sequence[int]:
        """The clients of this table that take part in meta-training."""
        return self._numbering.numbers[: self._numbering.seen]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The columns that the model sees, as they are in the table."""
        return self._loaded.roles.inputs

    def _cells(self, client: int, names: Sequence[str]) -> Values:
        """Return columns of one client's rows; an error says whose they are."""
        table, found, who, _ = self._loaded
        person = self._person(client)
        try:
            return table.read(who.rows(person), names, found.texts)
        except DataError as error:
            raise DataError(f"{error} (a row of client {who.names[person]!r})") from None

    def _split(self, client: int, values: Values) -> Examples:
        """Return rows without x, their target not scaled, that are split into training and evaluation as they stay."""
        description, person = self.description, self._person(client)
        y = self._targets(person, values, description.targets)
        own = Examples(np.zeros((len(y), 0)), y, "", np.full(len(y), np.nan))
        if description.time is not None:
            return own._replace(time=values[description.time])
        if description.evaluation is not None:
            return self._clean(person, own._replace(evaluation=values[description.evaluation] == 1), values)
        if description.block is not None:
            own = own._replace(block=np.unique([str(v) for v in values[description.block]], return_inverse=True)[1])
        _, evaluation = halves(own, self.shots, stream(self.origin.seed, "own/halves", client))
        return self._clean(person, own._replace(evaluation=np.isin(np.arange(len(y)), evaluation)), values)

    def _clean(self, person: int, own: Examples, values: Values) -> Examples:
        """Return rows of which those for evaluation have the targets that are given for evaluation, if any are."""
        if not self.description.cleans or own.evaluation is None:
            return own
        clean = self._targets(person, values, self.description.cleans)
        # a column of evaluation rows, one number or several a row
        return own._replace(y=np.where(own.evaluation.reshape(-1, *(1,) * (clean.ndim - 1)), clean, own.y))

    def _targets(self, person: int, values: Values, names: Sequence[str]) -> np.ndarray:
        if self.kind == "classification":
            return self._classes(person, values, names[0])
        return self._numbers(person, values, names)

    def _classes(self, person: int, values: Values, name: str) -> np.ndarray:
        labels, place = values[name], self._place
        if self.description.anonymous:
            return np.unique(np.asarray(labels, str), return_inverse=True)[1].astype(np.int64)
        if strange := [label for label in labels if label not in place]:
            owner = str(self._loaded.people.names[person])
            raise no_class(self.description, strange[0], owner, self._loaded.classes, name)
        return np.array([place[label] for label in labels], np.int64)

    def _numbers(self, person: int, values: Values, names: Sequence[str]) -> np.ndarray:
        y = np.concatenate([values[name].reshape(len(values[name]), -1) for name in names], axis=1)
        if not np.isfinite(y).all():
            shown = ", ".join(map(repr, names))
            raise DataError(f"{self._of(person)} has a target, {shown}, that is no finite number: leave the row out")
        return np.asarray(y)

    def _check_finite(self, person: int, used: Input, values: Values) -> None:
        numbers = values[used.feature.name]
        padded = used.kept.content == "sequence"
        bad = np.isinf(numbers) if self.description.missing == "mean" or padded else ~np.isfinite(numbers)
        if bad.any():
            raise DataError(f"{self._of(person)} has a {used.feature.name!r} that is no finite number")

    def _of(self, person: int) -> str:
        return f"{self.description.file}: client {self._loaded.people.names[person]!r}"

    def _check_trained(self) -> None:
        """Look for a training row of every class that the data have.

        Raises:
            DataError: There is none of some class, so that nothing could be learned of it.
        """
        import polars as pl

        table, _, who, classes = self._loaded
        column = pl.col(self.description.targets[0]).cast(pl.String)
        numbers = dict(zip(self._numbering.people.tolist(), self._numbering.numbers, strict=True))
        seen = set(self.seen)
        persons: dict[str, int] = {}
        for number in sorted(set(range(len(classes))) - self._fitted.labels):
            persons = persons or {name: person for person, name in enumerate(who.names)}
            rows = who.index.frame.filter(column == classes[number]).select(pl.col(who.index.client).cast(pl.String))
            with readable(table.path):
                found = rows.collect().to_series()
            owners = [table.called(name) for name in found.drop_nulls().unique().sort()]
            clients = [numbers[persons[name]] for name in owners if name in persons]
            if len(found) and not any(number in self.training(client)[1] for client in clients if client in seen):
                raise DataError(
                    f"{table.path}: no row with the label {classes[number]!r} is trained on: all {len(found):,} are"
                    f" evaluation rows, or of unseen or skipped clients ({listed(owners)}); leave these rows out, by"
                    f" rare = {max(len(found) + 1, MINIMUM)} in {self.description.path}, or give them a label that more"
                    " rows have"
                )

    @cached_property
    def _place(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self._loaded.classes)}

    @cached_property
    def _loaded(self) -> Loaded:
        seed = self.origin.seed if self.origin.anonymise else None
        return load(self.description, self.kind, self.shots, changed(self.description.file), seed)

    @cached_property
    def _numbering(self) -> Numbering:
        return numbering(self.origin, len(self._loaded.people.names))

    def _person(self, client: int) -> int:
        person = self._numbering.person(client)
        if person is None:
            raise DataError(f"{self.description.file}: nobody in it is the family's client number {client}")
        return person

    @property
    def _surplus(self) -> tuple[str, ...]:
        if self.share is None:
            return ()
        asked, there = len(self._numbering.numbers), len(self._loaded.people.names)
        who = "all" if asked == there else f"{asked:,} of {there:,}, as the seed draws them,"
        return (f"the people of node {self.share.node} of {self.share.nodes} only: {who} are its clients",)

    @property
    def _fits(self) -> bool:
        return any(stated(feature) is None or pattern(feature.name) for feature in self.description.inputs)

    @cached_property
    def encoders(self) -> tuple[Column, ...]:
        """What makes features of the columns: stated by the description, or fitted."""
        if self._fits:
            return self._fitted.columns
        return tuple(column for feature in self.description.inputs if (column := stated(feature)) is not None)

    @cached_property
    def target(self) -> Number | None:
        """The scale of a regression's target: stated by the description, or fitted; None for classes."""
        if self.kind != "regression":
            return None
        if self.description.scale is None:
            return self._fitted.target
        means, units = zip(*self.description.scale, strict=True)
        return Number("target", means, units)

    @property
    def labels(self) -> tuple[str | int | float | bool, ...]:
        """The classes as the description would list them: what the table holds, not all as texts."""
        if self.description.classes is not None:
            return tuple(self.description.classes)
        if self.description.anonymous:
            return tuple(range(len(self._loaded.classes)))
        return typed(self._loaded.table.columns[self.description.targets[0]].content, self._loaded.classes)

    @property
    def dealt(self) -> dict[int, np.ndarray]:
        """How many rows of each class ``(classes,)`` a partition gave each client; empty without one."""
        table, _, who, classes = self._loaded
        if self.description.partition is None or not classes:
            return {}
        return counted(table, who.index, self.description.targets[0], classes)

    @cached_property
    def _fitted(self) -> Fitted:
        return fit(type(self), self.origin, changed(self.description.file))


@lru_cache(maxsize=8)
def fit(kind: type[Own], origin: Origin, change: tuple[int, ...] | None) -> Fitted:
    """Fit means, units and values of categories on training rows of seen clients: all, or ``FITTED`` drawn once.

    Raises:
        DataError: There is no seen client, or a row of theirs cannot be used.
    """
    made = kind(origin)
    if not made.seen:
        raise DataError(
            f"{kind.description.file}: no client is seen in training; choose more --clients or a smaller --unseen"
        )
    clients = np.asarray(made.seen)
    if len(clients) > FITTED:
        clients = np.sort(stream(origin.seed, "own/fitted").choice(len(clients), FITTED, replace=False))
    wanted = [used.feature.name for used in made.inputs if stated(used.feature) is None]
    training = [made.training(int(client), wanted, FITTED_ROWS) for client in clients]
    try:
        return fitted(made.inputs, training, kind.kind)
    except DataError as error:
        raise DataError(f"{kind.description.file}: {error}") from None
