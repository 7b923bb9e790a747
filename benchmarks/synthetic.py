"""``python -m benchmarks.synthetic --out FOLDER``: q-FFL's synthetic data, as a table and its description.

Li, Sanjabi, Beirami, Smith, ICLR 2020, arXiv 1905.10497, appendix; Li et al., MLSys 2020, arXiv 1812.06127, section
5.1: Synthetic(1, 1). Client k has y = argmax(W_k x + b_k) with W_k and b_k of N(u_k, 1) and u_k of N(0, 1), and x of
N(v_k, Σ) with v_k of N(B_k, 1), B_k of N(0, 1) and Σ diagonal, Σ_jj = j^−1.2. Its number of rows is that of a
log-normal of 4 and 2, and 50.

Ours: ``--most`` cuts the number of a client's rows: the largest ones take most of the time.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.results import complain
from metafed.core.streams import stream
from simulation.cli.errors import BadInput

CLIENTS, FEATURES, CLASSES = 100, 60, 10
FEWEST = 50
"""Rows of a client."""
DESCRIPTION = """# Synthetic(1, 1): python -m benchmarks.synthetic
data = "synthetic.npz"
client = "user"
target = "label"
features = ["x"]
kind = "classification"

[shots]
support = 4
query = 4
evaluation = 10000
evaluation-share = 0.2
"""


class Table(NamedTuple):
    """Rows of all clients: ``user (n,)``, ``label (n,)`` and ``x (n, 60)``."""

    user: np.ndarray
    label: np.ndarray
    x: np.ndarray


def made(seed: int, clients: int, most: int | None = None) -> Table:
    """Draw the clients and their rows, ``most`` of each at most."""
    deviation = np.arange(1, FEATURES + 1) ** -0.6
    users, labels, rows = [], [], []
    for client in range(clients):
        rng = stream(seed, "synthetic", client)
        size = FEWEST + int(rng.lognormal(4, 2))
        size = size if most is None else min(most, size)
        mean, centre = rng.normal(), rng.normal()
        weights, bias = rng.normal(mean, 1, (FEATURES, CLASSES)), rng.normal(mean, 1, CLASSES)
        x = rng.normal(centre, 1, FEATURES) + deviation * rng.normal(size=(size, FEATURES))
        users.append(np.full(size, client))
        labels.append((x @ weights + bias).argmax(1))
        rows.append(x.astype(np.float32))
    return Table(np.concatenate(users), np.concatenate(labels), np.concatenate(rows))


def main(argv: Sequence[str] | None = None) -> int:
    """Write ``synthetic.npz`` and ``synthetic.toml``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder of the two files; default: data")
    parser.add_argument("--seed", type=int, default=0, help="of the clients")
    parser.add_argument("--most", type=int, help="rows of a client at most; default: as many as are drawn")
    options = parser.parse_args(argv)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        np.savez(options.out / "synthetic.npz", **made(options.seed, CLIENTS, options.most)._asdict())
        (options.out / "synthetic.toml").write_text(DESCRIPTION, encoding="utf-8")
    except OSError as error:
        return complain(BadInput(f"--out {options.out}: {error.strerror}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
