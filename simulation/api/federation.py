"""``mf.Federation``: one's own loop over rounds, in this process, to the same bits as ``simulate``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple, final

import numpy as np
import torch
from flwr.app import ConfigRecord

from client.host import Host
from metafed.core.errors import DataError, SettingError
from metafed.core.names import near
from metafed.core.parameters import Params
from metafed.core.reading import brief
from metafed.experiment.lookup import sampler_name
from metafed.experiment.settings import Experiment
from metafed.federation.federation import hand_on
from metafed.federation.population import Draw
from metafed.federation.preflight import preflight
from metafed.messages.packing import Failure, Rows
from metafed.tasks.task import Task
from server.asking import messages, pieces, read, record
from server.checkpoint import Checkpoint
from server.endings import Diverged
from server.hosts import discover
from server.stages import CohortScheduler
from server.strategy import MetaStrategy
from simulation.api.arrays import numbers, read_only
from simulation.api.simulating import an_experiment
from simulation.cli.config import Config
from simulation.cli.errors import BadInput, RunDiverged
from simulation.engines.local import LocalGrid
from simulation.runs.kernels import decided
from simulation.runs.people import all_people
from simulation.runs.preparing import federated

PATIENCE = 60.0
"""Seconds to wait for the one node, which is this process."""


@final
@dataclass(frozen=True, eq=False)
class State:
    """What the server and the clients keep after a round; it is not changed, a round returns a new one.

    Attributes:
        kept: θ, the outer optimizer's moments, clients' personal states, and what stages keep.
    """

    kept: Checkpoint

    def __repr__(self) -> str:
        return f"State(round={self.round})"

    @property
    def round(self) -> int:
        """The last round that was computed; 0: none."""
        return self.kept.round

    @property
    def theta(self) -> "Mapping[str, np.ndarray[Any, Any]]":
        """θ as a vector ``(size,)`` a part, to be read."""
        return {part: read_only(vector) for part, vector in self.kept.theta.items()}


class Result(NamedTuple):
    """What a client did in a round, or in an evaluation.

    Attributes:
        family: Its family.
        group: Its group.
        name: What its data call it; empty where they have no name.
        steps: Inner steps after which it was evaluated ``(S,)``.
        loss: Its query loss after each of them ``(S,)``; empty where it failed.
        score: Its score likewise; NaN where it is undefined.
        n: Rows that it owns.
        support: Rows that it adapted on.
        query: Rows that it was evaluated on.
        failure: Why it contributed nothing; empty where it did.
    """

    family: str
    group: str
    name: str
    steps: tuple[int, ...]
    loss: "np.ndarray[Any, Any]"
    score: "np.ndarray[Any, Any]"
    n: int
    support: int
    query: int
    failure: str = ""


@final
@dataclass(frozen=True, eq=False)
class Adapted:
    """The network of one client, adapted on its support set: a function of rows.

    Attributes:
        client: Its number.
        family: Its family.
        params: Its own parameters, by name, without a client axis.
        task: Network, loss and score.
        draw: The rows that it adapted on, and those that it is evaluated on.
    """

    client: int
    family: str
    params: Params = field(repr=False)
    task: Task = field(repr=False)
    draw: Draw = field(repr=False)

    def __call__(self, x: Any) -> "np.ndarray[Any, Any]":
        """Return the outputs ``(N, outputs)`` for rows ``(N, features)`` as the network sees them.

        Raises:
            SettingError: These are no such rows.
        """
        wanted = tuple(self.draw.episode.support.x.shape[2:])
        try:
            given = np.asarray(x, np.float64)
        except (TypeError, ValueError):
            raise SettingError(f"rows: an array of numbers {('N', *wanted)}, not {type(x).__name__}") from None
        if given.ndim != len(wanted) + 1 or given.shape[1:] != wanted or not len(given):
            raise SettingError(f"rows: an array of numbers {('N', *wanted)}, not {given.shape}")
        own = {name: value.unsqueeze(0) for name, value in self.params.items()}
        rows = torch.as_tensor(given).to(next(iter(own.values())))
        with torch.no_grad():
            outputs: np.ndarray[Any, Any] = self.task.predict(own, rows.unsqueeze(0), None)[0].cpu().numpy()
        return outputs


@final
class Federation:
    """The clients and the server of an experiment, for one's own loop.

    Args:
        experiment: What is computed.
        device: Where: cpu, cuda, cuda:N or auto.

    Raises:
        BadInput: The data, or a setting that does not fit them, cannot be used.
    """

    def __init__(self, experiment: Experiment | None = None, device: str = "cpu") -> None:
        config = Config(experiment=an_experiment("Federation", experiment), engine="local", device=device)
        config = decided(all_people(config))
        self._inside = federated(config.experiment)
        self.experiment = self._inside.experiment
        self._device = device
        self._grid = LocalGrid(self.experiment.to_run_config(), device)

    @property
    def clients(self) -> int:
        """How many clients there are: 0 … ``clients`` − 1."""
        return self.experiment.clients

    @property
    def seen(self) -> list[int]:
        """The clients that take part in meta-training."""
        return list(range(self._inside.roster.seen))

    @property
    def unseen(self) -> list[int]:
        """The clients that are held out entirely."""
        return list(range(self._inside.roster.tested, self.clients))

    @property
    def validation(self) -> list[int]:
        """The clients that are held out to choose by; none without ``validation``."""
        return list(range(self._inside.roster.seen, self._inside.roster.tested))

    def family(self, client: int) -> str:
        """Return a client's family."""
        return self._inside.roster.family(client)

    def name(self, client: int) -> str:
        """Return what the data call a client; empty where they have no name."""
        return self._inside.called(client)

    @property
    def notes(self) -> dict[str, tuple[str, ...]]:
        """How each family's data are used: who is skipped, how rows are split, what becomes of each column."""
        pairs = zip(self._inside.roster.families, self._inside.sources, strict=True)
        return {family: source.notes for family, source in pairs}

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What the guard has to remark of the data.

        Raises:
            BadInput: The data cannot be used, or the guard stops the run.
        """
        try:
            return preflight(self._inside)
        except DataError as error:
            raise BadInput(str(error)) from None

    @cached_property
    def _strategy(self) -> MetaStrategy:
        _ = self.remarks  # nothing is trained on data that the guard has not looked at
        hand_on(self._inside)
        return MetaStrategy(self._inside, lambda finished: None, hosts=discover(self._grid, PATIENCE))

    @cached_property
    def _host(self) -> Host:
        return Host(self._inside, self._device)

    def init(self, theta: Mapping[str, Any] | None = None) -> State:
        """Return the state before the first round.

        Args:
            theta: Arrays by parameter to begin with, as ``Run.theta`` of another run. Default: the initial θ, drawn by
                the seed.

        Raises:
            BadInput: The data cannot be used, or the guard stops the run.
            SettingError: ``theta`` does not fit the networks.
        """
        _ = self.remarks
        kept = MetaStrategy(self._inside, lambda finished: None).snapshot()
        return State(kept if theta is None else replace(kept, theta=self._vectors(theta)))

    def _vectors(self, theta: Mapping[str, Any]) -> "dict[str, np.ndarray[Any, Any]]":
        """Return θ as it travels; what is given is converted to the experiment's precision."""
        layout, found = self._inside.layout, {}
        if not isinstance(theta, Mapping):
            raise SettingError(f"theta: arrays by parameter, as run.theta, not {type(theta).__name__}")
        if set(theta) == set(layout.parts) != set(layout.shapes):
            raise SettingError("theta: a state's is by part; give arrays by parameter, as run.theta")
        if others := [name for name in theta if name not in layout.shapes]:
            raise SettingError(f"theta: {others[0]!r} is no parameter here{near(str(others[0]), layout.shapes)}")
        for name, shape in layout.shapes.items():
            if name not in theta:
                raise SettingError(f"theta: {name!r} is missing")
            found[name] = numbers(f"theta: {name!r}", theta[name], shape).to(self._inside.population.dtype)
            if not found[name].isfinite().all():
                raise SettingError(f"theta: {name!r} has values that {self.experiment.precision} does not hold")
        return {part: vector.numpy() for part, vector in layout.flatten(found, layout.parts).items()}

    def sample(self, number: int, state: State | None = None) -> list[int]:
        """Return the clients that the sampler asks in round ``number``, ascending.

        Args:
            number: The round, from 1.
            state: The state before it; needed by samplers that go by what happened in earlier rounds.

        Raises:
            SettingError: The sampler needs the state, or there is no such round.
        """
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise SettingError(f"sample(number): {brief(number)}; give the number of a round, from 1")
        sampling = self.experiment.sampling
        if state is None and sampling.uses in ("losses", "online"):
            raise SettingError(
                f"sampling {sampler_name(sampling)} goes by what happened in earlier rounds: write fed.sample({number},"
                " state)"
            )
        strategy = self._at(self.init() if state is None else state)
        scheduler = next(stage for stage in strategy.stages if isinstance(stage, CohortScheduler))
        return scheduler.sampled(number, self._grid, discover(self._grid, PATIENCE))

    def round(self, state: State, clients: Sequence[int], number: int) -> tuple[State, dict[int, Result]]:
        """Train clients from a state; return the state after the outer step, and what each client did.

        Args:
            state: The state before.
            clients: Seen clients, each once; with devices not all of them may take part.
            number: The round, one after the state's: episodes, noise and faults follow from it.

        Raises:
            SettingError: A client is not seen or named twice, or the number does not follow, or β falls over fewer
                rounds.
            RunDiverged: Training left the finite numbers; ``state`` is as it was.
        """
        if number != state.round + 1:
            raise SettingError(
                f"round {number}: the state is that after round {state.round}, the next is {state.round + 1}"
            )
        rounds, schedule = self.experiment.rounds, self.experiment.outer_schedule
        if number > rounds and schedule != "constant":
            raise SettingError(
                f"round {number}: outer_schedule {schedule} falls to 0 over rounds = {rounds}; choose more"
            )
        strategy = self._at(state)
        strategy.cohort = sorted(self._known(clients, self._inside.roster.seen, "seen in training"))
        arrays, config = record(strategy.outer.theta), ConfigRecord()
        try:
            asked = strategy.configure_train(1, arrays, config, self._grid)
            strategy.aggregate_train(1, self._grid.send_and_receive(asked))
        except Diverged as error:
            raise RunDiverged(str(error)) from error
        finished = strategy.trained
        self._grid.states.mark(number)
        after = State(replace(strategy.snapshot(), clients=self._grid.states.marked()[1]))
        return after, self._results(finished.training, finished.failures)

    def evaluate(self, state: State, clients: Sequence[int] | None = None) -> dict[int, Result]:
        """Adapt clients on their evaluation support sets and evaluate them after each inner step; nothing flows back.

        Args:
            state: From whose θ.
            clients: Seen and unseen ones, each once. Default: those that ``simulate`` evaluates.

        Raises:
            SettingError: A client is named twice, or there is no such client.
        """
        strategy = self._at(state)
        asked_for = self._inside.roster.evaluated() if clients is None else self._known(clients, self.clients, "there")
        hosts = discover(self._grid, PATIENCE)
        theta = record(strategy.outer.theta)
        asked = messages(self._inside, hosts, state.round, pieces(self._inside, hosts, asked_for, theta))
        replies = self._grid.send_and_receive([each.message for each in asked if each.message])
        answers, failures = read(replies, asked, self._inside)
        return self._results([rows for answer in answers for rows in answer.rows], failures)

    def adapt(self, state: State, client: int, steps: int | None = None) -> Adapted:
        """Adapt one client on its evaluation support set, and return its network as a function.

        Args:
            state: From whose θ.
            client: Which client.
            steps: Inner steps. Default: as in evaluation.

        Raises:
            SettingError: There is no such client.
        """
        self._known([client], self.clients, "there")
        family = self.family(client)
        task, draw, path = self._host.adapting(state.kept.theta, family, [client], state.kept.clients, steps)
        *_, last = path
        own = {name: value.detach()[0] for name, value in last.items()}
        return Adapted(client, family, own, task, draw)

    def _at(self, state: State) -> MetaStrategy:
        """Return the server as it was at a state."""
        strategy = self._strategy
        hand_on(self._inside)  # which the hosts of this process find
        strategy.restore(state.kept)
        self._grid.states.restore(state.kept.clients)
        return strategy

    def _known(self, clients: Sequence[int], end: int, what: str) -> list[int]:
        if others := [client for client in clients if isinstance(client, bool) or not isinstance(client, Integral)]:
            raise SettingError(f"client {others[0]!r}: a client is a whole number")
        found = [int(client) for client in clients]
        for client in found:
            if not 0 <= client < end:
                raise SettingError(f"client {client}: those that are {what} are 0 to {end - 1}")
            if found.count(client) > 1:
                raise SettingError(f"client {client} is named twice")
        return found

    def _results(self, tables: Sequence[Rows], failures: Sequence[Failure]) -> dict[int, Result]:
        found: dict[int, Result] = {}
        for rows in tables:
            for place, client in enumerate(rows.client.tolist()):
                n, support, query = rows.sizes[place].tolist()
                about = (self.family(client), rows.group[place], self.name(client), tuple(rows.steps.tolist()))
                found[client] = Result(*about, rows.loss[place], rows.score[place], n, support, query)
        for failure in failures:
            nothing = np.zeros(0)
            about = (self.family(failure.client), "", self.name(failure.client), ())
            found[failure.client] = Result(*about, nothing, nothing, 0, 0, 0, failure.reason)
        return dict(sorted(found.items()))
