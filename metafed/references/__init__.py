"""Simple references, which a method must beat: what a client's own rows, or one model for all, reach without it."""

from metafed.references import constant, local, means, nearest, pooled, prior
from metafed.references.base import Reference

REFERENCES = {
    "constant": Reference(constant.outputs),
    "nearest": Reference(nearest.outputs),
    "nearest-mean": Reference(means.outputs, means.undefined),
    "pooled": Reference(pooled.outputs, pooled.undefined),
    "pooled-prior": Reference(prior.outputs, prior.undefined),
    "local-tuned": Reference(local.outputs),
}
"""The references by name; ``--references usual`` are all of them."""
