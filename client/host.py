"""The one function that every engine calls: train or evaluate a list of clients from θ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from client.contributions import Contributed, contributed
from client.device import prepare, resolve
from client.faults import Faults
from client.isolation import Isolation
from client.scoring import kept
from client.states import States
from metafed.aggregators.updates import ClientVectors
from metafed.core.digits import LARGEST
from metafed.core.episodes import Batch
from metafed.core.parameters import Params, Vector, Vectors, part_of, spread
from metafed.federation.federation import Federation
from metafed.federation.population import Draw
from metafed.messages.census import Person
from metafed.messages.packing import Answer, Failure, Halved, Rows
from metafed.objectives import NOTHING, ClientUpdates, Contribution, Plain, Rates
from metafed.scores.measuring import measured, standing
from metafed.tasks.task import Kind, Task, constant_error
from metafed.training.batches import Plan
from metafed.training.settings import Training

NOT_FINITE = "the update is not finite"


class Host:
    """Runs clients of one experiment. Everything it answers follows from θ, the round and the clients.

    Args:
        federation: Whose clients it hosts.
        device: Where: cpu, cuda, cuda:N or auto.

    Raises:
        NoDevice: The device is not here.
        DataError: A description leaves something to be fitted, and the node has its own people only.
    """

    def __init__(self, federation: Federation, device: str = "cpu") -> None:
        self.federation, self.experiment, self.roster = federation, federation.experiment, federation.roster
        self.population, self.tasks, self.layout = federation.population, federation.tasks, federation.layout
        self.initial, self.algorithms = federation.initial, federation.algorithms
        self.device = prepare(resolve(device))
        self._faults = Faults(federation)
        self._isolated = Isolation()

    def train(
        self,
        theta: Vectors,
        clients: Sequence[int],
        server_round: int,
        states: States,
        most: int | None = None,
        ask: Mapping[str, Plain] | None = None,
        steps: Mapping[int, int] | None = None,
    ) -> Answer:
        """Run one episode of each client from θ and sum what they say.

        Args:
            theta: θ's parts ``(size,)``, at least those that the clients hold.
            clients: Client ids, in any order; they are trained in chunks of one family.
            server_round: The round, which selects the episodes.
            states: The clients' personal states; those of the clients that contribute are replaced.
            most: Clients at a time at most, where more are known not to fit in memory.
            ask: What the objective's ``ask`` says of the round.
            steps: Inner steps of those clients that take fewer than the algorithm's; they form chunks of their own.
        """
        fewer = steps or {}
        self._faults.before(clients, server_round)
        return self._run(
            "train",
            clients,
            lambda family, chunk: self._train_chunk(theta, family, chunk, server_round, states, ask or {}, fewer),
            most,
            fewer,
        )

    def evaluate(
        self, theta: Vectors, clients: Sequence[int], states: Mapping[int, np.ndarray], most: int | None = None
    ) -> Answer:
        """Adapt each client on its evaluation support set and evaluate it after each of the steps 0 … K.

        Nothing flows back: neither θ nor ``states`` change.
        """
        return self._run(
            "evaluate", clients, lambda family, chunk: self._evaluate_chunk(theta, family, chunk, states), most
        )

    def census(self, clients: Sequence[int]) -> dict[int, Person]:
        """Return what a server that knows of devices or samples by rows must know of clients.

        A client whose rows cannot be read is left out: training it will say why.
        """
        people = {}
        for client in clients:
            with suppress(Exception):
                own = self.population.split(client).own
                people[client] = Person(own.group, len(own.y), *self.population.episode_rows(client))
        return people

    def _run(
        self,
        phase: str,
        clients: Sequence[int],
        work: Callable[[str, list[int]], Answer],
        most: int | None,
        fewer: Mapping[int, int] | None = None,
    ) -> Answer:
        total: Contribution = NOTHING
        rows: list[Rows] = []
        failures: list[Failure] = []
        halved: list[Halved] = []
        client_vectors: list[ClientVectors] = []
        own: dict[int, Vector] = {}
        whole = self.federation.chunks(clients, evaluation=phase == "evaluate")
        for family, chunk in ((family, piece) for family, one in whole for piece in alike(one, fewer or {})):
            for answer in self._isolated(f"{phase} {family}", family, chunk, partial(work, family), most):
                total += answer.contribution
                rows += answer.rows
                failures += answer.failures
                halved += answer.halved
                client_vectors += answer.client_vectors
                own |= answer.own
        return Answer(total, rows, failures, halved, client_vectors, own=own)

    def _train_chunk(
        self,
        vectors: Vectors,
        family: str,
        chunk: list[int],
        server_round: int,
        states: States,
        ask: Mapping[str, Plain],
        fewer: Mapping[int, int],
    ) -> Answer:
        # of a chunk all take as many steps as its first
        algorithm = self.algorithms[family]
        algorithm = algorithm if chunk[0] not in fewer else algorithm.shortened(fewer[chunk[0]])
        task, draw = self.tasks[family], self._on_device(self.population.training(chunk, server_round))
        draw = self._faults.mislabeled(draw, task, chunk, server_round)
        theta = self._theta(vectors, family)
        state = self._state(theta, family, chunk, states)
        plan = self._plan(self.experiment.local, server_round, chunk)
        update = algorithm.update(task, theta, state, draw.episode, server_round, *plan)
        # a name without a direction is one that the algorithm leaves alone
        whole = {
            n: update.directions.get(n, torch.zeros_like(t).expand(len(chunk), *t.shape)) for n, t in theta.items()
        }
        flat, faulty, absent = self._faults.sent(self.layout.flatten(whole, self._parts(family)), chunk, server_round)
        fresh = flatten_state(update.state) if update.state else None
        finite = update.losses.abs() <= LARGEST
        for rows in (*flat.values(), *([] if fresh is None else [fresh])):
            # in one pass: a sum with infinity or NaN in it is not finite
            finite &= torch.isfinite(rows.sum(1))
        why = {failure.client: failure.reason for failure in faulty}
        if why:
            finite &= torch.tensor([client not in why for client in chunk], device=finite.device)
        kept = torch.nonzero(finite).squeeze(1)
        gone = [client for client, ok in zip(chunk, finite.tolist(), strict=True) if not ok]
        lost = [Failure(client, why.get(client, NOT_FINITE)) for client in gone]
        if not len(kept):
            return Answer(NOTHING, [], lost)
        # whose update is forged from all others' says nothing of its own
        chosen = [index for index in kept.tolist() if chunk[index] not in absent]
        speaking = kept if len(chosen) == len(kept) else torch.tensor(chosen, dtype=kept.dtype, device=kept.device)
        own = flat if len(chosen) == len(chunk) else {part: rows[speaking] for part, rows in flat.items()}
        updates = ClientUpdates(
            update.losses[speaking],
            update.weights[speaking],
            own,
            clients=[chunk[index] for index in chosen],
            family=family,
            groups=[draw.examples[index].group for index in chosen],
            rows=[len(draw.examples[index].y) for index in chosen],
            rates=Rates(self.experiment.outer.rate, algorithm.local_rate),
        )
        contribution, client_vectors, hidden = (
            contributed(self.federation, updates, ask, server_round) if chosen else Contributed(NOTHING)
        )
        headline = self.experiment.headline_of(task.kind)
        score = standing(headline, task, update.output, draw.episode.query)
        least = self.experiment.least_rows(task.kind)
        table = rows_of(chunk, task.kind, draw, [update.step], update.losses.unsqueeze(1), score.unsqueeze(1), least)
        if fresh is not None:
            # last of all: what fails before is tried again, from the same states
            flat_states = fresh.cpu().numpy()
            for index in kept.tolist():
                states[chunk[index]] = flat_states[index].copy()
        return Answer(
            contribution, [select(table, kept.cpu().numpy())], lost, client_vectors=client_vectors, own=hidden
        )

    def _evaluate_chunk(
        self, vectors: Vectors, family: str, chunk: list[int], states: Mapping[int, np.ndarray]
    ) -> Answer:
        task, draw, path = self.adapting(vectors, family, chunk, states)
        query, steps = draw.episode.query, self.experiment.evaluation_steps
        chosen, headline = self.experiment.scores_of(task.kind), self.experiment.headline_of(task.kind)
        losses, scores, more = [], [], []
        ends: list[torch.Tensor] = []
        for params in path:
            with torch.no_grad():
                output = task.predict(params, query.x, query.mask)
                losses.append(task.loss(output, query))
                scores.append(standing(headline, task, output, query))
                more.append(measured(chosen, task, output, query))
                ends[1:] = [output]  # of the first step and, so far, the last
        least = self.experiment.least_rows(task.kind)
        table = rows_of(chunk, task.kind, draw, range(steps + 1), torch.stack(losses, 1), torch.stack(scores, 1), least)
        if headline is not None:  # of another score than a task's own nobody knows the best possible
            table = replace(table, oracle_score=np.full(len(chunk), np.nan))
        own = np.where((table.sizes[:, 2] >= least)[:, None, None], np.stack(more, 1), np.nan)
        table = replace(table, scores=dict(zip(chosen, np.moveaxis(own, 2, 0), strict=True)))
        if self.experiment.keep_predictions and task.kind != "control":
            table = replace(table, predictions=kept(task, draw, self.population.attributes(family), ends[0], ends[-1]))
        return Answer(NOTHING, [table], [])

    def _plan(self, settings: Training, server_round: int, chunk: list[int]) -> list[Plan]:
        """Return how the clients train, if anything is said about that: an algorithm of old knows of no plans."""
        return [Plan.of(settings, self.experiment.seed, server_round, chunk)] if settings.changed else []

    def adapting(
        self,
        vectors: Vectors,
        family: str,
        chunk: list[int],
        states: Mapping[int, np.ndarray],
        steps: int | None = None,
    ) -> tuple[Task, Draw, Iterator[Params]]:
        """Return the task of clients of one family, their evaluation episodes, and their parameters step by step.

        Args:
            vectors: θ's parts.
            family: Their family.
            chunk: The clients.
            states: Their personal states.
            steps: Inner steps. Default: those of evaluation.
        """
        task, draw = self.tasks[family], self._on_device(self.population.evaluation(chunk))
        theta = self._theta(vectors, family)
        state = self._state(theta, family, chunk, states)
        taken = self.experiment.evaluation_steps if steps is None else steps
        start = spread(theta, len(chunk))
        plan = self._plan(self.experiment.eval, 1, chunk)
        algorithm = self.algorithms[family]
        return algorithm.predictor(task), draw, algorithm.adapt(task, start, state, draw.episode.support, taken, *plan)

    def _state(
        self, theta: Params, family: str, chunk: list[int], states: Mapping[int, np.ndarray]
    ) -> dict[str, torch.Tensor]:
        """Stack the personal states ``(C, …)`` of a chunk; a client that has none yet gets a new one."""
        own = {
            name: self.initial[name].to(self.device)
            for name in self.initial
            if part_of(name) in self.roster.parts(family)
        }
        new = self.algorithms[family].personal({**own, **theta})
        if not new:
            return {}
        fresh = flatten_state({name: tensor.unsqueeze(0) for name, tensor in new.items()})[0]
        flat = torch.stack(
            [torch.from_numpy(states[client]).to(fresh) if client in states else fresh for client in chunk]
        )
        pieces = flat.split([tensor.numel() for tensor in new.values()], dim=1)
        return {
            name: piece.reshape(len(chunk), *tensor.shape)
            for (name, tensor), piece in zip(new.items(), pieces, strict=True)
        }

    def _parts(self, family: str) -> tuple[str, ...]:
        return tuple(part for part in self.layout.parts if part in self.roster.parts(family))

    def _theta(self, vectors: Vectors, family: str) -> dict[str, torch.Tensor]:
        missing = [part for part in self._parts(family) if part not in vectors]
        if missing:
            raise ValueError(f"θ lacks the parts {missing} that family {family!r} needs")
        held = {
            part: torch.from_numpy(np.array(vectors[part])).to(self.device, self.population.dtype)
            for part in self._parts(family)
        }
        return self.layout.unflatten(held)

    def _on_device(self, draw: Draw) -> Draw:
        support, query = (Batch(*(t.to(self.device) for t in batch)) for batch in draw.episode)
        return draw._replace(episode=draw.episode._replace(support=support, query=query))


def alike(chunk: list[int], fewer: Mapping[int, int]) -> list[list[int]]:
    """Cut a chunk into those of its clients that take equally many inner steps, in the order of their first.

    They are trained by the same code as a chunk whose clients all take so many: nothing is masked, nothing wasted.
    """
    if not fewer:
        return [chunk]
    grouped: dict[int | None, list[int]] = {}
    for client in chunk:
        grouped.setdefault(fewer.get(client), []).append(client)
    return list(grouped.values())


def flatten_state(state: Params) -> torch.Tensor:
    """Lay personal states ``(C, …)`` out as one vector a client ``(C, S)``, in the order of their names."""
    return torch.cat([tensor.flatten(1) for tensor in state.values()], dim=1)


def rows_of(
    chunk: list[int],
    kind: Kind,
    draw: Draw,
    steps: Sequence[int],
    losses: torch.Tensor,
    scores: torch.Tensor,
    least: int = 1,
) -> Rows:
    """Tabulate losses and scores ``(C, S)`` of a chunk with sizes, groups and best possible scores.

    The scores of a client with fewer than ``least`` query rows are undefined, NaN.
    """
    best = means([own.oracle_score[r.query] for own, r in zip(draw.examples, draw.rows, strict=True)])
    if kind == "regression":
        best = 1 - best / constant_error(draw.episode.query).cpu().double().numpy()
    sizes = np.array(
        [(len(own.y), len(r.support), len(r.query)) for own, r in zip(draw.examples, draw.rows, strict=True)], np.int64
    )
    score = scores.cpu().double().numpy().copy()
    few = sizes[:, 2] < least
    score[few], best[few] = np.nan, np.nan
    return Rows(
        client=np.array(chunk, np.int64),
        steps=np.array(steps, np.int64),
        loss=losses.cpu().double().numpy(),
        score=score,
        oracle_score=best.astype(np.float64),
        sizes=sizes,
        group=[own.group for own in draw.examples],
        name=names if any(names := [own.name for own in draw.examples]) else (),
    )


def means(values: list[np.ndarray]) -> np.ndarray:
    """Return the mean of each client's values ``(n,)``, at once where all have equally many: to the same bits."""
    alike = len({each.shape for each in values}) == len({each.dtype for each in values}) == 1
    return np.stack(values).mean(1) if alike else np.array([each.mean() for each in values])


def select(rows: Rows, kept: np.ndarray) -> Rows:
    """Return the rows of the clients at the positions ``kept``, in ascending order and each once."""
    if len(kept) == len(rows.client):
        return rows
    return Rows(
        rows.client[kept],
        rows.steps,
        rows.loss[kept],
        rows.score[kept],
        rows.oracle_score[kept],
        rows.sizes[kept],
        [rows.group[index] for index in kept],
        [rows.name[index] for index in kept] if rows.name else (),
        {name: values[kept] for name, values in rows.scores.items()},
    )
