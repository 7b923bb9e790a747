"""``describe``: who the clients are: how many rows, which labels, which groups; as tables and as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.data.sets.catalogue import Entry
from metafed.data.table.source import Own
from metafed.data.table.statement import statement
from metafed.experiment.fields import LARGEST_SEED
from simulation.cli.errors import BadInput
from simulation.data.files import trouble, whole
from simulation.data.portrait import Portrait, between, distance, entropy, portrait, quantiles, skew
from simulation.data.sets import DATA_DIR
from simulation.data.sources import People, check_clients, people, tasks

CLIENTS = 200
SUFFIXES = (".svg", ".html", ".png", ".pdf")
LISTED_GROUPS = 20
"""Groups in the terminal's table; the page has all."""


@dataclass(frozen=True)
class Describe:
    """Show who the clients are: rows, labels and groups."""

    dataset: tyro.conf.Positional[str]
    """FAMILY[:DATASET] as in --tasks, a data set's name, or a prepared file."""
    data_dir: str = str(DATA_DIR)
    """Data folder; several are separated as in PATH. ./data is searched last."""
    clients: int = CLIENTS
    """Clients that are made where any number can be."""
    seed: int = 0
    """Seed of generated clients, and of how clients of data are numbered."""
    out: Path | None = None
    """Picture to write, whose suffix says how: .svg, .png, .pdf; or .html for a page with the tables."""
    stated: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Of data of your own print the description instead, with all stated that is fitted to the table."""

    def run(self, catalogue: Mapping[str, Entry]) -> None:
        """Do it."""
        check_clients(self.clients)
        if not 0 <= self.seed <= LARGEST_SEED:
            raise BadInput(f"--seed {brief(self.seed)}: 0 to {LARGEST_SEED} are allowed")
        check_suffix(self.out)
        found = tasks(self.dataset, dict(catalogue), self.data_dir)
        if self.stated:
            if self.out is not None:
                raise BadInput(f"--out {self.out} does nothing with --stated; redirect what it prints")
            print(statement_of(found[0][0], self.seed))
            return
        if len(found) > 1:
            # several readers make clients of one file: the first is shown
            print(f"{found[0][0]}; also: {', '.join(task for task, _ in found[1:])}")
        try:
            who = people(*found[0], self.clients, self.seed)
        except DataError as error:
            raise BadInput(str(error)) from None
        console = Console(soft_wrap=True, markup=False)
        described(console, who, self.out)
        if self.out is not None:
            console.print(str(self.out), highlight=False, markup=False)


def described(console: Console, who: People, out: Path | None) -> None:
    """Print who the clients are, and write the picture to ``out``.

    Raises:
        BadInput: A client cannot be read, there is none, or the picture cannot be written.
    """
    try:
        seen = portrait(who.examples(), who.choice.kind, who.source.outputs, who.shots)
        if not len(seen.rows):
            raise BadInput(f"{who.task} has no client to describe")
        facts, table = headline(who, seen), group_rows(seen)
    except DataError as error:
        raise BadInput(str(error)) from None
    show(console, who.task, facts, table)
    if out is not None:
        picture(out, who, seen, facts, table)


def check_suffix(out: Path | None) -> None:
    """Refuse a picture of a kind that is not drawn.

    Raises:
        BadInput: Its suffix says so.
    """
    if out is not None and out.suffix not in SUFFIXES:
        raise BadInput(f"--out {out}: the suffix must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")


def statement_of(task: str, seed: int) -> str:
    """Return the description of somebody's own table with all stated that is fitted to its clients' training rows.

    Raises:
        BadInput: It is no such table, it cannot be used, or it has what no description can state.
    """
    try:
        source = people(task, (), CLIENTS, seed).source
        if not isinstance(source, Own):
            raise BadInput(f"--stated is for data of your own, NAME:FILE.toml, and not for {task}")
        return statement(source)
    except DataError as error:
        raise BadInput(str(error)) from None


def headline(who: People, seen: Portrait) -> list[tuple[str, str]]:
    """Return what is said of all clients together: name and text."""

    def five(values: Any, form: str = ",.0f") -> str:
        low, lower, median, upper, high = quantiles(values)
        return f"{low:{form}} · {lower:{form}} · {median:{form}} · {upper:{form}} · {high:{form}}"

    made = f"{len(who):,}" + (" made of any number" if who.endless else "")
    held_out = f"; the last {len(who.parts[1][1]):,} have held-out classes" if len(who.parts) > 1 else ""
    facts = [
        ("clients", made + held_out),
        ("rows", f"{seen.rows.sum():,}"),
        ("rows a client", f"{five(seen.rows)}   (least · quartile · median · quartile · most)"),
        ("  for training", five(seen.training)),
        ("features", f"{who.source.features}"),
    ]
    if seen.labels is not None:
        slots = who.choice.anonymous
        own = "; slots of the client's own: a number means nothing across clients" if slots else ""
        facts += [
            ("classes", f"{seen.labels.shape[1]}{own}"),
            ("label entropy", f"{five(entropy(seen.labels), '.2f')} bits of {np.log2(seen.labels.shape[1]):.2f}"),
            ("label skew", f"{five(skew(seen.labels), '.2f')}   (distance from all rows' labels; 0 alike, 1 apart)"),
        ]
    elif seen.mean is not None and seen.spread is not None:
        facts += [
            ("targets", f"{seen.mean.shape[1]}"),
            ("mean target", f"{five(distance(seen.rows, seen.mean, seen.spread), '.2f')} std. dev. from everybody's"),
            ("between clients", f"{between(seen.rows, seen.mean, seen.spread):.0%} of the targets' variance"),
        ]
    short = int(np.isnan(seen.training).sum())
    if short:
        facts.append(("too few rows", f"{short} clients: they make no episodes"))
    if np.isfinite(seen.oracle_score).any():
        what = "accuracy" if seen.labels is not None else "squared error"
        facts.append(("best possible", f"{five(seen.oracle_score, '.3f')} {what} on the client's own rows"))
    facts += [("file", str(path)) for path in who.source.files]
    return facts + [("note", note) for note in who.source.notes]


def group_rows(seen: Portrait) -> list[tuple[str, int, str, str]]:
    """Return a row a group, the largest first: name, clients, share of them, rows a client."""
    found = []
    for name in seen.group_names():
        rows = seen.rows[seen.groups == name]
        text = f"{np.median(rows):,.0f}" + (f" ({rows.min():,} … {rows.max():,})" if len(rows) > 1 else "")
        found.append((name, len(rows), f"{len(rows) / len(seen.rows):.0%}", text))
    return found


def show(console: Any, task: str, facts: Sequence[tuple[str, str]], table: Sequence[tuple[str, int, str, str]]) -> None:
    """Print the facts and the table of groups."""
    console.print(Text(task, style="bold"))
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        console.print(Text(f"{name:<{width}}  ", style="dim") + Text(text))
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column("group", overflow="fold")
    shown.add_column("clients", justify="right")
    shown.add_column("share", justify="right")
    shown.add_column("rows: median (least … most)", justify="right", no_wrap=True)
    for name, clients, share, rows in table[:LISTED_GROUPS]:
        shown.add_row(Text(name), f"{clients:,}", share, rows)
    console.print()
    console.print(shown)
    if len(table) > LISTED_GROUPS:
        console.print(f"and {len(table) - LISTED_GROUPS} more groups; --out FILE.html has all", highlight=False)


def picture(
    out: Path,
    who: People,
    seen: Portrait,
    facts: Sequence[tuple[str, str]],
    table: Sequence[tuple[str, int, str, str]],
) -> None:
    """Write the picture, or the page with picture and tables, whole or not at all.

    Raises:
        BadInput: The file cannot be written.
    """
    # here, since they load matplotlib, which a description in the terminal does not need
    from simulation.data.figures import population
    from simulation.report.drawing.files import shown, write
    from simulation.report.pages import render

    figure = population(seen, who.task, who.choice.anonymous)
    try:
        with whole(out) as place:
            if out.suffix == ".html":
                values = {"name": who.task, "facts": facts, "groups": table, "figure": {**shown(figure), "legend": []}}
                place.write_text(render("describe.html.j2", values), encoding="utf-8")
            else:
                write(figure, place)
    except OSError as error:
        raise trouble(f"--out {out}", error) from None
