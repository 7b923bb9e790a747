"""AFL: Mohri, Sivek, Suresh, "Agnostic Federated Learning", ICML 2019, arXiv 1902.00146.

minimise over θ the maximum over λ of Σ λ_k F_k, with λ on the simplex: θ steps along Σ λ_k g_k, and
λ ← projection of λ + γ ∂/∂λ onto the simplex, where ∂/∂λ_k is F_k. λ starts uniform and is the server's state.

Over clients: N clients can be sampled, a_k = N λ_k w_k and b_k = w_k. Of a cohort of m, an unbiased estimate of
∂/∂λ has (N / m) F_k for the sampled and 0 for the others; a common shift does not change the projection, so F_k minus
the cohort's mean says the same with less noise, and equal losses leave λ as it is. Over groups (of all families
together) or families: F is a group's mean loss and a_k = w_k λ_g W / W_g, so that the trunk steps along
Σ λ_g · mean direction of g; a group that is met for the first time gets the mean of the others' λ.

γ = rate / N: with 0, λ stays uniform, which is ``mean`` over clients, and over groups the mean of group means. Losses
of different families are compared as they are. Ours returns the last θ, not the average over rounds.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, cast, final

import numpy as np
import torch
import tyro
from pydantic import Field

from metafed.core.parameters import Vector
from metafed.core.traits import NOTHING as NO_TRAITS
from metafed.core.traits import Trait
from metafed.objectives.base import LOSSES, ClientUpdates, Contribution, Objective, Plain, State, quotients, summed
from metafed.objectives.groups import by_group, can_be_by_group, combined, groups_of
from metafed.objectives.simplex import project


@final
class Minimax(Objective):
    """AFL: the worst mixture of clients, or of groups of clients."""

    name: Annotated[Literal["minimax"], tyro.conf.Suppress] = "minimax"
    over: Literal["clients", "groups", "families"] = Field(
        "clients", description="What the worst mixture is of. groups: those of every family, together."
    )
    rate: float = Field(
        0.1, ge=0, allow_inf_nan=False, description="Rate of λ, times the number of clients or groups; 0: uniform."
    )

    @property
    def needs(self) -> frozenset[Trait]:
        """What the server must get of single clients."""
        return LOSSES if self.over == "clients" else NO_TRAITS

    def start(self, seen: int) -> State:
        """λ uniform: ``rest`` for all of the ``seen`` that have no ``own``; groups are not known yet."""
        return {"seen": seen, "rest": 1 / seen, "own": {}} if self.over == "clients" else {"own": {}}

    def ask(self, state: State, clients: Sequence[int]) -> dict[str, Plain]:
        """N λ of these clients: ``rest`` for those that are not among ``who``."""
        if self.over != "clients":
            return {}
        own, seen = state["own"], state["seen"]
        who = [client for client in clients if str(client) in own]
        return {"rest": seen * state["rest"], "who": who, "own": [seen * own[str(client)] for client in who]}

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum the directions by λ, and the weights; or both by group, with the groups' losses."""
        if self.over != "clients":
            return by_group(updates, self.over)
        who, own = cast(list[int], ask["who"]), cast(list[float], ask["own"])
        known, rest = dict(zip(who, own, strict=True)), cast(float, ask["rest"])
        weights = updates.weights.double()
        relative = torch.tensor([known.get(client, rest) for client in updates.clients], dtype=torch.float64)
        return summed(updates, weights * relative.to(weights.device), weights)

    def can_sum(self, total: Contribution, clients: int, heaviest: float) -> bool:
        """Say whether it can be a sum by groups."""
        return self.over == "clients" or can_be_by_group(total, clients, heaviest)

    def step(self, total: Contribution, state: State, losses: Mapping[int, float]) -> tuple[dict[str, Vector], State]:
        """Step by the λ that was, then move λ."""
        if self.over == "clients":
            named = {str(client): loss for client, loss in losses.items() if np.isfinite(loss)}
            return quotients(total), self._moved(state, named, state["seen"])
        groups = groups_of(total)
        state = joined(state, list(groups))
        everybody = sum(group.weight for group in groups.values())
        factors = {label: state["own"][label] * everybody / group.weight for label, group in groups.items()}
        means = {label: group.loss for label, group in groups.items()}
        return combined(total, factors), self._moved(state, means, len(state["own"]))

    def _moved(self, state: State, losses: Mapping[str, float], of: int) -> State:
        """Return the state after λ's step by the ``losses`` of those of the ``of`` that took part."""
        if not losses or not self.rate:
            return state
        own = {**dict.fromkeys(losses, state.get("rest", 0.0)), **state["own"]}
        names = sorted(own)
        middle = float(np.mean(list(losses.values())))
        # γ = rate / N, times N / m
        steps = [self.rate / len(losses) * (losses[name] - middle) if name in losses else 0.0 for name in names]
        values = np.array([own[name] for name in names]) + np.array(steps)
        counts, others = np.ones_like(values), of - len(names)
        if others > 0:
            values, counts = np.append(values, state["rest"]), np.append(counts, others)
        found = project(values, counts).tolist()
        after = {**state, "own": dict(zip(names, found, strict=False))}
        return {**after, "rest": found[-1]} if others > 0 else after


def joined(state: State, labels: Sequence[str]) -> State:
    """Return the state with groups that are new: they get the mean of all λ, and the others make room."""
    own = state["own"]
    new = [label for label in labels if label not in own]
    size = len(own) + len(new)
    return {**state, "own": {name: own[name] * len(own) / size for name in own} | dict.fromkeys(new, 1 / max(size, 1))}
