"""IFCA: Ghosh, Chung, Yin, Ramchandran, NeurIPS 2020, arXiv 2006.04088, Algorithm 1, model averaging.

The server holds M models. A client gets all, takes the one that has the smallest loss on its rows, and trains that as
in FedAvg. Each model becomes the uniform mean of what those clients made of it that took it; a model that nobody took
stays. A client sends θ_j − w_k for the model j that it took, and 0 for the others, and which it took: M times the bytes
each way.

Ours: the loss on the support set chooses, in training as in evaluation, so that no client chooses by the rows that it
is evaluated on; unseen clients choose alike. A client chooses for all of its parts at once, and each part is averaged
by itself. The models begin as ``several`` says. By default full-batch steps on support and query rows, as in
``fedavg``.
"""

from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.local_training import LocalTraining
from metafed.algorithms.several import Models, several
from metafed.core.episodes import Batch
from metafed.core.parameters import Params, part_of
from metafed.tasks.task import Task
from metafed.training.optimizers import wide

TAKEN = "taken"
"""What the models' shares of the clients are called within a part."""
ROUNDING = 1e-6
"""By how much a mean may differ from what it should be."""


@final
class Ifca(LocalTraining):
    """FedAvg of several models, of which a client takes the one that suits it best."""

    name: Annotated[Literal["ifca"], tyro.conf.Suppress] = "ifca"
    title: ClassVar[str] = "IFCA"
    models: Models = 3

    weighable_losses: ClassVar[bool] = True
    fine_tunes: ClassVar[bool] = False

    def beside(self, name: str) -> bool:
        """Who took which model."""
        return name.split(".")[1] == TAKEN

    def adapts(self, name: str) -> bool:
        """The network."""
        return not self.beside(name)

    def shared(self, theta: Params) -> Params:
        """M models, and by part which shares of the last cohort took them."""
        some = next(iter(theta.values()))
        taken = {f"{part}.{TAKEN}": some.new_zeros(self.models) for part in dict.fromkeys(map(part_of, theta))}
        return {**several(theta, self.models), **taken}

    def begin(self, task: Task, start: Params, state: Params, support: Batch) -> Params:
        """Return the model of the smallest loss, and which it is."""
        with torch.no_grad():
            models = [{n: v[:, j] for n, v in start.items() if self.adapts(n)} for j in range(self.models)]
            losses = [task.loss(task.predict(model, support.x, support.mask), support) for model in models]
            which = torch.stack(losses, 1).argmin(1)
            clients = torch.arange(len(which), device=which.device)
            chosen = torch.nn.functional.one_hot(which, self.models).to(losses[0])
            return {n: v[clients, which] if self.adapts(n) else chosen for n, v in start.items()}

    def sent(self, start: Params, trained: Params) -> Params:
        """Return θ_j − w_k of the model that the client took, 0 of the others; and state which it took."""
        (chosen, *_) = (value for name, value in start.items() if self.beside(name))
        away = {n: (start[n] - trained[n]).unsqueeze(1) for n in start if self.adapts(n)}
        steps = {n: d * chosen.view(*chosen.shape, *[1] * (d.ndim - 2)) for n, d in away.items()}
        return {n: steps.get(n, chosen) for n in start}

    def can_state(self, mean: Params, clients: int) -> bool:
        """Everybody took one model."""
        return all(is_share(taken, clients) for name, taken in mean.items() if self.beside(name))

    def outer_directions(self, theta: Params, mean: Params, share: float, kept: Params) -> tuple[Params, Params]:
        """Return the mean over those who took a model, for each model; of the shares the way to the new ones."""
        (name,) = (name for name in mean if self.beside(name))
        weights = torch.where(mean[name] > 0, 1 / mean[name].clamp(min=torch.finfo(mean[name].dtype).tiny), 0)
        return {n: theta[n] - d if n == name else d * wide(weights, d) for n, d in mean.items()}, kept


def is_share(taken: "torch.Tensor", clients: int) -> bool:
    """Return whether models' shares ``(M,)`` of at most so many clients add up to 1, and none is of less than one."""
    some = (taken == 0) | (taken * clients > 1 - ROUNDING)
    return bool(some.all()) and abs(float(taken.sum()) - 1) < ROUNDING
