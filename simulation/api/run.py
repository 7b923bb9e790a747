"""A run's record, as Python has it."""

import html
import shutil
import weakref
from collections.abc import Mapping, Sequence
from contextlib import chdir
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from metafed.core.settings import explain
from metafed.experiment.settings import Experiment
from metafed.fairness.intervals import Estimate, enclosed
from metafed.federation.federation import Federation
from server.checkpoint import Checkpoint, Damaged, read, there
from server.record.tables import PREDICTIONS
from simulation.api.carrying_out import carry_out
from simulation.api.plots import Plots
from simulation.api.summary import Summary
from simulation.cli.errors import BadInput
from simulation.cli.resume import again, check_kinds
from simulation.cli.tables import number
from simulation.records.runs import parquet, read_manifest, read_parquet, read_rounds, read_run
from simulation.report.pages import write_report
from simulation.runs.simulate import Callback
from simulation.runs.track import figures
from simulation.runs.verify import verify

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import torch


HEAD = ("family", "", "clients", "before", "after", "gain", "worst 10 %")
"""Columns of the table that a notebook shows."""


class Run:
    """The record of one run; what is asked for is read from its folder.

    Args:
        folder: Where it lies.
        experiment: What was asked for, where it is known; else it is read.
        owned: A temporary folder around it, which goes when this does.

    Raises:
        BadInput: It is no run's folder, or its manifest is damaged.
    """

    def __init__(self, folder: Path, experiment: Experiment | None = None, owned: Path | None = None) -> None:
        if not (folder / "manifest.json").is_file():
            raise BadInput(f"{folder}: not the folder of a run (it has no manifest.json)")
        check_kinds(folder)
        self.folder = folder.resolve()
        self.manifest: Mapping[str, Any] = read_manifest(self.folder / "manifest.json")
        self._asked, self._owned = experiment, owned
        if owned is not None:
            weakref.finalize(self, shutil.rmtree, owned, ignore_errors=True)

    @cached_property
    def experiment(self) -> Experiment:
        """What was computed.

        Raises:
            BadInput: It names a class or rows of a Python session that is over.
        """
        if self._asked is not None:
            return self._asked
        try:
            return Experiment.model_validate(self.manifest.get("experiment"))
        except ValidationError as error:
            raise BadInput(f"{self.folder / 'manifest.json'}: {explain(error)}") from None

    @property
    def exit_reason(self) -> str | None:
        """``done``, or why it ended; None: it has not ended, or was killed."""
        reason: str | None = self.manifest.get("exit_reason")
        return reason

    @cached_property
    def clients(self) -> "pl.DataFrame":
        """A row a client and inner step, of every round: ``clients.parquet``."""
        return read_parquet(self.folder / "clients.parquet")

    @cached_property
    def predictions(self) -> "pl.DataFrame":
        """A row for each evaluation row, before adaptation and after, of every evaluated round.

        Raises:
            BadInput: They were not kept.
        """
        path = self.folder / PREDICTIONS.file
        if not path.exists():
            raise BadInput(
                f"{path}: not there: the run kept no predictions; start it with keep_predictions=True, which is"
                " --keep-predictions"
            )
        return parquet(path)

    @cached_property
    def participation(self) -> "pl.DataFrame":
        """A row a client: how often it was asked, and what came of it."""
        return parquet(self.folder / "participation.parquet")

    @cached_property
    def rounds(self) -> "pl.DataFrame":
        """A row a round: its numbers by path, such as ``evaluation/unseen/avatar/after``; of lists, how many."""
        import polars as pl

        lines = read_rounds(self.folder / "rounds.jsonl", [])
        rows = [{"round": int(line["round"]), **figures(line)} for line in lines]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pl.DataFrame(
            {name: [row.get(name) for row in rows] for name in names},
            schema={name: pl.Int64 if name == "round" else pl.Float64 for name in names},
            strict=False,
        )

    @cached_property
    def summary(self) -> Summary:
        """How well and how evenly clients are served, with intervals.

        Raises:
            BadInput: No client has a row.
        """
        found = read_run(self.folder).summary
        if found is None:
            raise BadInput(f"{self.folder}: has no summary: no round was finished")
        return Summary.of(found)

    @cached_property
    def federation(self) -> Federation:
        """The clients with their data and networks, as hosts have them."""
        return Federation(self.experiment)

    @cached_property
    def theta(self) -> "dict[str, np.ndarray]":
        """θ after the last checkpoint, by parameter.

        Raises:
            BadInput: There is no checkpoint, or it is damaged.
        """
        return {name: tensor.numpy().copy() for name, tensor in self._theta().items()}

    @property
    def theta_sha256(self) -> str | None:
        """The hash of θ, part by part: equal hashes are equal bits."""
        found: str | None = self.manifest.get("theta_sha256")
        return found

    def _theta(self) -> "dict[str, torch.Tensor]":
        import torch

        vectors = self._kept().theta
        parts = {part: torch.from_numpy(vectors[part].copy()) for part in self.federation.layout.parts}
        return self.federation.layout.unflatten(parts)

    def _kept(self) -> Checkpoint:
        """Return the last checkpoint.

        Raises:
            BadInput: There is none, or it is damaged.
        """
        newest = there(self.folder / "checkpoints")[:1]
        if not newest:
            raise BadInput(f"{self.folder}: there is no checkpoint: no round was finished")
        try:
            return read(self.folder / "checkpoints", newest[0])[0]
        except Damaged as error:
            raise BadInput(f"{error}: the checkpoint is damaged") from None

    def export_adapter(self, client: int, path: str | Path) -> Path:
        """Write a client's adapter, adapted as in evaluation, as ``peft`` saves one; its head is beside it.

        Args:
            client: Its number; its network is ``text-encoder``.
            path: The folder.

        Raises:
            BadInput: There is no such client, adapter or checkpoint, or the folder cannot be written.
        """
        from simulation.api.adapters import export_adapter  # it loads PyTorch, which reading a record need not wait for

        return export_adapter(self.federation, self._kept(), client, Path(path))

    def export_torch(self, path: str | Path, family: str | None = None) -> Path:
        """Write θ by ``torch.save`` as a plain ``state_dict``: names to tensors; of several models a list of these.

        What clients keep to themselves is not in θ.

        Args:
            path: The file.
            family: The family whose network it is of: of a user's module all that ``load_state_dict`` wants, frozen
                parameters and buffers included. Default: all of θ, or the only family's where that is a module.

        Raises:
            BadInput: There is no such family, or no checkpoint, clients keep a part of the module to themselves, or the
                file cannot be written.
        """
        import torch

        federation, theta = self.federation, self._theta()
        families = federation.roster.families
        if family is not None and family not in families:
            raise BadInput(f"family={family!r}: the run has {', '.join(families)}")
        chosen = family or (families[0] if len(families) == 1 else None)
        model = federation.modules.get(chosen or "")
        if model is not None and (kept := [path for name, path in model.paths.items() if name not in theta]):
            raise BadInput(
                f"{chosen}: clients keep {', '.join(kept)} to themselves, so that θ is no whole module;"
                " mf.Federation(experiment).adapt(state, client) gives the network of one client"
            )
        parts = federation.roster.parts(chosen) if chosen else federation.layout.parts
        own = {name: value for name, value in theta.items() if name.partition(".")[0] in parts}
        states = [
            {path: each[name] for name, path in model.paths.items()} if model else each
            for each in models_of(own, federation.initial)
        ]
        whole = [{**model.module.state_dict(), **state} for state in states] if model else states
        copies = [{name: value.detach().clone() for name, value in state.items()} for state in whole]
        try:
            torch.save(copies[0] if len(copies) == 1 else copies, path)
        except (OSError, RuntimeError) as error:
            raise BadInput(f"{path}: cannot be written: {error}") from None
        return Path(path)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report, one HTML file, and return its path; default: ``report.html`` in the folder."""
        return write_report(self.folder, None if path is None else Path(path))

    @property
    def plot(self) -> Plots:
        """The report's figures as matplotlib's: ``run.plot.before_after()``."""
        return Plots(self.folder)

    def resume(self, rounds: int | None = None, *, progress: bool = True, callbacks: Sequence[Callback] = ()) -> "Run":
        """Go on where the last checkpoint is, with the settings that the run had; ``rounds`` may be more.

        Returns the run, which this object shows from now on as well: a folder has one record.

        Raises:
            BadInput: There is nothing left to do, or the record was changed.
            RunFailed: The run ended early again.
        """
        with chdir("."):  # where relative paths count from is left again
            config = again(self.folder)
            experiment = config.experiment if rounds is None else config.experiment.replace(rounds=rounds)
            try:
                carry_out(config.model_copy(update={"experiment": experiment, "quiet": not progress}), callbacks)
            finally:
                self._read_again()
        resumed = Run(self.folder, self._asked)
        resumed._owner = self  # what owns the folder lives as long
        return resumed

    def _read_again(self) -> None:
        """Forget what was read: the record was written on."""
        for name in [name for name, value in vars(Run).items() if isinstance(value, cached_property)]:
            self.__dict__.pop(name, None)
        self.manifest = read_manifest(self.folder / "manifest.json")
        if self._asked is not None:
            self._asked = self._asked.replace(rounds=int(self.manifest["experiment"]["rounds"]))

    def verify(self, engine: str | None = None, workers: int | None = None) -> str | None:
        """Run the experiment again; return where its record first differs, None where every bit agrees.

        Raises:
            BadInput: It cannot be run here.
            RunFailed: It ended early this time.
        """
        with chdir("."):
            return verify(self.folder, engine, workers)

    _owner: "Run | None" = None

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.exit_reason or 'not ended'})"

    def _repr_html_(self) -> str:
        try:
            summary = self.summary
        except BadInput:
            return html.escape(repr(self))
        families = {**summary.by_family, "all": summary.parts}
        rows = [
            f"<tr><td>{html.escape(name)}</td><td>{part}</td><td>{block.clients}</td>"
            + "".join(f"<td>{shown(each)}</td>" for each in (block.before, block.after, block.gain, block.worst10))
            + "</tr>"
            for name, parts in families.items()
            for part, block in (("seen", parts.seen), ("unseen", parts.unseen))
            if block is not None
        ]
        head = "".join(f"<th>{name}</th>" for name in HEAD)
        return f"<table><caption>{html.escape(repr(self))}</caption><tr>{head}</tr>{''.join(rows)}</table>"


def models_of(
    theta: "Mapping[str, torch.Tensor]", one: "Mapping[str, torch.Tensor]"
) -> "list[dict[str, torch.Tensor]]":
    """Return the models that θ holds: several where its parameters ``(M, …)`` have an axis more than one's own.

    Args:
        theta: θ; of several models only what is of a model is returned.
        one: The parameters of one model of each network.
    """
    stacked = {name: value for name, value in theta.items() if name in one and value.ndim == one[name].ndim + 1}
    if not stacked:
        return [dict(theta)]
    return [{name: value[j] for name, value in stacked.items()} for j in range(len(next(iter(stacked.values()))))]


def shown(value: Estimate) -> str:
    """Return an estimate for a table: its value and its interval."""
    ends = "" if value.low is None else " " + enclosed(value.method, number(value.low), number(value.high))
    return number(value.value) + ends
