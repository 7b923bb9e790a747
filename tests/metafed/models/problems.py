"""Problems with known answers, in float64."""

from dataclasses import dataclass

import torch

from metafed.core.episodes import Batch, Episode
from metafed.core.streams import stream
from metafed.models import Mlp, initialize, layout
from metafed.tasks.task import task_of

torch.set_num_threads(1)


@dataclass(frozen=True)
class Quadratic:
    """``L(w; batch) = ½ (w − c)ᵀ A (w − c)``: ``batch.x`` holds A ``(C, D, D)``, ``batch.y`` c ``(C, D)``."""

    def predict(self, params, x, mask=None):
        return params["trunk.w"].unsqueeze(1)

    def loss(self, output, batch):
        away = output.squeeze(1) - batch.y
        return 0.5 * torch.einsum("ci,cij,cj->c", away, batch.x, away)


def tensor(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def quadratic(clients=3, size=4, seed=0):
    """Return θ, an episode, and the pieces (A, c, B, e) of the closed form."""
    rng = stream(seed, "quadratic")

    def positive():
        root = tensor(rng, clients, size, size)
        return root @ root.mT / size + 0.5 * torch.eye(size, dtype=torch.float64)

    a, b, c, e = positive(), positive(), tensor(rng, clients, size), tensor(rng, clients, size)
    ones = torch.ones(clients, 1, dtype=torch.float64)
    theta = {"trunk.w": tensor(rng, size)}
    return theta, Episode(Batch(a, c, ones), Batch(b, e, ones)), (a, c, b, e)


def network(kind="classification", activation="tanh", clients=3, rows=(7, 9), seed=0, depth=1):
    """Return a task, θ and an episode of ``clients`` clients with full masks."""
    outputs = 3
    model = Mlp("toy", features=5, outputs=outputs, width=8, depth=depth, activation=activation)
    task = task_of(model, kind)
    theta = initialize(layout({"toy": model}), seed, torch.float64)
    # heads start small; a larger one makes second derivatives matter
    theta = {name: value * (3 if ".head." in name else 1) for name, value in theta.items()}
    rng = stream(seed, "network")

    def batch(count):
        x = tensor(rng, clients, count, 5)
        if kind == "classification":
            y = torch.from_numpy(rng.integers(0, outputs, (clients, count)))
        else:
            y = tensor(rng, clients, count, outputs)
        return Batch(x, y, torch.ones(clients, count, dtype=torch.float64))

    return task, theta, Episode(batch(rows[0]), batch(rows[1]))


def one(episode, client):
    """Return the episode of one client, C = 1."""
    pick = slice(client, client + 1)
    return Episode(*(Batch(*(part[pick] for part in batch)) for batch in episode))


def relative(left, right):
    """Relative distance of two parameter sets."""
    away = sum((left[n] - right[n]).square().sum() for n in right)
    return float((away / sum(right[n].square().sum() for n in right)).sqrt())
