"""The one function that every engine calls: train or evaluate a list of clients from θ."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from metafed.episodes import Batch
from metafed.experiment import Experiment
from metafed.objectives import NOTHING, Contribution, Mean
from metafed.parameters import TRUNK, Vectors, spread
from metafed.population import Draw, Population, layout_of, tasks
from metafed.roster import Roster
from metafed.tasks import Kind, constant_error
from metafed.wire import Answer, Failure, Rows

NOT_FINITE = "the update is not finite"


class Host:
    """Runs clients of one experiment. Everything it answers follows from θ, the round and the clients."""

    def __init__(self, experiment: Experiment, device: str = "cpu") -> None:
        self.experiment = experiment
        self.roster = Roster(experiment)
        self.population = Population(experiment)
        self.tasks = tasks(experiment)
        self.layout = layout_of(experiment)
        self.objective = Mean()
        self.device = torch.device(device)

    def train(self, theta: Vectors, clients: Sequence[int], server_round: int) -> Answer:
        """Run one episode of each client from θ and sum what they say.

        Args:
            theta: θ's parts ``(size,)``, at least those that the clients hold.
            clients: Client ids, in any order; they are trained in chunks of one family.
            server_round: The round, which selects the episodes.
        """
        return self._run(
            clients, lambda family, chunk: self._train_chunk(theta, family, chunk, server_round)
        )

    def evaluate(self, theta: Vectors, clients: Sequence[int]) -> Answer:
        """Adapt each client on its evaluation support set and judge it after each of the steps 0 … K."""
        return self._run(clients, lambda family, chunk: self._evaluate_chunk(theta, family, chunk))

    def _run(self, clients: Sequence[int], work: Callable[[str, list[int]], Answer]) -> Answer:
        answers = [
            answer for family, chunk in self.roster.chunks(clients) for answer in isolated(work, family, chunk)
        ]
        contribution: Contribution = sum((answer.contribution for answer in answers), NOTHING)
        return Answer(
            contribution,
            [rows for answer in answers for rows in answer.rows],
            [failure for answer in answers for failure in answer.failures],
        )

    def _train_chunk(self, vectors: Vectors, family: str, chunk: list[int], server_round: int) -> Answer:
        task, draw = self.tasks[family], self._on_device(self.population.training(chunk, server_round))
        update = self.experiment.algorithm.update(task, self._theta(vectors, family), draw.episode)
        flat = self.layout.flatten(update.directions, self._parts(family))
        finite = torch.isfinite(update.losses)
        for rows in flat.values():
            finite &= torch.isfinite(rows).all(1)
        kept = torch.nonzero(finite).squeeze(1)
        score = task.score(update.output, draw.episode.query)
        contribution = NOTHING
        if len(kept):
            contribution = self.objective.share(
                update.losses[kept], {part: rows[kept] for part, rows in flat.items()}
            )
        steps = [self.experiment.algorithm.training_steps]
        table = rows_of(chunk, task.kind, draw, steps, update.losses.unsqueeze(1), score.unsqueeze(1))
        lost = [Failure(client, NOT_FINITE) for client, ok in zip(chunk, finite.tolist(), strict=True) if not ok]
        return Answer(contribution, [select(table, kept.cpu().numpy())] if len(kept) else [], lost)

    def _evaluate_chunk(self, vectors: Vectors, family: str, chunk: list[int]) -> Answer:
        task, draw = self.tasks[family], self._on_device(self.population.evaluation(chunk))
        support, query = draw.episode
        start = spread(self._theta(vectors, family), len(chunk))
        steps = self.experiment.evaluation_steps
        losses, scores = [], []
        for params in self.experiment.algorithm.adapt(task, start, support, steps):
            with torch.no_grad():
                output = task.predict(params, query.x)
                losses.append(task.loss(output, query))
                scores.append(task.score(output, query))
        table = rows_of(
            chunk, task.kind, draw, range(steps + 1), torch.stack(losses, 1), torch.stack(scores, 1)
        )
        return Answer(NOTHING, [table], [])

    def _parts(self, family: str) -> tuple[str, ...]:
        return tuple(part for part in self.layout.parts if part in (TRUNK, family))

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


def isolated(work: Callable[[str, list[int]], Answer], family: str, chunk: list[int]) -> Iterator[Answer]:
    """Do a chunk's work; where it fails, do each client's alone, so that the one at fault costs only itself."""
    try:
        yield work(family, chunk)
    except Exception as error:
        if len(chunk) == 1:
            yield Answer(NOTHING, [], [Failure(chunk[0], f"{type(error).__name__}: {error}")])
        else:
            for client in chunk:
                yield from isolated(work, family, [client])


def rows_of(
    chunk: list[int],
    kind: Kind,
    draw: Draw,
    steps: Sequence[int],
    losses: torch.Tensor,
    scores: torch.Tensor,
) -> Rows:
    """Tabulate losses and scores ``(C, S)`` of a chunk with the clients' sizes, groups and best possible scores."""
    best = np.array([own.ceiling[r.query].mean() for own, r in zip(draw.examples, draw.rows, strict=True)])
    if kind == "regression":
        best = 1 - best / constant_error(draw.episode.query).cpu().double().numpy()
    sizes = [
        (len(own.y), len(r.support), len(r.query)) for own, r in zip(draw.examples, draw.rows, strict=True)
    ]
    return Rows(
        client=np.array(chunk, np.int64),
        steps=np.array(steps, np.int64),
        loss=losses.cpu().double().numpy(),
        score=scores.cpu().double().numpy(),
        ceiling=best.astype(np.float64),
        sizes=np.array(sizes, np.int64),
        group=[own.group for own in draw.examples],
    )


def select(rows: Rows, kept: np.ndarray) -> Rows:
    """Return the rows of the clients at the positions ``kept``."""
    return Rows(
        rows.client[kept],
        rows.steps,
        rows.loss[kept],
        rows.score[kept],
        rows.ceiling[kept],
        rows.sizes[kept],
        [rows.group[index] for index in kept],
    )
