"""What a notebook uses: ``from simulation import simulate, compare, sweep, load``; see ``docs/python.md``."""
