"""``python -m simulation.export RUN … --out DIR``: tidy CSV files and LaTeX tables."""

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from pydantic import ValidationError

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from metafed.experiment.settings import Experiment
from metafed.fairness.influence import NoLedger, ledger
from metafed.fairness.panel import WHOLE
from metafed.scores import named_scores
from server.files import draft, write_text
from simulation.analysis.best import best
from simulation.analysis.choices import checked_metrics, families
from simulation.analysis.comparable import check_comparable
from simulation.analysis.differences import PARTS, comparison
from simulation.analysis.measures import MEASURES
from simulation.cli.asking import ask
from simulation.cli.door import door
from simulation.cli.errors import BadInput
from simulation.cli.exits import DONE
from simulation.records.folders import read_methods
from simulation.records.methods import Method, Replicate, headlines
from simulation.report.latex import differences_latex, values_latex


@dataclass(frozen=True)
class Arguments:
    """Write runs, or studies of several seeds, as tidy CSV files and LaTeX tables (booktabs).

    clients.csv: a row a client. rounds.csv: learning curves. metrics.csv: a row a seed and measure. estimates.csv: over
    seeds, with intervals. differences.csv, differences.tex: from the first, where the runs can be compared. table.tex.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs or studies; runs of the same settings but another seed are one method."""
    out: Path
    """Folder to write to; made if need be. Files of these names are replaced."""
    part: Literal["unseen", "seen", "all"] = "unseen"
    """Which clients the LaTeX tables are of."""
    metrics: str = "after,worst10,std,gain,harmed,worse_off"
    """Which measures the LaTeX tables show: NAME,… as in simulation.compare."""
    columns: str | None = None
    """Which of these the LaTeX tables print, for one column of a page: the first N, or NAME,…. Differences are still
    corrected for all of --metrics. Default: all, for a whole page."""
    label: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What a method is called; once for each, in the order of the folders. Default: its settings that differ."""
    ledger: bool = False
    """Write influence.csv too: each client's share of each round's outer update."""


def export(asked: Arguments) -> list[Path]:
    """Write the files and return their paths.

    Raises:
        BadInput: A folder is no run's, a file is damaged, or the folder cannot be written to.
    """
    measures = checked_metrics(asked.metrics)
    printed, narrow = [MEASURES[name] for name in columns(asked.columns, measures)], asked.columns is not None
    named = read_methods(asked.runs, asked.label)
    # a study's references are methods of their own in every file, each once
    found: dict[Path, Method] = {}
    for each in [*named, *(reference for one in named for reference in one.references.values())]:
        found.setdefault(each.folder.resolve(), each)
    methods = list(found.values())
    comparable = True
    try:
        for note in check_comparable(methods):
            print(note, file=sys.stderr)
    except BadInput as error:
        comparable = False
        print(f"no differences: {error}", file=sys.stderr)
    estimates: list[list[Any]] = []
    points: list[list[Any]] = []
    shown: dict[str | None, dict[str, Any]] = {}
    for part in PARTS:
        for family in (None, *families(methods)):
            cells = estimated(methods, part, family, comparable)
            if part == asked.part:
                shown[family] = cells
            for name, measured in cells.items():
                for measure, cell in measured.items():
                    if cell["value"] is None:
                        continue
                    where = [name, part, family or "all", measure]
                    ends = [cell["value"], cell["low"], cell["high"], len(cell["points"]), cell["method"]]
                    estimates.append([*where, *ends])
                    points += [[*where, seed, value] for seed, value in cell["points"].items()]
    bold = {
        family: best(methods, asked.part, family, measures, cells) if comparable else {}
        for family, cells in shown.items()
    }
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        place = ["method", "part", "family", "measure"]
        notes = named_scores(headlines(methods[0]))
        written = [
            table(asked.out / "clients.csv", CLIENT, (row for method in methods for row in client_rows(method))),
            table(asked.out / "rounds.csv", ROUND, (row for method in methods for row in round_rows(method))),
            table(asked.out / "metrics.csv", [*place, "seed", "value"], points),
            table(asked.out / "estimates.csv", [*place, "value", "low", "high", "seeds", "interval"], estimates),
            text(asked.out / "table.tex", values_latex(shown, printed, asked.part, bold, narrow, notes)),
        ]
        if comparable:
            pairs = [(index, 0) for index in range(1, len(methods))]
            try:
                differences = comparison(methods, pairs, asked.part, None, measures)
            except ValueError as error:
                raise BadInput(f"these runs cannot be compared: {error}") from None
            rows = [[entry.get(name) for name in DIFFERENCE] for entry in differences["differences"]]
            written.append(table(asked.out / "differences.csv", DIFFERENCE, rows))
            written.append(
                text(asked.out / "differences.tex", differences_latex(differences, asked.part, printed, narrow))
            )
        if asked.ledger:
            shares = (row for method in methods for row in ledger_rows(method))
            written.append(table(asked.out / "influence.csv", ["method", "seed", "round", "client", "share"], shares))
    except OSError as error:
        raise BadInput(f"--out {asked.out}: {error.strerror}") from None
    return written


def columns(asked: str | None, measures: Sequence[str]) -> Sequence[str]:
    """Return the measures that the LaTeX tables print.

    Raises:
        BadInput: ``--columns`` is no number from 1 to that of the measures, or names another measure.
    """
    if asked is None:
        return measures
    names = [name.strip() for name in asked.split(",") if name.strip()]
    if len(names) == 1 and names[0] in map(str, range(1, len(measures) + 1)):
        return measures[: int(names[0])]
    if names and all(name in measures for name in names):
        return list(dict.fromkeys(names))
    raise BadInput(f"--columns {asked}: give a number from 1 to {len(measures)}, or some of {','.join(measures)}")


def estimated(methods: Sequence[Method], part: str, family: str | None, comparable: bool) -> dict[str, dict[str, Any]]:
    """Return the measures of each method: of the clients that all served, as ``simulation.compare`` has them.

    Methods that cannot be compared are each by themselves.
    """
    if comparable:
        try:
            return dict(comparison(methods, [], part, family)["methods"])
        except ValueError as error:
            raise BadInput(f"these runs cannot be compared: {error}") from None
    found: dict[str, dict[str, Any]] = {}
    for method in methods:
        found |= comparison([method], [], part, family)["methods"]
    return found


CLIENT = [
    *("method", "seed", "round", "client", "family", "group", "device", "seen", "n", "query", "oracle_score"),
    *("before", "after", "gain", "loss", "alone", "state"),
]
ROUND = ["method", "seed", "round", "part", "family", "before", "after"]
DIFFERENCE = ["one", "minus", "measure", "value", "low", "high", "n", "method", "p", "p_holm", "verdict"]


def client_rows(method: Method) -> Iterable[list[Any]]:
    """Yield a row a client of the last evaluated round; what is in no mean says why and has no scores."""
    for seed, replicate in method.seeds.items():
        people, alone = replicate.people, scores_alone(replicate)
        states = people.state
        for i in range(len(people)):
            state = str(states[i])
            client = int(people.client[i])
            before, after = float(people.scores[i, 0]), float(people.scores[i, -1])
            numbers = [None] * 4 if state != WHOLE else [before, after, after - before, float(people.loss[i])]
            oracle_score = float(people.oracle_score[i]) if people.oracle_score[i] == people.oracle_score[i] else None
            about = [people.family[i], people.group[i], people.device[i], bool(people.seen[i])]
            sizes = [int(people.n[i]), int(people.query[i]), oracle_score]
            place = [method.name, seed, replicate.round, client]
            yield [*place, *about, *sizes, *numbers, alone.get(client), state]


def scores_alone(replicate: Replicate) -> dict[int, float]:
    """Return what each client reaches alone, where that is known."""
    if replicate.alone is None:
        return {}
    usable = replicate.alone.usable
    return dict(zip(usable.client.tolist(), usable.scores[:, -1].tolist(), strict=True))


def round_rows(method: Method) -> Iterable[list[Any]]:
    """Yield a row an evaluated round, part and family."""
    for seed, replicate in method.seeds.items():
        for line in replicate.run.rounds:
            for part, by_family in line.get("evaluation", {}).items():
                for family, score in by_family.items():
                    yield [method.name, seed, line["round"], part, family, score["before"], score["after"]]


def ledger_rows(method: Method) -> Iterable[list[Any]]:
    """Yield a row a client and round of meta-training.

    Raises:
        BadInput: The ledger cannot be derived.
    """
    for seed, replicate in method.seeds.items():
        if replicate.run.clients is None:
            continue
        try:
            experiment = Experiment.model_validate(replicate.run.manifest["experiment"])
            for entry in ledger(replicate.run.clients, experiment):
                for client, share in zip(entry.client.tolist(), entry.share.tolist(), strict=True):
                    yield [method.name, seed, entry.round, client, share]
        except NoLedger:
            continue  # who sends nothing has no row
        except (ValidationError, KeyError) as error:
            raise BadInput(f"{replicate.run.folder}: its settings are of another version: {error}") from None


def table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file; a missing value is an empty cell."""
    with draft(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def text(path: Path, content: str) -> Path:
    """Write a text file."""
    write_text(path, content)
    return path


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    for path in export(ask(lambda prog: tyro.cli(Arguments, args=words, prog=prog), "export", words)):
        print(path)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
