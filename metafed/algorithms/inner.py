"""The inner loop, which all gradient-based algorithms share.

φ_{i+1} = φ_i − a_i ⊙ (∇L(φ_i; batch) + λ (φ_i − anchor)). What tells the algorithms apart is which
parameters have a rate a_i, whether the rates are learned, what the parameters are pulled to, on
which rows they descend, and whether the path can be differentiated.
"""

from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar, NamedTuple, Protocol, TypeAlias, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import MOST_STEPS, Algorithm, Table, hook
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Task
from metafed.training.batches import Plan
from metafed.training.loop import Advance, State, run
from metafed.training.optimizers import Moments, moments
from metafed.training.optimizers import step as optimizer_step
from metafed.training.settings import FineTuning, Training

InnerSteps: TypeAlias = Annotated[
    int,
    tyro.conf.arg(aliases=("--inner-steps",)),
    Field(ge=0, le=MOST_STEPS, description="Inner steps K of a client in a round."),
]
SomeInnerSteps: TypeAlias = Annotated[InnerSteps, Field(ge=1)]
"""``InnerSteps`` where learned rates make none senseless."""
InnerRate: TypeAlias = Annotated[
    float,
    tyro.conf.arg(aliases=("--inner-lr",)),
    Field(gt=0, allow_inf_nan=False, description="Inner learning rate α. Default: the families' own."),
]

Rates: TypeAlias = "Mapping[str, float | torch.Tensor]"
"""Learning rates of one step by parameter name; a parameter without one stays as it is."""


class Learnable(Protocol):
    """What steps descend on; a ``Task`` is one. What it needs besides the rows is among the parameters, per client."""

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return what ``loss`` takes."""

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's loss ``(C,)``."""


class Pull(NamedTuple):
    """What every step minimises beside the loss: ½ λ ‖φ − anchor‖² + ⟨shift, φ⟩; empty parameters are no term."""

    anchor: Params
    strength: float
    shift: Params = MappingProxyType({})

    def added(self, slopes: Params, phi: Params) -> Params:
        """Return gradients ``(C, …)`` with those of the terms at φ."""
        if self.anchor:
            slopes = {n: g + self.strength * (phi[n] - self.anchor[n]) for n, g in slopes.items()}
        return {n: g + self.shift[n] for n, g in slopes.items()} if self.shift else slopes


class Descent(Algorithm, ABC):
    """An algorithm whose clients take ``inner_steps`` gradient steps; its hooks say on what, how far, and to where."""

    inner_steps: InnerSteps = 5
    inner_lr: InnerRate = 0.1

    fine_tunes: ClassVar[bool] = True
    """Whether a client's prediction is by adapted parameters, or by θ as it is."""

    @property
    def training_steps(self) -> int:
        """K."""
        return self.inner_steps

    @property
    def evaluation_steps(self) -> int:
        """K as well; 0 for a method that does not adapt."""
        return self.inner_steps if self.fine_tunes else 0

    @hook
    def adapts(self, name: str) -> bool:
        """Say whether the inner steps move parameter ``name``; all do."""
        return True

    @hook
    def private(self, name: str) -> bool:
        """Say whether parameter ``name`` is the client's own: kept there, and never sent; none is."""
        return False

    @hook
    def rates(self, start: Params, steps: int) -> "Sequence[Rates]":
        """Return the rates of each step from ``start`` ``(C, …)``: α for all that ``adapts``."""
        return [everywhere(filter(self.adapts, start), self.inner_lr)] * steps

    @hook
    def pull(self, anchor: Params) -> Pull | None:
        """Return the proximal term that every step minimises as well; there is none."""
        return None

    @hook
    def uses(self, table: Table) -> frozenset[str]:
        """In evaluation all, but where it has rates of its own at every step; of local training none."""
        plain = type(self).rates is Descent.rates
        return frozenset(FineTuning.model_fields) if plain and table == "eval" else frozenset()

    @hook
    def evaluation_warning(self, steps: int) -> str | None:
        """None, except where a method that does not adapt is made to."""
        if self.fine_tunes or steps == 0:
            return None
        return (
            f"{type(self).__name__} predicts with θ as it is, at step 0; the --eval-steps {steps} fine-tune it,"
            " as fedavg-ft does"
        )

    @hook
    def shared(self, theta: Params) -> Params:
        """All that is not private."""
        return {name: value for name, value in theta.items() if not self.private(name)}

    @hook
    def personal(self, theta: Params) -> Params:
        """All that is private; where nothing is, a client starts from θ every time."""
        return self.own(theta)

    @hook
    def begin(self, task: Task, start: Params, state: Params, support: Batch) -> Params:
        """Return what a client starts from, in training and in evaluation: what it and the server hold together."""
        return {**start, **self.own(state)}

    @hook
    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield φ_0 … φ_K from where a client begins."""
        whole = self.begin(task, start, state, support)
        return map(self.composed, self.trains(task, whole, support, steps, plan, pull=self.pull(start)))

    @hook
    def composed(self, whole: Params) -> Params:
        """Return the parameters that a client predicts with, from those that it and the server hold: just these."""
        return whole

    @hook
    def local_objective(self, task: Task) -> Learnable:
        """Return what every step of ``trains`` descends on: the task's own loss."""
        return task

    @final
    def trains(
        self,
        task: Task,
        start: Params,
        rows: Batch,
        steps: int,
        plan: Plan | None,
        *,
        pull: Pull | None = None,
        names: Iterable[str] | None = None,
    ) -> Iterator[Params]:
        """Yield φ at the start and after each step on all rows; or, by a plan, after each of its epochs or steps.

        Args:
            task: The clients' network and loss.
            start: Where to start ``(C, …)``.
            rows: The rows to train on.
            steps: How many steps, where the plan has no epochs.
            plan: How to train; None: in full-batch steps at the rates of ``rates``.
            pull: A proximal term that every step minimises as well.
            names: Parameters that move, at rate α; None: those that ``adapts``.
        """
        learned = self.local_objective(task)
        if plan is None:
            rates = self.rates(start, steps) if names is None else [everywhere(names, self.inner_lr)] * steps
            return descend(learned, start, rows, rates, pull=pull)
        moved = list(filter(self.adapts, start) if names is None else names)
        return follow(learned, start, rows, plan, steps, self.inner_lr, moved, pull)

    @final
    def own(self, params: Params) -> Params:
        """Return the private ones of ``params``."""
        return {name: value for name, value in params.items() if self.private(name)}


def everywhere(names: Iterable[str], rate: float) -> Rates:
    """Give every one of the parameters ``names`` the same rate."""
    return dict.fromkeys(names, rate)


def beside_name(what: str, name: str) -> str:
    """Return the name of what belongs to a parameter and is in its part: ``trunk.0.bias`` → ``trunk.WHAT.0.bias``."""
    part, _, rest = name.partition(".")
    return f"{part}.{what}.{rest}"


def rate_name(name: str) -> str:
    """Return the name of the learned rate of parameter ``name``: ``trunk.0.bias`` → ``trunk.rate.0.bias``."""
    return beside_name("rate", name)


def own_name(name: str) -> str:
    """Return the name of a client's own counterpart of a parameter: ``trunk.0.bias`` → ``trunk.own.0.bias``."""
    return beside_name("own", name)


def is_own(name: str) -> bool:
    """Say whether ``name`` is one of ``own_name``."""
    return name.split(".")[1] == "own"


def gradient(
    task: Learnable, params: Params, batch: Batch, names: Iterable[str], *, graph: bool = False
) -> "dict[str, torch.Tensor]":
    """Return each client's own ∇L(φ; batch) with respect to the parameters ``names``.

    Args:
        task: The clients' network and loss.
        params: φ ``(C, …)``, which require gradients.
        batch: The clients' rows.
        names: Parameters to differentiate with respect to.
        graph: Keep the graph, so that the result can itself be differentiated.
    """
    chosen = list(names)
    if not graph and len(chosen) < len(params):
        params = {name: value if name in chosen else value.detach() for name, value in params.items()}
    losses = task.loss(task.predict(params, batch.x, batch.mask), batch)
    # clients are independent: the gradient of the sum is the stack of the clients' own gradients
    values = torch.autograd.grad(losses.sum(), [params[name] for name in chosen], create_graph=graph)
    return dict(zip(chosen, values, strict=True))


def leaves(params: Params) -> "dict[str, torch.Tensor]":
    """Cut ``params`` off from where they came from, ready to be differentiated with respect to."""
    return {name: phi.detach().requires_grad_() for name, phi in params.items()}


def descend(
    task: Learnable,
    params: Params,
    batch: Batch,
    rates: Sequence[Rates],
    *,
    pull: Pull | None = None,
    graph: bool = False,
) -> Iterator[Params]:
    """Yield φ_0 … φ_K from φ_0 = ``params`` ``(C, …)``, one step for each entry of ``rates``.

    Args:
        task: The clients' network and loss.
        params: Where to start.
        batch: The rows to descend on.
        rates: The rates of each step.
        pull: A proximal term that every step minimises as well.
        graph: Keep the graph from φ_0 to φ_K, so that φ_K can be differentiated with respect to φ_0.
            Without it every φ_i is a leaf: what follows sees no step before it, as in first-order MAML.
    """
    phi = params if graph else leaves(params)
    yield phi
    for step in rates:
        slopes: Params = gradient(task, phi, batch, step, graph=graph)
        if pull is not None:
            slopes = pull.added(slopes, phi)
        phi = {**phi, **{n: stepped(phi[n], g, step[n]) for n, g in slopes.items()}}
        phi = phi if graph else leaves(phi)
        yield phi


def follow(
    task: Learnable,
    start: Params,
    rows: Batch,
    plan: Plan,
    steps: int,
    rate: float,
    names: Sequence[str],
    pull: Pull | None,
) -> Iterator[Params]:
    """Yield φ at the start and after each epoch or step of a plan; the arguments are those of ``Descent.trains``."""
    first = moments(plan.settings, {name: start[name] for name in names})
    pull = pull or Pull({}, 0.0)
    state: State = {"phi": start, "anchor": pull.anchor, "shift": pull.shift, **first._asdict()}
    advance = stepping(task, plan.settings, rate, names, pull.strength)
    for reached in run(state, rows, plan, plan.settings.length(steps), advance):
        yield leaves(reached["phi"])


def stepping(task: Learnable, settings: Training, rate: float, names: Sequence[str], strength: float) -> Advance:
    """Return a step of an optimizer on a batch: of ``phi``, with the terms of ``anchor`` and, if any, ``shift``."""

    def advance(state: State, batch: Batch, factor: float) -> State:
        phi = leaves(state["phi"])
        slopes = Pull(state["anchor"], strength, state.get("shift", {})).added(gradient(task, phi, batch, names), phi)
        with torch.no_grad():
            own = Moments(*(state[group] for group in Moments._fields))
            moved, own = optimizer_step(settings, rate * factor, phi, slopes, own)
        return {"phi": moved, **own._asdict()}

    return advance


def stepped(phi: "torch.Tensor", slope: "torch.Tensor", rate: "float | torch.Tensor") -> "torch.Tensor":
    """Return φ − rate · slope; with a number as rate in one pass over memory."""
    return phi - rate * slope if isinstance(rate, torch.Tensor) else torch.add(phi, slope, alpha=-rate)
