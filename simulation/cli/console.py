"""What a person sees while a run goes on: a tree at the start, a line a round, a table at the end."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from metafed.core.digits import digits
from metafed.devices.fleet import Fleet
from metafed.experiment.lookup import algorithm_name, objective_name, sampler_name
from metafed.experiment.settings import Experiment
from metafed.fairness.summary import grew
from metafed.federation.federation import Federation
from simulation.cli.config import Config
from simulation.cli.tables import number

LATE = {"drop": "dropped", "shorten": "shortened"}
LONGEST_NOTE = 120
"""Characters of a note that the start-up tree shows."""


class Screen:
    """Writes to a terminal: live where it is one, plain lines where it is not, nothing when quiet.

    Args:
        config: What is run, and how.
        console: Where to write.
        heading: What to call the run, where it is one of several: of those lines are shown for evaluated rounds only.
        known: The run's settings were shown with another's, so that the heading says enough.
    """

    def __init__(self, config: Config, console: Console, heading: str | None = None, known: bool = False) -> None:
        self._heading, self._known = heading, known
        self._rounds, self._quiet, self._console = config.experiment.rounds, config.quiet, console
        self._live: Live | None = None
        self._called: Callable[[int], str] = lambda client: ""
        self._spent = 0.0
        self._announced: set[str] = set()
        self._growing: set[str] = set()
        self._least: dict[str, float] = {}

    def start(self, config: Config, federation: Federation, remarks: Sequence[str], folder: Path) -> None:
        """Show what will run and where its record goes."""
        self._called = federation.called
        if self._quiet:
            return
        if self._heading is not None:
            self._console.print(Text(self._heading, style="bold"), soft_wrap=True)
        if not self._known:
            self._console.print(self._tree(config, federation, remarks, folder))
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live("", console=self._console, refresh_per_second=8)
            self._live.start()

    def _tree(self, config: Config, federation: Federation, remarks: Sequence[str], folder: Path) -> Tree:
        experiment, roster = config.experiment, federation.roster
        algorithm = experiment.algorithm
        tree = Tree(Text.assemble(("metafed", "bold"), f" · {settled(algorithm_name(algorithm), algorithm)}"))
        tree.add(f"objective {settled(objective_name(experiment.objective), experiment.objective)}")
        sampled = settled(sampler_name(experiment.sampling), experiment.sampling)
        held = f", {experiment.validation_clients} to choose by" if experiment.validation else ""
        counts = (
            f"{roster.seen} seen, {experiment.unseen_clients} unseen{held}; {roster.cohort_size} a round, {sampled}"
        )
        people = tree.add(f"{experiment.clients} clients ({counts})")
        for choice, source in zip(federation.choices, federation.sources, strict=True):
            branch = people.add(f"{choice.family.name}: {choice.source}")
            for file in source.files:
                branch.add(Text(f"read from {file}", style="dim"))
            for note in source.notes:
                branch.add(Text(shorten(note), style="dim"))
            if model := federation.modules.get(choice.family.name):
                network = f"network {experiment.network_of(choice.family)}, computed by {model.how}"
                branch.add(Text(network, style="dim"))
                if (about := model.about)["bytes_in_full"] > about["bytes_sent"]:
                    sent = (
                        f"θ is {about['bytes_sent']:,} bytes each way, and with all trained {about['bytes_in_full']:,}"
                    )
                    branch.add(Text(f"{sent} (what is frozen stays at home)", style="dim"))
        for remark in remarks:
            tree.add(Text(f"guard: {remark}", style="yellow"))
        schedule = experiment.outer_schedule
        tree.add(
            f"{experiment.rounds} round{'s' * (experiment.rounds != 1)}, {experiment.outer.optimizer}"
            f" β={experiment.outer.rate:g}{', ' + schedule if schedule != 'constant' else ''}, seed {experiment.seed}"
        )
        if federation.fleet is not None:
            tree.add(f"devices {experiment.devices.tiers}: {virtual(experiment, federation.fleet)}")
        for family, rate in federation.family_rates.items():
            tree.add(f"inner-lr {rate:g} for {family}, its default; --inner-lr sets one for all")
        evaluation_warning = algorithm.evaluation_warning(experiment.evaluation_steps)
        if evaluation_warning:
            tree.add(Text(evaluation_warning, style="yellow"))
        at = f" at {config.ray_address}" if config.ray_address else ""
        tree.add(f"engine {config.engine}{at}, device {config.device}, {batches(federation)}")
        tree.add(Text(f"record {folder}"))
        return tree

    def round(self, line: Mapping[str, Any]) -> None:
        """Show a finished round."""
        if self._quiet:
            return
        text = self._line(line)
        self._tell_of_growth(line)
        if line["failed"]:
            first = line["failed"][0]
            warning = f"  {len(line['failed'])} failed, {self._who(first['client'])}: {first['reason']}"
            text.append(warning, style="red")
        for halved in line["halved"]:
            if halved["family"] not in self._announced:
                self._announced.add(halved["family"])
                self._console.print(Text(too_large(halved), style="yellow"), soft_wrap=True)
        if self._live is not None:
            if line["failed"] or "evaluation" in line or line["round"] == self._rounds:
                self._console.print(text)
            self._live.update(text)
        elif self._heading is None or line["failed"] or "evaluation" in line:
            self._console.print(text, soft_wrap=True)

    def _who(self, client: int) -> str:
        name = self._called(client)
        return f"client {client}" + (f" ({name})" if name else "")

    def _tell_of_growth(self, line: Mapping[str, Any]) -> None:
        """Say once for each family that its loss of training grew by orders of magnitude."""
        for family, means in line["families"].items():
            if (loss := means["loss"]) is not None and family not in self._growing:
                least = self._least[family] = min(loss, self._least.get(family, loss))
                if grew(least, loss):
                    self._growing.add(family)
                    self.tell(
                        f"{family}: the loss grew from {number(least)} to {number(loss)}; a smaller --inner-lr or"
                        " --outer-lr may help"
                    )

    def tell(self, note: str) -> None:
        """Show a note."""
        if not self._quiet:
            self._console.print(Text(note, style="yellow"), soft_wrap=True)

    def stop(self) -> None:
        """End the live line."""
        if self._live is not None:
            self._live.update("")
            self._live.stop()
            self._live = None

    def end(self, table: Table, files: Mapping[str, Path]) -> None:
        """Show the closing table and where the files are."""
        if self._quiet:
            return
        self._console.print(table)
        for what, path in files.items():
            self._console.print(f"{what:<8} {path}", soft_wrap=True, highlight=False)

    def _line(self, line: Mapping[str, Any]) -> Text:
        finished = line["round"]
        text = Text(f"[{finished:>{len(str(self._rounds))}}/{self._rounds}]", style="bold")
        if finished:
            loss, score, worst = (number(line[k]) for k in ("loss", "score", "worst10"))
            text.append(f" loss {loss}  score {score}  worst 10% {worst}", style="not bold")
        for kind, families in line.get("evaluation", {}).items():
            if families and kind == "unseen":
                shown = ", ".join(
                    f"{name} {two_digits(v['before'])}→{two_digits(v['after'])}" for name, v in families.items()
                )
                text.append(f"  unseen: {shown}", style="not bold cyan")
        if missing := missed(line):
            text.append(f"  {missing}", style="not bold yellow")
        self._spent += line["seconds"] if finished else 0.0
        left = self._spent / finished * (self._rounds - finished) if finished else 0.0
        text.append(f"  {line['seconds']:.2f} s" + (f", {left:.0f} s left" if left else ""), style="not bold dim")
        return text


def virtual(experiment: Experiment, fleet: Fleet) -> str:
    """Say what devices there are, and until when a round waits for them."""
    tiers = ", ".join(f"{tier.share:.0%} {name}" for name, tier in fleet.description.tiers.items())
    by_group = ", by group" if fleet.needs_groups else ""
    if experiment.devices.deadline is None:
        return f"{tiers}{by_group}; no deadline"
    late = LATE[experiment.devices.late]
    return f"{tiers}{by_group}; deadline {experiment.devices.deadline:g} virtual s, the late are {late}"


def missed(line: Mapping[str, Any]) -> str:
    """Count those of a round whom their devices kept from finishing; empty without devices."""
    kinds = ("shortened", "late", "dropped_out", "offline", "excluded")
    text = [f"{len(line[kind])} {kind.replace('_', ' ')}" for kind in kinds if line.get(kind)]
    return ", ".join(text)


def too_large(halved: Mapping[str, Any]) -> str:
    """Say what was done about chunks that did not fit in memory."""
    size = halved["to"]
    return (
        f"{halved['family']}: {halved['from']} clients at a time do not fit in memory, {size} are tried; --chunk {size}"
        " saves the trying"
    )


def batches(federation: Federation) -> str:
    """Say how many clients are trained as one batch, at most."""
    sizes = {family: size.training for family, size in federation.chunk_sizes.items()}
    if len(set(sizes.values())) == 1:
        text = f"chunks of {next(iter(sizes.values()))}"
    else:
        text = "chunks of " + ", ".join(f"{size} ({family})" for family, size in sizes.items())
    return text + (" chosen by size of episode and round" if federation.experiment.chunk == "auto" else "")


def settled(name: str, chosen: BaseModel) -> str:
    """Name an algorithm or an objective with its settings."""
    settings = chosen.model_dump(exclude={"name"}, exclude_none=True)
    return name + (f" ({', '.join(f'{k}={v}' for k, v in settings.items())})" if settings else "")


def shorten(note: str) -> str:
    """Cut a long note; the manifest has it whole."""
    return note if len(note) <= LONGEST_NOTE else note[:LONGEST_NOTE] + " … (all in manifest.json)"


def two_digits(value: float | None) -> str:
    """Format a score for one line."""
    return "–" if value is None else digits(value, 2)
