"""``docs/leaderboard.md``, made from the records of cells: a section a suite, the others stay as they are."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.leaderboard.cells import Cell, read
from benchmarks.leaderboard.suites import SUITES
from metafed.fairness.significance import seeds_needed, smallest_p
from server.files import write_text
from simulation.analysis.differences import comparison
from simulation.cli.tables import number
from simulation.records.methods import Method, gathered
from simulation.records.names import title

HEAD = """# Leaderboard

Every method of a suite has the same tuning budget: so many trials of Optuna, the first of them with its defaults,
within the search space that its algorithm declares (`searched` in `metafed/algorithms/`; and the server's rate from
0.1 to 3 times the algorithm's own), chosen by the mean score of validation clients. The best settings are then run by
fresh seeds, and the test is on unseen clients. Each suite's part is made from the records of its runs by the command
that it states; the same command goes on where it stopped.

- **mean, worst 10 %**: score after adaptation over unseen clients.
- **least gains**: mean gain by adaptation of the tenth of the clients that gains least.
- **harmed**: share of clients whose score falls by more than chance explains ([fairness](fairness.md)); without an
  interval where it is nobody in any seed.
- Intervals of 95 % are over the seeds; where none holds, there is none.
- **MB, gradients**: what is sent up and down, and gradient evaluations of all clients, in all rounds of one run. Both
  are counted, not estimated, so that they have no interval; gradient evaluations in the first round, for its cohort.
  Tuning costs as much for each trial.
- **group**: methods with one number cannot be told apart from the best of the group by mean (exact sign-flip test over
  seeds, p ≤ 0.05 after Holm's correction for all comparisons with it); the best of what is left leads the next group.
"""
MEASURES = ("after", "worst10", "gain_worst10", "harmed")


class Line(NamedTuple):
    """A method in the table."""

    name: str
    method: Method
    about: Mapping[str, Any]
    megabytes: float


def write_page(
    suite: str, folder: Path, names: Sequence[str], without: Mapping[str, str], trials: int, seeds: int, page: Path
) -> None:
    """Write a suite's section.

    Args:
        suite: The suite.
        folder: Of its cells.
        names: The methods that are asked for.
        without: The methods that are not defined for it, and why.
        trials: Trials of each.
        seeds: Seeds of each.
        page: The page.
    """
    lines, diverged = [], []
    for name in names:
        cells = [Cell(folder / name / "seeds" / f"seed-{seed}", []) for seed in range(1, seeds + 1)]
        if not (folder / name / "method.json").is_file():
            continue
        about = read(folder / name / "method.json")
        if about["trials"] != trials or not all((one.folder / "cell.json").is_file() for one in cells):
            continue
        if any(one.failed for one in cells):
            diverged.append(name)
            continue
        method = gathered(name, [one.folder for one in cells], {}, [])
        lines.append(Line(name, method, about, sum(one.bytes for one in cells) / len(cells) / 1e6))
    left = [name for name in names if name not in diverged and all(line.name != name for line in lines)]
    text = section(suite, lines, diverged, left, without, trials, seeds)
    before = page.read_text(encoding="utf-8") if page.is_file() else HEAD
    parts = {part.partition("\n")[0]: part for part in re.split(r"(?m)^## ", before)[1:]}
    parts[SUITES[suite].title] = text
    order = [one.title for one in SUITES.values() if one.title in parts]
    write_text(page, HEAD + "".join(f"\n## {parts[heading].strip()}\n" for heading in order))


def section(
    suite: str,
    lines: Sequence[Line],
    diverged: Sequence[str],
    left: Sequence[str],
    without: Mapping[str, str],
    trials: int,
    seeds: int,
) -> str:
    """Return a suite's section."""
    heading = SUITES[suite].title
    budget = f"Budget: {trials} trials and {seeds} seed{'s' * (seeds != 1)} a method, {SUITES[suite].flags!r}."
    command = f"Made by `python -m benchmarks.leaderboard --suite {suite} --trials {trials} --seeds {seeds}`."
    notes = [budget.replace("'", "`"), command]
    if diverged:
        notes.append(f"Not in the table, since a seed diverged: {', '.join(diverged)}.")
    if left:
        notes.append(f"Not finished: {', '.join(left)}.")
    notes += [f"Not defined here: {name} ({why})." for name, why in without.items()]
    if not lines:
        return "\n\n".join([heading, *notes])
    found, groups = ranked(lines)
    notes += [f"{found['left_out']} clients have no usable score with some method, and are left out of all."] * bool(
        found["left_out"]
    )
    if seeds < (needed := seeds_needed(len(lines) - 1)):
        notes.append(
            f"No two of these {len(lines)} methods can be told apart: the smallest p of {seeds}"
            f" seed{'s' * (seeds != 1)} is {smallest_p(seeds):.2g}, so all are one group. {needed} of them are needed;"
            f" until then read the intervals."
        )
    table = [
        "| method | group | mean | worst 10 % | least gains | harmed | MB | gradients |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    commands = []
    for line, group in groups:
        own = found["methods"][line.name]
        cells = [estimate(own[name]) for name in MEASURES]
        cost = [f"{line.megabytes:.3g}", f"{line.about['gradients']:,.0f}"]
        table.append(f"| {' | '.join([title(line.name), str(group), *cells, *cost])} |")
        commands.append(line.about["command"])
    shown = "\n".join(commands)
    return "\n\n".join(
        [
            heading,
            "\n\n".join(notes),
            "\n".join(table),
            "The last seed of each method; the others differ in `--seed` only, 1 and up:",
            f"```\n{shown}\n```",
        ]
    )


def ranked(lines: Sequence[Line]) -> tuple[dict[str, Any], list[tuple[Line, int]]]:
    """Return the comparison of all methods, and the methods by group and mean, the best first."""
    methods = [line.method for line in lines]
    found = comparison(methods, [], "unseen", None, MEASURES)
    by_mean = sorted(range(len(lines)), key=lambda i: -float(found["methods"][lines[i].name]["after"]["value"]))
    groups: list[tuple[Line, int]] = []
    rest, number = by_mean, 0
    while rest:
        leader, others, number = rest[0], rest[1:], number + 1
        pairs = [(leader, other) for other in others]
        tests = comparison(methods, pairs, "unseen", None, ("after",))["differences"]
        apart = [entry["verdict"] == "holds" for entry in tests]
        together = [leader, *(other for other, far in zip(others, apart, strict=True) if not far)]
        groups += [(lines[index], number) for index in together]
        rest = [other for other, far in zip(others, apart, strict=True) if far]
    return found, groups


def estimate(entry: Mapping[str, Any]) -> str:
    """Write a measure with its interval."""
    if entry["low"] is None:
        return number(entry["value"])
    return f"{number(entry['value'])} [{number(entry['low'])}, {number(entry['high'])}]"
