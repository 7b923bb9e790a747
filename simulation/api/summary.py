"""``run.summary``: the content of ``summary.json``, with types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from metafed.fairness.intervals import Estimate
from metafed.fairness.worst import OfWorst


def estimate(value: Mapping[str, Any]) -> Estimate:
    """Return an estimate from its JSON."""
    return Estimate(
        value["value"], value.get("low"), value.get("high"), int(value.get("n", 0)), value.get("method", "")
    )


@dataclass(frozen=True)
class Block:
    """What is known of some clients, each counted once; ``docs/fairness.md`` defines every number.

    Attributes:
        clients: How many there are, those included that are in no mean.
        before: Mean score before adaptation.
        after: Mean score after it.
        gain: Mean of the differences.
        worst10: Mean score of the tenth that is served worst.
        best10: Of the tenth that is served best.
        cvar10: Conditional value at risk of the worst tenth.
        std: Standard deviation of scores.
        cov: Coefficient of variation.
        gini: Gini coefficient.
        entropy: Entropy of the shares of all scores.
        harmed: Share of clients that adaptation harmed.
        harm_depth: Mean loss of score of those.
        of_worst: Gain of those who begin worst, of those who end worst, and who leaves the worst tenth; None in the
            record of an older version.
        curve: Mean score after each inner step.
        oracle_score: The best possible mean; None where it is not known.
        groups: Mean score after adaptation of each group, the worst first.
        devices: Of each device.
        raw: The block as ``summary.json`` has it.
    """

    clients: int
    before: Estimate
    after: Estimate
    gain: Estimate
    worst10: Estimate
    best10: Estimate
    cvar10: Estimate
    std: Estimate
    cov: Estimate
    gini: Estimate
    entropy: Estimate
    harmed: Estimate
    harm_depth: Estimate
    of_worst: OfWorst | None
    curve: tuple[Estimate, ...]
    oracle_score: float | None
    groups: Mapping[str, Estimate]
    devices: Mapping[str, Estimate]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read a block."""
        even = raw["fairness"]
        worst = even.get("of_worst")
        names = ("worst10", "best10", "cvar10", "std", "cov", "gini", "entropy", "harmed", "harm_depth")
        by = {
            what: {name: estimate(own["after"]) for name, own in even["gap"][what]["groups"].items()}
            for what in ("group", "device")
        }
        return cls(
            clients=int(raw["clients"]),
            **{name: estimate(raw[name]) for name in ("before", "after", "gain")},
            **{name: estimate(even[name]) for name in names},
            of_worst=OfWorst(**{name: estimate(own) for name, own in worst.items()}) if worst else None,
            curve=tuple(estimate(step) for step in raw["curve"]),
            oracle_score=raw["oracle_score"],
            groups=by["group"],
            devices=by["device"],
            raw=raw,
        )


@dataclass(frozen=True)
class Parts:
    """Blocks of seen clients, of unseen ones, and of all; None where there are no such clients."""

    seen: Block | None
    unseen: Block | None
    all: Block | None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read the blocks."""
        return cls(*(None if raw[part] is None else Block.of(raw[part]) for part in ("seen", "unseen", "all")))


@dataclass(frozen=True)
class Summary:
    """How well and how evenly clients are served at the last evaluation.

    Attributes:
        round: The evaluated round; None: nobody was evaluated.
        inner_steps: Inner steps that were taken.
        parts: Blocks of the clients, seen, unseen and all.
        by_family: The same by family.
        raw: ``summary.json``.
    """

    round: int | None
    inner_steps: int | None
    parts: Parts
    by_family: Mapping[str, Parts]
    raw: Mapping[str, Any]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read a summary."""
        parts = Parts.of({"seen": raw["seen"], "unseen": raw["unseen"], "all": raw})
        families = {name: Parts.of(own) for name, own in raw["by_family"].items()}
        return cls(raw["round"], raw["inner_steps"], parts, families, raw)

    @property
    def attributes(self) -> list[dict[str, Any]]:
        """Fairness between rows of each attribute, by family and part, as ``summary.json`` has it; often none."""
        return list(self.raw.get("attributes", ()))

    @property
    def seen(self) -> Block:
        """Clients that took part in meta-training.

        Raises:
            LookupError: Nobody of them was evaluated.
        """
        return self._there("seen", self.parts.seen)

    @property
    def unseen(self) -> Block:
        """Clients that were held out entirely.

        Raises:
            LookupError: Nobody was held out, or evaluated.
        """
        return self._there("unseen", self.parts.unseen)

    @property
    def all(self) -> Block:
        """All evaluated clients.

        Raises:
            LookupError: Nobody was evaluated.
        """
        return self._there("evaluated", self.parts.all)

    def _there(self, what: str, block: Block | None) -> Block:
        if block is None or self.round is None:
            raise LookupError(f"there are no {what} clients in this summary: nobody of them was evaluated")
        return block
