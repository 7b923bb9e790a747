"""Who is at fault, in which rounds, and how: a pure function of the faults' description, the seed and the round."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, final, get_args

import numpy as np
from pydantic import Field, ValidationError, model_validator

from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.core.reading import brief, read_toml
from metafed.core.settings import Settings
from metafed.core.streams import stream

Kind: TypeAlias = Literal[
    "crash",
    "hang",
    "nan",
    "infinity",
    "shape",
    "stale",
    "sign-flip",
    "scale",
    "label-flip",
    "random",
    "alie",
    "inner-product",
    "worker",
]
KINDS: tuple[str, ...] = get_args(Kind)
OMNISCIENT = ("alie", "inner-product")
"""Lies that depend on all honest clients' updates, which the server hands to the liars."""


class Fault(Settings):
    """One kind of fault, and who has it when. See ``docs/faults.md``.

    Attributes:
        kind: What is done.
        share: Who has it: this share of the seen clients, drawn once; or
        clients: these.
        rate: Probability, in each round that the client is asked.
        first: First round in which it happens.
        last: Last round; None: to the end.
        strength: How strong it is; None: as ``STRENGTHS`` says.
        seconds: How long a client that hangs really sleeps; None: it is merely recorded as one that did not answer.
    """

    kind: Kind
    share: float | None = Field(None, gt=0, le=1)
    clients: tuple[Annotated[int, Field(le=10**9)], ...] = ()
    rate: float = Field(1.0, gt=0, le=1)
    first: int = Field(1, ge=1, le=10**9)
    last: int | None = Field(None, ge=1, le=10**9)
    strength: float | None = None
    seconds: float | None = Field(None, gt=0, le=10**6)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.share is None) == (not self.clients):
            raise ValueError("say who by either share, of the seen clients, or clients, a list of their ids")
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}")
        if self.seconds is not None and self.kind != "hang":
            raise ValueError(f"seconds are for kind 'hang', not {self.kind!r}")
        if self.strength is not None and self.kind not in STRENGTHS:
            raise ValueError(f"kind {self.kind!r} has no strength; those that have: {', '.join(STRENGTHS)}")
        if self.kind == "stale" and (self.strong != int(self.strong) or self.strong < 1):
            raise ValueError(f"strength {self.strong:g} of kind 'stale': a whole number of rounds, 1 or more")
        return self

    @property
    def strong(self) -> float:
        """The strength, or the kind's own."""
        return STRENGTHS.get(self.kind, 0.0) if self.strength is None else self.strength

    def within(self, server_round: int) -> bool:
        """Whether the round is one of those in which it happens."""
        return self.first <= server_round and (self.last is None or server_round <= self.last)


STRENGTHS: dict[str, float] = {
    "stale": 5.0,
    "sign-flip": 1.0,
    "scale": 10.0,
    "random": 1.0,
    "inner-product": 0.5,
}
"""What has a strength, and how strong it is where nothing is said: rounds for stale, a factor for the others."""


class Described(Settings):
    """What a file of faults says."""

    fault: tuple[Fault, ...] = Field(min_length=1, max_length=100)


def read_faults(text: str) -> str:
    """Return a description of faults as JSON, by which it travels: ``text`` is that, or the name of a TOML file.

    Raises:
        DataError: It cannot be read or used.
    """
    if text.lstrip().startswith("{"):
        return checked(text)
    where = f"--faults {text}"
    try:
        source = json.dumps(read_toml(Path(text), "--faults"))
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, DataError) else DataError(f"{where}: {brief(error)}") from None
    return checked(source, where)


def checked(text: str, where: str = "--faults") -> str:
    """Return a description of faults, which is JSON, without what it need not say.

    Raises:
        DataError: It cannot be used.
    """
    try:
        return Described.model_validate_json(text).model_dump_json(exclude_defaults=True)
    except ValidationError as error:
        raise DataError(f"{where}: {_explained(error)}") from None


def listed(faults: Sequence[Fault]) -> str:
    """Return a description of faults that were made in Python."""
    return Described(fault=tuple(faults)).model_dump_json(exclude_defaults=True)


def described(text: str | None) -> tuple[Fault, ...]:
    """Return what a description of faults says; None says that there are none."""
    return () if text is None else Described.model_validate_json(text).fault


def _explained(error: ValidationError) -> str:
    """Put the first complaint into words, with a near miss of a key or kind."""
    problem = error.errors()[0]
    place = ".".join(str(step + 1) if isinstance(step, int) else step for step in problem["loc"])
    given = brief(problem.get("input")).strip("'")
    known = KINDS if problem["type"] == "literal_error" else tuple(Fault.model_fields)
    word = given if problem["type"] == "literal_error" else str(problem["loc"][-1]) if problem["loc"] else ""
    hint = "" if word in known else near(word, known)
    return f"{place or 'the file'}: {problem['msg']}{hint}"


@final
class Faults:
    """The faults of one experiment.

    Who is affected is drawn once, of the seen clients that no fault before has; with ``rate`` below 1 a round decides
    for each of them whether it happens. A client has one fault at most.

    Args:
        text: What ``read_faults`` returned.
        seed: The run's seed.
        seen: How many clients take part in meta-training.

    Raises:
        DataError: A client is named that does not train, or twice; or the shares exceed the clients.
    """

    def __init__(self, text: str, seed: int, seen: int) -> None:
        self.faults: Sequence[Fault] = described(text)
        self._seed = seed
        self._which: dict[int, int] = {}
        for index, fault in enumerate(self.faults):
            for client in fault.clients:
                if not 0 <= client < seen:
                    raise DataError(f"--faults: client {client} does not train; those that do are 0 to {seen - 1}")
                if client in self._which:
                    raise DataError(f"--faults: client {client} is named twice; a client has one fault")
                self._which[client] = index
        for index, fault in enumerate(self.faults):
            if fault.share is None:
                continue
            free = np.setdiff1d(np.arange(seen), np.fromiter(self._which, np.int64, len(self._which)))
            wanted = max(1, round(fault.share * seen))
            if wanted > len(free):
                raise DataError(
                    f"--faults: share {fault.share:g} of {seen} clients is {wanted}, and {len(free)} are left"
                )
            chosen = stream(seed, "faults", index).choice(free, wanted, replace=False)
            self._which |= {int(client): index for client in chosen}

    def on(self, client: int, server_round: int) -> Fault | None:
        """Return what is wrong with a client in a round; None: nothing."""
        index = self._which.get(client)
        if index is None:
            return None
        fault = self.faults[index]
        if not fault.within(server_round):
            return None
        if fault.rate < 1 and stream(self._seed, "faults/rate", server_round, client).random() >= fault.rate:
            return None
        return fault

    def among(self, clients: Sequence[int], server_round: int, kinds: Sequence[str] = KINDS) -> dict[int, Fault]:
        """Return the faults of a round, by client, of those of the given kinds."""
        found = {client: self.on(client, server_round) for client in clients}
        return {client: fault for client, fault in found.items() if fault is not None and fault.kind in kinds}

    @property
    def omniscient(self) -> bool:
        """Whether some client lies by what all honest ones say."""
        return any(fault.kind in OMNISCIENT for fault in self.faults)

    @property
    def longest_delay(self) -> int:
        """How many rounds old the oldest θ is that a client works with."""
        return max((int(fault.strong) for fault in self.faults if fault.kind == "stale"), default=0)
