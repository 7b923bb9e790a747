"""MAML on a machine of little memory: beyond three clients at a time the allocator refuses, as it does in earnest."""

import os
import signal
from typing import ClassVar

import torch

from metafed.algorithms import Maml
from metafed.algorithms.base import Outer
from metafed.algorithms.inner import Descent

FITS = 3
MOST = 2**60
"""Bytes that no machine has."""


class Greedy(Descent):
    """Allocates for each client beyond the third what no machine has."""

    fits: int = FITS
    killed: bool = False

    outer: ClassVar[Outer] = Outer("sgd", 1.0)

    def adapt(self, task, start, state, support, steps):
        """Yield MAML's φ_0 … φ_K."""
        self.allocate(len(support.mask))
        return Maml(inner_steps=self.inner_steps).adapt(task, start, state, support, steps)

    def update(self, task, theta, state, episode, server_round):
        """Return MAML's update."""
        self.allocate(len(episode.support.mask))
        return Maml(inner_steps=self.inner_steps).update(task, theta, state, episode, server_round)

    def allocate(self, clients):
        """Ask for memory; on a machine that kills who asks for too much, be killed."""
        if self.killed and clients > self.fits:
            os.kill(os.getpid(), signal.SIGKILL)
        torch.empty(MOST if clients > self.fits else 1, dtype=torch.uint8)
