"""Faults on purpose: clients that crash, hang, send what cannot be used, or lie, by ``--faults FILE.toml``."""

from metafed.faults.plan import KINDS, Fault, Faults, read_faults

__all__ = ["KINDS", "Fault", "Faults", "read_faults"]
