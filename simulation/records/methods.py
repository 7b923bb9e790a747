"""Reads runs that belong together: the seeds of one method, and the references that were run beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from metafed.fairness.panel import Panel, last_evaluation
from metafed.scores import others
from simulation.cli.errors import BadInput
from simulation.cli.references import ALONE
from simulation.records.runs import NAMES, NUMBERS, Run, changed_since, kinds, read_object, read_run
from simulation.records.studies import is_study


class NotEvaluated(BadInput):
    """No run of a method has an evaluation that can be compared."""


@dataclass(frozen=True)
class Replicate:
    """One seed of a method.

    Attributes:
        run: Its record.
        round: The last evaluated round; None if there is none.
        people: The clients of that round, the diverged included.
        alone: The same clients by the reference ``local``; None where it was not run.
    """

    run: Run
    round: int | None
    people: Panel
    alone: Panel | None = None


@dataclass(frozen=True)
class Method:
    """What is compared: one set of settings, with a replicate a seed.

    Attributes:
        name: As the user gave it, or what tells it from the others.
        seeds: Replicates by seed, in ascending order.
        references: Methods that were run beside it, by name.
        notes: What a reader must know: what is missing or partial.
        reference: The word of ``--references`` that it was run for; None for a method of its own.
    """

    name: str
    seeds: dict[int, Replicate]
    references: dict[str, "Method"] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reference: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of the first seed, or of the study that it is a seed of."""
        own = self.first.folder
        return own.parent if own.name.startswith("seed-") else own

    @property
    def first(self) -> Run:
        """The record of the first seed: its settings are all seeds' settings."""
        return next(iter(self.seeds.values())).run


def read_method(folder: Path, name: str | None = None) -> Method:
    """Read the folder of one run, of a study (``--seeds``, ``--references``), or of one reference within a study.

    Raises:
        BadInput: It is neither, a file in it is damaged, or no run in it was evaluated.
    """
    name = name or folder.name or str(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder")
    if not is_study(folder):
        # a study's folder of one reference has no manifest of its own
        inside = [] if (folder / "manifest.json").exists() else runs_in(folder)
        return replace(gathered(name, inside or [folder], {}, []), reference=reference_of(folder) if inside else None)
    manifest = read_object(folder / "manifest.json")
    notes = []
    if manifest.get("exit_reason") is None:
        notes.append(f"{name}: the study is still going, or was killed; partial result.")
    elif manifest["exit_reason"] != "done":
        notes.append(f"{name}: the study did not finish ({manifest['exit_reason']}); partial result.")
    beside = {reference: runs_in(folder / reference) for reference in names(manifest, "references")}
    references: dict[str, Method] = {}
    for reference, there in beside.items():
        try:
            references |= {reference: gathered(f"{name}/{reference}", there, {}, [])} if there else {}
        except NotEvaluated as error:
            notes.append(f"{name}/{reference} is left out: {error}.")
    for reference, method in references.items():
        # what clients reach alone is known of every reference, too
        known = {seed: references[ALONE].seeds.get(seed) for seed in method.seeds} if ALONE in references else {}
        seeds = {
            seed: replace(own, alone=other.people if (other := known.get(seed)) else None)
            for seed, own in method.seeds.items()
        }
        references[reference] = replace(method, seeds=seeds, reference=reference)
    own = runs_in(folder)
    if not own:
        raise BadInput(f"{folder}: none of the study's runs has begun")
    return gathered(name, own, references, notes)


def gathered(name: str, folders: Sequence[Path], references: Mapping[str, Method], notes: Sequence[str]) -> Method:
    """Read the runs of one method; a seed that stopped with none but the evaluation before training is left out.

    Raises:
        BadInput: A file is damaged, or two runs have one seed.
        NotEvaluated: None is left.
    """
    sentences = list(notes)
    seeds: dict[int, Replicate] = {}
    for folder in folders:
        run = read_run(folder)
        seed = run.manifest.get("seed")
        if not isinstance(seed, int):
            raise BadInput(f"{folder / 'manifest.json'}: has no seed")
        if seed in seeds:
            raise BadInput(f"{name}: two runs have seed {seed}: {seeds[seed].run.folder} and {folder}")
        sentences.extend(f"{name}: seed {seed}: {gap}" for gap in changed_since(folder, run.manifest))
        number, people = evaluated(run)
        reason, rounds = run.manifest.get("exit_reason"), (run.manifest.get("experiment") or {}).get("rounds")
        if reason != "done":
            how = "is still going, or was killed" if reason is None else f"did not finish ({reason})"
            if number == 0 and rounds != 0:  # what the initial θ reaches is no result of training
                sentences.append(
                    f"{name}: the run with seed {seed} {how}; evaluated before training only, it is left out."
                )
                continue
            at = "" if number is None else f", evaluated after round {number} of {'?' if rounds is None else rounds}"
            sentences.append(f"{name}: the run with seed {seed} {how}; partial result{at}.")
        if number is None:
            sentences.append(f"{name}: seed {seed} was not evaluated and is left out.")
            continue
        other = references[ALONE].seeds.get(seed) if ALONE in references else None
        seeds[seed] = Replicate(run, number, people, other.people if other else None)
    if not seeds:
        raise NotEvaluated(f"{folders[0]}: no round was evaluated after training yet, so there is nothing to compare")
    return Method(name, dict(sorted(seeds.items())), dict(references), sentences)


def evaluated(run: Run) -> tuple[int | None, Panel]:
    """Return the last evaluated round of a run and its clients.

    Raises:
        BadInput: The run has no clients' rows, or they contradict each other.
    """
    if run.clients is None:
        if run.manifest.get("exit_reason") == "done":
            raise BadInput(f"{run.folder}: has no clients.parquet")
        text = dict.fromkeys(sorted(NAMES), pl.String)
        return last_evaluation(pl.DataFrame(schema={**text, **dict.fromkeys(sorted(NUMBERS), pl.Float64)}))
    try:
        return last_evaluation(run.clients)
    except ValueError as error:
        raise BadInput(f"{run.folder}: the clients' rows contradict each other: {error}") from None


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of the seeds' runs within ``folder``."""
    return sorted(path.parent for path in folder.glob("seed-*/manifest.json"))


def names(manifest: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of texts of a manifest; what is none counts as empty."""
    value = manifest.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def reference_of(folder: Path) -> str | None:
    """Return the word of ``--references`` that a folder within a study's was run for."""
    study = folder.resolve().parent
    beside = names(read_object(study / "manifest.json"), "references") if is_study(study) else []
    return folder.resolve().name if folder.resolve().name in beside else None


def kinds_of(method: Method) -> dict[str, Any]:
    """Return the kind of each family of the method's clients."""
    return dict(kinds(method.first.manifest))


def headlines(method: Method) -> dict[str, str]:
    """Return the score that stands in the place of its own, by family of the method's clients; most have none."""
    scales, people = kinds_of(method), next(iter(method.seeds.values())).people
    return others({name: scales[name] for name in people.family.tolist() if name in scales})
