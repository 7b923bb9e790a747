"""The server's side of a round: sample → ask → read → sum → stages → step → observe."""

import time
from collections.abc import Callable, Iterable, Sequence
from logging import INFO, WARNING

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from flwr.supercore import log

from metafed.federation.federation import Federation
from metafed.messages.packing import Answer, Halved
from metafed.messages.reading import check_vectors
from metafed.objectives import NOTHING, Contribution
from server.asking import messages, pieces, read, record, traffic
from server.binding import Asked
from server.checkpoint import Checkpoint
from server.endings import Diverged, NothingEvaluated
from server.hosts import PATIENCE, Hosts, discover
from server.outer import Outer, factor
from server.record.resume import due
from server.record.rounds import Round
from server.record.withheld import evaluation_notes
from server.stages import Plan, Received, stages_of
from server.stages.weighting import Weighting

Observe = Callable[[Round], None]


class MetaStrategy(Strategy):
    """Federated meta-learning as a Flower strategy. What an experiment asks for beside the sum is a stage of its own.

    Args:
        federation: Whose clients are trained.
        observe: Called with every finished round.
        patience: Seconds to wait for nodes to join.
        hosts: The nodes, where they are known already.
    """

    def __init__(
        self, federation: Federation, observe: Observe, patience: float = PATIENCE, hosts: Hosts | None = None
    ) -> None:
        self.federation, self.observe, self.patience = federation, observe, patience
        self.experiment, self.roster, self.layout = federation.experiment, federation.roster, federation.layout
        self.outer = Outer(federation.vectors, *self.experiment.outer, federation.beside)
        self.stages = stages_of(federation)
        self._weighting = next(stage for stage in self.stages if isinstance(stage, Weighting))
        self._hosts = hosts
        self._asked: list[Asked] = []
        self._started = time.monotonic()
        self._round = Round(0, [], [], 0, 0)
        self._before = 0
        self.cohort: list[int] | None = None
        """Who is asked in the next round; None: the sampler says."""

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
        extra = {stage.name: dict(stage.state()) for stage in self.stages}
        return Checkpoint(self.round, self.outer.theta, self.outer.state, extra=extra)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on after the round of a checkpoint: ``start`` counts its rounds from there.

        Raises:
            BadAnswer: Its θ is not of this experiment.
        """
        check_vectors(checkpoint.theta, self.layout)
        self._before, self._round = checkpoint.round, Round(checkpoint.round, [], [], 0, 0)
        self.outer.restore(checkpoint.theta, checkpoint.moments)
        for stage in self.stages:
            stage.restore(checkpoint.extra.get(stage.name, {}))

    def summary(self) -> None:
        """Log what will run."""
        log(INFO, "\t├── Algorithm: %s", self.experiment.algorithm)
        log(INFO, "\t├── Objective: %s", self.experiment.objective)
        log(INFO, "\t├── Cohort: %d of %d seen clients", self.roster.cohort_size, self.roster.seen)
        log(INFO, "\t└── Outer: %s, β = %g, %s", *self.experiment.outer, self.experiment.outer_schedule)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Sample the cohort and ask its hosts."""
        self._started = time.monotonic()
        plan = Plan(server_round + self._before, grid, self._known_hosts(grid), arrays, cohort=self.cohort)
        for stage in self.stages:
            stage.before_round(plan)
        asked = pieces(self.federation, plan.hosts, plan.clients, arrays, plan)
        return self._ask(messages(self.federation, plan.hosts, plan.number, asked, plan, self._weighting.ask))

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Read what arrived, sum it in the order of the cohort, and take the outer step.

        Raises:
            Diverged: No client's update was finite, or θ is not finite after the step.
        """
        number = server_round + self._before
        asked = [each.clients for each in self._asked]
        received = Received(number, asked, *read(replies, self._asked, self.federation))
        for stage in self.stages:
            stage.on_answers(received)
        whole: Contribution = sum((answer.contribution for answer in received.believed), NOTHING)
        received.total = whole
        for stage in self.stages:
            stage.before_step(received)
        outer = factor(self.experiment.outer_schedule, number, self.experiment.rounds)
        if still := self.outer.step(received.directions, outer):
            received.notes["still"] = still
            log(WARNING, "round %d: the step is too small to move %s", number, ", ".join(still))
        if (infinite := self.outer.infinite()) is not None:
            raise Diverged(number, received.clients, f"{infinite} is not finite after the step")
        self._check_heard(received)
        # a method that shares nothing (weight 0) moves nothing
        moved = any(received.total.weights.values()) or any(answer.client_vectors for answer in received.answers)
        sent = traffic(self.federation, received.contributing) if moved else 0
        tables = [rows for answer in received.answers for rows in answer.rows]
        self._round = Round(
            number, tables, received.failures, sent, sent, halved=halved(received.answers), notes=received.notes
        )
        return record(self.outer.theta), None

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Ask for an evaluation where the experiment wants one after this round."""
        number = server_round + self._before
        self._asked = []
        if not due(self.experiment, number):
            return []
        hosts = self._known_hosts(grid)
        asked = pieces(self.federation, hosts, self.roster.evaluated(), arrays)
        return self._ask(messages(self.federation, hosts, number, asked))

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Keep every client's rows and hand the finished round to the observer.

        Raises:
            NothingEvaluated: Every client failed: the fault is not a client's.
        """
        answers, failures = read(replies, self._asked, self.federation)
        tables = [rows for answer in answers for rows in answer.rows]
        if failures and not tables and not any(answer.withheld for answer in answers):
            raise NothingEvaluated(server_round + self._before, failures[0])
        self.observe(
            self._round._replace(
                evaluation=tables,
                failures=[*self._round.failures, *failures],
                seconds=time.monotonic() - self._started,
                halved=[*self._round.halved, *halved(answers)],
                notes={**self._round.notes, **evaluation_notes(answers, self._round)},
            )
        )
        return None

    def evaluate_first(self, grid: Grid, arrays: ArrayRecord, timeout: float) -> None:
        """Evaluate θ before the first round, as round 0."""
        self._started = time.monotonic()
        asked = self.configure_evaluate(0, arrays, ConfigRecord(), grid)
        self.aggregate_evaluate(0, grid.send_and_receive(asked, timeout=timeout))

    def _ask(self, asked: list[Asked]) -> list[Message]:
        self._asked = asked
        return [each.message for each in asked if each.message]

    def _known_hosts(self, grid: Grid) -> Hosts:
        if self._hosts is None:
            self._hosts = discover(grid, self.patience)
        return self._hosts

    def _check_heard(self, received: Received) -> None:
        """Refuse a round in which no client's update was finite."""
        if received.clients:
            return
        if any(answer.withheld for answer in received.answers) and not received.summed_only:
            raise Diverged(received.number, [])
        failures = received.failures
        if failures and all("not finite" in failure.reason for failure in failures):
            raise Diverged(received.number, [failure.client for failure in failures])


def halved(answers: Sequence[Answer]) -> list[Halved]:
    """Return the chunks that did not fit in memory."""
    return [too_large for answer in answers for too_large in answer.halved]
