"""What is computed, as plain settings, and the rules between them."""

from metafed.experiment.settings import Experiment

__all__ = ["Experiment"]
