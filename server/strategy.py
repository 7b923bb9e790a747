"""The server's side of a round: cohort, ordered sum, objective, outer step; a row a client is kept."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from logging import INFO
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from flwr.supercore import log

from metafed.core.parameters import Layout, Vectors
from metafed.experiment.settings import Experiment
from metafed.federation.roster import Roster
from metafed.messages.packing import ASKED, Answer, BadAnswer, Failure, check_vectors, unpack
from metafed.objectives import NOTHING, Contribution, Plain, State
from server.checkpoint import Checkpoint, Stateful
from server.hosts import PATIENCE, Hosts, discover
from server.outer import Outer
from server.record.resume import due
from server.record.rounds import Round
from server.record.withheld import evaluation_notes, training_notes
from server.stages.combining import Combining
from server.stages.faults import Faulty
from server.stages.scheduler import Asking
from server.stages.secure import Secured

Observe = Callable[[Round], None]


class Diverged(RuntimeError):
    """Training left the finite numbers.

    Args:
        server_round: The round.
        clients: Who took part, as far as that is known.
        what: What is not finite.
    """

    def __init__(self, server_round: int, clients: Sequence[int], what: str = "no client's update was finite") -> None:
        self.server_round, self.clients = server_round, list(clients)
        named = ", ".join(map(str, self.clients[:10])) + (" …" if len(self.clients) > 10 else "")
        super().__init__(f"round {server_round} diverged: {what}" + (f" (clients {named})" if named else ""))


class NothingEvaluated(RuntimeError):
    """Not one client could be evaluated."""

    def __init__(self, server_round: int, first: Failure) -> None:
        super().__init__(
            f"not one client could be evaluated after round {server_round}; client {first.client}: {first.reason}"
        )


class MetaStrategy(Strategy):
    """Federated meta-learning as a Flower strategy.

    Args:
        experiment: What is computed.
        layout: Where θ's parameters lie.
        theta: The initial θ.
        observe: Called with every finished round.
        patience: Seconds to wait for nodes to join.
        hosts: The nodes, where they are known already.
    """

    def __init__(
        self,
        experiment: Experiment,
        layout: Layout,
        theta: Vectors,
        observe: Observe,
        patience: float = PATIENCE,
        hosts: Hosts | None = None,
    ) -> None:
        self.experiment, self.layout, self.observe, self.patience = experiment, layout, observe, patience
        self.roster = Roster(experiment)
        self.outer = Outer(theta, *experiment.outer)
        self.objective = experiment.objective
        self.objective_state: State = self.objective.start(self.roster.seen)
        self.combining = Combining(experiment, layout)
        self.asking = Asking(experiment, layout)
        self.secured = Secured(self.roster, layout) if experiment.secure_aggregation else None
        self.faulty = Faulty(experiment)
        self._hosts = hosts
        self._asked: list[list[int]] = []
        self._started = time.monotonic()
        self._round = Round(0, [], [], 0, 0)
        self._before = 0
        self.keeps: dict[str, Stateful] = {"asking": self.asking, "faulty": self.faulty}
        """What else has a state that a checkpoint holds, by name."""

    @property
    def round(self) -> int:
        """The last round whose outer step was taken."""
        return self._round.number

    @property
    def trained(self) -> Round:
        """The last round, without its evaluation."""
        return self._round

    def snapshot(self) -> Checkpoint:
        """Return a copy of the server's state after the last round, without clients' personal states."""
        extra = {name: dict(kept.state()) for name, kept in self.keeps.items()}
        extra |= {"combining": dict(self.combining.plain), "votes": dict(self.combining.vectors)}
        return Checkpoint(self.round, self.outer.theta, self.outer.state, dict(self.objective_state), extra=extra)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on after the round of a checkpoint: ``start`` counts its rounds from there.

        Raises:
            BadAnswer: Its θ is not of this experiment.
        """
        check_vectors(checkpoint.theta, self.layout)
        self._before, self._round = checkpoint.round, Round(checkpoint.round, [], [], 0, 0)
        self.outer.restore(checkpoint.theta, checkpoint.moments)
        self.objective_state = checkpoint.objective
        for name, kept in self.keeps.items():
            kept.restore(checkpoint.extra.get(name, {}))
        self.combining.restore(checkpoint.extra.get("combining", {}), checkpoint.extra.get("votes", {}))

    def summary(self) -> None:
        """Log what will run."""
        log(INFO, "\t├── Algorithm: %s", self.experiment.algorithm)
        log(INFO, "\t├── Objective: %s", self.objective)
        log(INFO, "\t├── Cohort: %d of %d seen clients", self.roster.cohort_size, self.roster.seen)
        log(INFO, "\t└── Outer: %s, β = %g", *self.experiment.outer)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Sample the cohort and ask its hosts."""
        server_round += self._before
        self._started = time.monotonic()
        self.faulty.entering(server_round, arrays)
        clients, steps = self.asking(server_round, grid, self._known_hosts(grid))
        if self.secured:
            clients = self.secured.before(clients, server_round, grid, self._known_hosts(grid))
        return self._messages(clients, server_round, arrays, grid, MessageType.TRAIN, steps)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Sum what arrived, in the order of the cohort, and take the outer step.

        Raises:
            Diverged: No client's update was finite, or θ is not finite after the step.
        """
        server_round += self._before
        answers, failures = self._read(replies)
        failures += self.asking.unknown
        believed = [*answers, *self.faulty.forged(answers, server_round)]
        total: Contribution = sum((answer.contribution for answer in believed), NOTHING)
        veiled: dict[str, Any] = {}
        if self.secured:
            total, veiled = self.secured.total(answers)
        used = [int(client) for answer in answers for rows in answer.rows for client in rows.client]
        losses = {
            int(c): float(loss[-1]) for a in answers for r in a.rows for c, loss in zip(r.client, r.loss, strict=True)
        }
        directions, self.objective_state = self.objective.step(total, self.objective_state, losses)
        directions, notes = self.combining(believed, total, directions, server_round)
        asked_for = [client for chunk in self._asked for client in chunk]
        notes = {**notes, **veiled, **self.asking.heard(losses), **self.faulty.notes(asked_for, server_round)}
        self.outer.step(directions)
        theta = self.outer.theta
        if not all(np.isfinite(vector).all() for vector in theta.values()):
            raise Diverged(server_round, used, "θ is not finite after the step")
        scores = [float(score[-1]) for a in answers for r in a.rows for score in r.score]
        notes |= training_notes(answers, list(losses.values()), scores)
        kept = [answer.withheld for answer in answers if answer.withheld]
        if kept and not used and not any(sums.clients for said in kept for sums in said.sums):
            raise Diverged(server_round, [])
        if failures and not used and all("not finite" in failure.reason for failure in failures):
            raise Diverged(server_round, [failure.client for failure in failures])
        tables = [rows for answer in answers for rows in answer.rows]
        # a method that shares nothing (weight 0) moves nothing
        spoke = any(total.weights.values()) or any(answer.ballots for answer in answers)
        asked = [c for said in kept for chunk in self._asked if said.first in chunk for c in chunk]
        traffic = self._bytes([*used, *asked]) if spoke else 0
        halved = [too_large for answer in answers for too_large in answer.halved]
        self._round = Round(server_round, tables, failures, traffic, traffic, halved=halved, notes=notes)
        return record(theta), None

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Ask for an evaluation where the experiment wants one after this round."""
        server_round += self._before
        if not due(self.experiment, server_round):
            self._asked = []
            return []
        return self._messages(self.roster.evaluated(), server_round, arrays, grid, MessageType.EVALUATE)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Keep every client's rows and hand the finished round to the observer.

        Raises:
            NothingEvaluated: Every client failed: the fault is not a client's.
        """
        answers, failures = self._read(replies)
        tables = [rows for answer in answers for rows in answer.rows]
        if failures and not tables and not any(answer.withheld for answer in answers):
            raise NothingEvaluated(server_round, failures[0])
        halved = [too_large for answer in answers for too_large in answer.halved]
        self.observe(
            self._round._replace(
                evaluation=tables,
                failures=[*self._round.failures, *failures],
                seconds=time.monotonic() - self._started,
                halved=[*self._round.halved, *halved],
                notes={**self._round.notes, **evaluation_notes(answers, self._round)},
            )
        )
        return None

    def evaluate_first(self, grid: Grid, arrays: ArrayRecord, timeout: float) -> None:
        """Evaluate θ before the first round, as round 0."""
        self._started = time.monotonic()
        messages = self.configure_evaluate(0, arrays, ConfigRecord(), grid)
        self.aggregate_evaluate(0, grid.send_and_receive(messages, timeout=timeout))

    def _messages(
        self,
        clients: Sequence[int],
        server_round: int,
        arrays: ArrayRecord,
        grid: Grid,
        kind: str,
        steps: Mapping[int, int] | None = None,
    ) -> list[Message]:
        hosts, fewer = self._known_hosts(grid), steps or {}
        # a pool of workers shares a round chunk by chunk; a node of a deployment pays for each message
        evaluation = kind == MessageType.EVALUATE
        chunks = [chunk for _, chunk in self.roster.chunks(clients, evaluation=evaluation)]
        if not hosts.pooled:
            ordered = [client for chunk in chunks for client in chunk]
            chunks = [[c for c in ordered if hosts.node(c) == node] for node in hosts.nodes]
        self._asked = [chunk for chunk in chunks if chunk]
        if not evaluation:
            self._asked = [piece for chunk in self._asked for piece in self.faulty.apart(chunk, server_round)]
        theta: dict[tuple[int, tuple[str, ...]], ArrayRecord] = {}
        messages = []
        for chunk in self._asked:
            parts = {part for family, _ in self.roster.by_family(chunk) for part in self.roster.parts(family)}
            held = tuple(part for part in arrays if part in parts)
            known = arrays if evaluation else self.faulty.theta(chunk, server_round, arrays)
            key = (id(known), held)
            if key not in theta:
                theta[key] = ArrayRecord({part: known[part] for part in held})
            said = {}
            if kind == MessageType.TRAIN:
                said = {**self.objective.ask(self.objective_state, chunk), **self.combining.ask()}
            own: dict[str, Plain] = {f"{ASKED}{name}": value for name, value in said.items()}
            if hurried := [client for client in chunk if client in fewer]:
                own |= {"hurried": hurried, "steps": [fewer[client] for client in hurried]}
            ask = ConfigRecord({"clients": list(chunk), "round": server_round, **own})
            content = RecordDict({"theta": theta[key], "ask": ask})
            if self.secured and kind == MessageType.TRAIN:
                content["secure"] = self.secured.record()
            messages.append(Message(content, hosts.node(chunk[0]), kind, group_id=str(server_round)))
        return messages

    def _known_hosts(self, grid: Grid) -> Hosts:
        if self._hosts is None:
            self._hosts = discover(grid, self.patience)
        return self._hosts

    def _read(self, replies: Iterable[Message]) -> tuple[list[Answer], list[Failure]]:
        """Return the usable answers in the order in which they were asked for, and all that failed."""
        position = {client: index for index, chunk in enumerate(self._asked) for client in chunk}
        answers: dict[int, Answer] = {}
        errors: dict[int, str] = {}
        for reply in replies:
            node = reply.metadata.src_node_id
            if reply.has_error():
                errors[node] = str(reply.error.reason)
                continue
            try:
                answer = read_answer(reply, self.layout, list(position))
                named = [int(c) for rows in answer.rows for c in rows.client]
                kept = [answer.withheld.first] if answer.withheld else []
                first = position[(named or kept or [failure.client for failure in answer.failures])[0]]
                if first in answers or not set(named) <= set(self._asked[first]):
                    raise BadAnswer("a second answer to the same message, or clients of another message")
                answers[first] = answer
            except (BadAnswer, IndexError) as error:
                errors[node] = str(error)
        failures = [failure for index in sorted(answers) for failure in answers[index].failures]
        heard = {int(c) for a in answers.values() for rows in a.rows for c in rows.client}
        heard |= {failure.client for failure in failures}
        heard |= {client for first, answer in answers.items() if answer.withheld for client in self._asked[first]}
        assert self._hosts is not None or not position, "messages went out, so the hosts are known"
        for client in position:
            if client not in heard and self._hosts is not None:
                reason = errors.get(self._hosts.node(client), "no answer in time")
                failures.append(Failure(client, reason.strip()[-300:]))
        return [answers[index] for index in sorted(answers)], failures

    def _bytes(self, clients: Iterable[int]) -> int:
        """Bytes of θ's parts that the clients hold, each counted as a device of its own."""
        scalar = np.dtype(self.experiment.precision).itemsize
        return sum(
            scalar
            * sum(self.layout.size(p) for p in self.roster.parts(family) if p in self.layout.parts)
            * len(members)
            for family, members in self.roster.by_family(list(clients))
        )


def record(theta: Vectors) -> ArrayRecord:
    """Return θ as it travels: one array a part."""
    return ArrayRecord({part: Array(vector) for part, vector in theta.items()})


def read_answer(reply: Message, layout: Layout, asked: Sequence[int]) -> Answer:
    """Read a host's reply.

    Raises:
        BadAnswer: It cannot be used.
    """
    try:
        arrays = {key: array.numpy() for key, array in reply.content.array_records["arrays"].items()}
        values: dict[str, Any] = dict(reply.content.config_records["values"])
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise BadAnswer(f"unreadable answer: {type(error).__name__}: {error}") from None
    return unpack(arrays, values, layout, asked)
