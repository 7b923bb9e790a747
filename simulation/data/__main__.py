"""``python -m simulation.data``."""

import sys

from simulation.data.command import main

if __name__ == "__main__":
    sys.exit(main())
