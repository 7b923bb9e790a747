"""``python -m simulation.report``."""

import sys

from simulation.report.command import main

if __name__ == "__main__":
    sys.exit(main())
