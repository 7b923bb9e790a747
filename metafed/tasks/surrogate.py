r"""Loaded DiCE: a function of log-probabilities whose derivatives estimate those of the expected cost.

□(z) = exp(z − ⊥z), where ⊥ stops gradients: 1 in value, ∇□(z) = □(z) ∇z. With the actions' log-probabilities
ℓ_t, v_t = Σ_{s<t} λ^{t−s} ℓ_s and w_t = v_t + ℓ_t, a trajectory has

    Σ_t [□(w_t) − □(v_t)] A_t,    A_t = Σ_{s≥t} cost_s − b_t

(Farquhar, Whiteson, Foerster, "Loaded DiCE", NeurIPS 2019, arXiv 1909.10549, after Foerster et al., "DiCE", ICML 2018,
arXiv 1802.05098). Its value is 0 and its gradient the policy gradient Σ_t ∇ℓ_t A_t for every λ. For λ = 1 its
derivatives of *all* orders are unbiased, but the second ones have a variance that grows with T². λ = 0 leaves out of
the Hessian how earlier actions change the worth of later ones, E[∇ℓ_t ∇Q_tᵀ + …]: low variance, some bias. That
is the LVC estimator of Rothfuss et al., "ProMP", ICLR 2019, arXiv 1810.06784.

The baseline b_t is linear in the observation and polynomial in time (Duan et al. 2016, arXiv 1604.06778, as used in
Finn et al. 2017). It is fitted to the *other* trajectories of the client: so b_t does not depend on
the trajectory's own actions, and no derivative of any order is biased by it.
"""

import torch

RIDGE = 1e-3
"""Added to the diagonal of the baseline's normal equations, which have a unit a step."""


def to_go(cost: "torch.Tensor") -> "torch.Tensor":
    """Return what is still to be paid at each step, that step's cost included, ``(…, T)``."""
    return cost.flip(-1).cumsum(-1).flip(-1)


def baseline(
    seen: "torch.Tensor", running: "torch.Tensor", target: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Predict ``target (C, N, T)`` for each trajectory from the client's others, by ridge regression.

    A client's only trajectory is predicted to be 0.

    Args:
        seen: Observations ``(C, N, T, O)``.
        running: 1 for steps that were taken ``(C, N, T)``; the others do not count.
        target: What to predict.
        mask: 1 for trajectories that are there, 0 for padding ``(C, N)``.
    """
    # normal equations square what is lost to rounding: float64
    x, y = _features(seen).double(), target.double()
    weight = (running * mask.unsqueeze(-1)).double().unsqueeze(-1)
    gram = (x * weight).mT @ x
    moment = ((x * weight).mT @ y.unsqueeze(-1)).squeeze(-1)
    gram, moment = (whole.sum(1, keepdim=True) - whole for whole in (gram, moment))
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    # without the check: a client whose numbers are not finite must not stop its neighbours
    slopes, _ = torch.linalg.solve_ex(gram + RIDGE * eye, moment)
    predicted: torch.Tensor = (x @ slopes.unsqueeze(-1)).squeeze(-1)
    return predicted.to(target.dtype)


def _features(seen: "torch.Tensor") -> "torch.Tensor":
    """Return 1, time, its square and cube, observations and their squares, ``(C, N, T, 4 + 2 O)``."""
    clock = torch.linspace(0, 1, seen.shape[2], dtype=seen.dtype, device=seen.device)
    powers = torch.stack([clock**power for power in range(4)], -1).expand(*seen.shape[:3], 4)
    return torch.cat([powers, seen, seen.square()], -1)


def surrogate(log_prob: "torch.Tensor", advantage: "torch.Tensor", memory: float) -> "torch.Tensor":
    """Return Σ_t [□(w_t) − □(v_t)] A_t of each trajectory ``(C, N)``: 0 in value.

    Args:
        log_prob: ℓ ``(C, N, T)``; 0 for a step that was not taken.
        advantage: A ``(C, N, T)``, without a gradient.
        memory: λ in 0…1.
    """
    moments = torch.arange(log_prob.shape[-1], device=log_prob.device)
    since = moments - moments.unsqueeze(1)
    weight = (memory ** since.clamp(min=0).to(log_prob.dtype)).where(since > 0, 0.0)
    before = log_prob @ weight
    return ((_box(before + log_prob) - _box(before)) * advantage).sum(-1)


def _box(z: "torch.Tensor") -> "torch.Tensor":
    return torch.exp(z - z.detach())
