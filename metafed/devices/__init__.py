"""Devices of people, and a virtual clock: what a round takes on them. Where *we* compute is ``--device``."""
