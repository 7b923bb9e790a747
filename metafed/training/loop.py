"""The loop over epochs and batches, for clients of unequal sizes at once.

Clients with many batches come first, so that those who still have one are always the first of the chunk: whoever has
none left in an epoch waits, and nothing of it changes, neither parameters nor an optimizer's state.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import torch

from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.training.batches import Dealt, Plan
from metafed.training.settings import Length

State: TypeAlias = Mapping[str, Params]
"""What changes from step to step, and what a step needs besides: groups of tensors ``(C, …)`` by name."""
Advance: TypeAlias = Callable[[State, Batch, float], State]
"""Return the groups of a state that change in a step, from the state, the batch, and the factor of the rate."""


def run(state: State, rows: Batch, plan: Plan, length: Length, advance: Advance) -> Iterator[State]:
    """Yield the state at the start and after each epoch, or each step.

    Args:
        state: Where the clients start, in the chunk's order, in which all is yielded.
        rows: The clients' rows.
        plan: How they train.
        length: How long.
        advance: Takes a step of the first clients of a state on one batch.
    """
    yield state
    dealt = Dealt(rows, plan)
    places = torch.from_numpy(dealt.places).to(rows.mask.device)
    here = chosen(state, places)
    for number in range(length.number):
        factor = plan.factor(number, length)
        for count, batch in dealt.unit(number, length):
            now = here if count == len(places) else chosen(here, slice(count))
            here = written(here, advance(now, batch, factor), count == len(places))
        yield chosen(here, dealt.back)


def chosen(state: State, clients: "torch.Tensor | slice") -> State:
    """Return the state of some clients; by a tensor of positions it is a copy."""
    return {group: {name: value[clients] for name, value in params.items()} for group, params in state.items()}


def written(state: State, part: State, whole: bool) -> State:
    """Return the state with new values of its first clients, or of all: the ``whole``."""
    if whole:
        return {**state, **{group: {**state[group], **params} for group, params in part.items()}}
    with torch.no_grad():
        for group, params in part.items():
            for name, value in params.items():
                state[group][name][: len(value)] = value
    return state
