"""``python -m benchmarks.served experiments/studies/language.toml``: whom does each method of a study serve badly?

Of the same kind of file as ``benchmarks.studies``, whose runs it makes where they are not there yet. Two tables, of
unseen clients. By family and group: the mean score, the worst tenth of the group itself, and how many of the worst
tenth of all clients are of it; beside it what a client sends in a round, and what it would send with nothing frozen. By
method: Spearman's ρ of the scores of clients whose rows an encoder makes and what could make them hard: few rows, or
intents that are near one another in the space of the frozen encoder. Each is computed in each seed, and its mean shown,
of ρ with the least and the most.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.first_order import rank_correlation
from benchmarks.results import check_target, complain, write
from benchmarks.studies import Study, arguments, read_study, run
from benchmarks.tables import show
from metafed.experiment.settings import Experiment
from metafed.fairness.metrics import tail_size, worst10
from metafed.fairness.panel import Panel
from metafed.federation.federation import Federation
from metafed.models.choice import TEXT_ENCODER, parse_network
from simulation.cli.errors import BadInput
from simulation.records.methods import read_method
from simulation.records.runs import read_object

HARD = ("rows", "closest")
"""What may make a client hard: rows that it owns, and the cosine of its two most alike intents."""
FROZEN = {"adapter": "none"}


def groups(people: Panel) -> dict[str, dict[str, float]]:
    """Return the clients, mean score, worst tenth and share of everybody's worst tenth of each family's groups."""
    after = people.scores[:, -1]
    badly = np.zeros(len(after), bool)
    badly[np.argsort(after, kind="stable")[: tail_size(len(after))]] = True
    found = {}
    names = np.char.add(np.char.add(people.family.astype(str), " "), people.group.astype(str))
    for name in np.unique(names):
        own = names == name
        found[str(name)] = {
            "clients": float(own.sum()),
            "after": float(after[own].mean()),
            "worst10": float(worst10(after[own])),
            "of_the_worst": float(badly[own].sum() / badly.sum()),
        }
    return found


def closest(rows: np.ndarray, y: np.ndarray) -> float:
    """Return the largest cosine of two classes' mean rows ``(n, width)``."""
    means = np.stack([rows[y == label].mean(0) for label in np.unique(y)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return float((means @ means.T)[~np.eye(len(means), dtype=bool)].max())


def hardness(experiment: Experiment, family: str, clients: Sequence[int]) -> np.ndarray:
    """Return the closeness of the two most alike classes of each client, in the space of the frozen encoder."""
    frozen = experiment.model_copy(update={"network": f"{family}={TEXT_ENCODER}", "network_settings": FROZEN})
    federation, found = Federation(frozen), []
    for client in clients:
        place = federation.roster.place(client)
        own = federation.sources[place.task].examples(place.number)
        found.append(closest(own.x, own.y))
    return np.array(found)


def measured(study: Study, folder: Path) -> dict[str, Any]:
    """Return what is known of each method: ``groups`` in each seed, ``networks`` of its manifest, and ``rho``."""
    found: dict[str, Any] = {}
    known: dict[tuple[int, str], np.ndarray] = {}
    for name, config in study.methods.items():
        by_group, rho = [], []
        for seed, one in sorted(read_method(folder / name, name).seeds.items()):
            people = one.people.usable
            people = people.where(~people.seen)
            by_group.append(groups(people))
            experiment = config.experiment.model_copy(update={"seed": seed})
            for family in np.unique(people.family.astype(str)):
                if not encodes(study, family):
                    continue
                own = people.where(people.family == family)
                if (seed, family) not in known:
                    known[seed, family] = hardness(experiment, family, own.client.tolist())
                hard, after = known[seed, family], own.scores[:, -1]
                rho.append({"rows": rank_correlation(own.n, after), "closest": rank_correlation(hard, after)})
        first = next((folder / name).glob("seed-*"))
        found[name] = {
            "groups": by_group,
            "rho": rho,
            "networks": read_object(first / "manifest.json").get("networks") or {},
        }
    return found


def encodes(study: Study, family: str) -> bool:
    """Say whether a method of a study has an encoder for a family."""
    networks = (parse_network(config.experiment.network) for config in study.methods.values())
    return any(own.get(family, own.get("")) == TEXT_ENCODER for own in networks)


def sent(networks: Any, family: str) -> str:
    """Return the kilobytes that a family's clients send and would send in full; nothing where no module says so."""
    about = networks.get(family)
    return "" if about is None else f"{about['bytes_sent'] / 1e3:,.0f} of {about['bytes_in_full'] / 1e3:,.0f}"


def mean(seeds: Sequence[dict[str, Any]], *keys: str) -> float:
    """Return the mean over the seeds that have it of a figure under ``keys``."""
    values = []
    for one in seeds:
        value: Any = one
        for key in keys:
            value = None if value is None else value.get(key)
        if value is not None:
            values.append(value)
    return float(np.mean(values))


def over_seeds(values: Sequence[float]) -> str:
    """Write the mean of a figure, and between which it lies in single seeds."""
    return f"{np.mean(values):+.2f} ({min(values):+.2f} to {max(values):+.2f})"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    asked, more = arguments("served", __doc__).parse_known_args(sys.argv[1:] if argv is None else list(argv))
    folder = asked.out or Path("runs") / f"study-{asked.file.stem}"
    try:
        check_target(asked.json)
        study = read_study(asked.file, more)
        diverged = run(study, folder)
        found = measured(study, folder)
    except ValueError as error:
        return complain(error if isinstance(error, BadInput) else BadInput(str(error)))
    rows = []
    for method, each in found.items():
        for name in sorted({name for one in each["groups"] for name in one}):
            figures = [mean(each["groups"], name, key) for key in ("after", "worst10", "of_the_worst")]
            family, _, group = name.partition(" ")
            count = sum(one.get(name, {}).get("clients", 0) for one in each["groups"])
            cells = [f"{figures[0]:.3f}", f"{figures[1]:.3f}", f"{figures[2]:.2f}"]
            rows.append([method, family, group, f"{count:.0f}", *cells, sent(each["networks"], family)])
    columns = ("method", "family", "group", "clients, all seeds", "score", "worst tenth of the group")
    columns += ("share of the worst tenth", "kB sent, of the whole encoder")
    show(asked.file.stem, columns, rows, ("Unseen clients.", *diverged), asked.markdown)
    rhos = {name: each["rho"] for name, each in found.items() if each["rho"]}
    texts = [[name, *(over_seeds([one[what] for one in rho]) for what in HARD)] for name, rho in rhos.items()]
    if texts:
        columns = ("method", "ρ(score, rows owned)", "ρ(score, cosine of the two most alike intents)")
        show(f"{asked.file.stem}: clients with texts", columns, texts, (), asked.markdown)
    if asked.json is not None:
        write(asked.json, "served", {"file": str(asked.file), "more": more}, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
