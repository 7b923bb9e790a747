"""Second order through LoRA and its kin is exact: against finite differences, in float64."""

import pytest
import torch

from metafed.algorithms import Fomaml, Maml
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.tasks.task import task_of
from tests.metafed.data.encoder.test_adapter import KINDS, TEXTS, folder, network_of  # noqa: F401  # a fixture

STEPS, RATE, DISTANCE = 2, 0.1, 1e-5


def problem(folder, settings):  # noqa: F811
    network, reader, own = network_of(folder, torch.float64, **settings)
    x = torch.from_numpy(reader.rows(TEXTS)).double().unsqueeze(0)

    def batch(rows):
        return Batch(x[:, rows], torch.tensor([[row % 3 for row in rows]]), torch.ones(1, len(rows), dtype=x.dtype))

    return task_of(network, "classification"), own, Episode(batch([0, 1, 2]), batch([3, 4]))


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_meta_gradient_is_that_of_finite_differences(folder, settings):  # noqa: F811
    task, theta, episode = problem(folder, settings)
    generator = torch.Generator().manual_seed(2)
    maml = Maml(inner_steps=STEPS, inner_lr=RATE)

    def after(own):
        *_, last = maml.adapt(task, spread(own, 1), {}, episode.support, STEPS)
        return float(task.loss(task.predict(last, episode.query.x, episode.query.mask), episode.query).sum().detach())

    found = maml.update(task, theta, {}, episode, 1).directions
    first = Fomaml(inner_steps=STEPS, inner_lr=RATE).update(task, theta, {}, episode, 1).directions
    for _ in range(2):
        way = {name: torch.randn(value.shape, generator=generator, dtype=value.dtype) for name, value in theta.items()}
        ahead, behind = (
            after({name: value + sign * DISTANCE * way[name] for name, value in theta.items()}) for sign in (1, -1)
        )
        slope, exact, short = (
            (ahead - behind) / (2 * DISTANCE),
            *(float(sum((own[n][0] * way[n]).sum() for n in way)) for own in (found, first)),
        )
        assert exact == pytest.approx(slope, rel=1e-6)
        assert abs(short - slope) > 1e-4 * abs(slope)
