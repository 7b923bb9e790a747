"""The papers' and flwr-datasets' algorithms, line by line, for one comparison: each returns a list of rows a client."""

import numpy as np


def iid(labels, clients, rng):
    """McMahan et al. 2017: the data are shuffled, and then partitioned into clients."""
    rows = list(range(len(labels)))
    rng.shuffle(rows)
    return [rows[number::clients] for number in range(clients)]


def shards(labels, clients, each, rng):
    """McMahan et al. 2017: sort by label, divide into shards, and give each client some."""
    rows = sorted(range(len(labels)), key=lambda row: labels[row])
    size = len(rows) // (clients * each)
    pieces = [rows[k * size : (k + 1) * size] for k in range(clients * each)]
    rng.shuffle(pieces)
    return [[row for piece in pieces[number::clients] for row in piece] for number in range(clients)]


def yurochkin(labels, clients, alpha, smallest, rng):
    """PFLlib and flwr-datasets' DirichletPartitioner with self_balancing and min_partition_size."""
    while True:
        parts = [[] for _ in range(clients)]
        for label in range(max(labels) + 1):
            rows = [row for row in range(len(labels)) if labels[row] == label]
            shares = rng.dirichlet([alpha] * clients)
            shares = [s if len(part) < len(labels) / clients else 0.0 for s, part in zip(shares, parts, strict=True)]
            start, total = 0, 0.0
            for number, share in enumerate(shares):
                total += share
                end = len(rows) if number == clients - 1 else int(total / sum(shares) * len(rows))
                parts[number] += rows[start:end]
                start = end
        if min(map(len, parts)) >= smallest:
            return parts


def hsu(labels, clients, alpha, rng):
    """Hsu et al. 2019: a client draws q ~ Dir(alpha p), then one row after the other, of a class drawn by q."""
    left = [[row for row in range(len(labels)) if labels[row] == label] for label in range(max(labels) + 1)]
    prior = np.array([len(pool) for pool in left]) / len(labels)
    parts = []
    for _ in range(clients):
        q, own = rng.dirichlet(alpha * prior), []
        for _ in range(len(labels) // clients):
            q = np.array([share if pool else 0.0 for share, pool in zip(q, left, strict=True)])
            if q.sum() == 0:
                q = np.array([float(len(pool)) for pool in left])
            own.append(left[rng.choice(len(left), p=q / q.sum())].pop())
        parts.append(own)
    return parts


def pathological(labels, clients, classes):
    """PFLlib's "pat" with balance: class by class the first clients that may have more, for each as many rows."""
    parts, free, kinds = [[] for _ in range(clients)], [classes] * clients, max(labels) + 1
    for label in range(kinds):
        owners = [number for number in range(clients) if free[number]][: -(-clients * classes // kinds)]
        rows = [row for row in range(len(labels)) if labels[row] == label]
        for place, number in enumerate(owners):
            parts[number] += rows[place :: len(owners)]
            free[number] -= 1
    return parts


def quantity(labels, clients, alpha, least, rng):
    """Li et al. 2022: shares of rows ~ Dir(alpha), here of those that are more than ``least`` for each."""
    shares = rng.dirichlet([alpha] * clients)
    spare = len(labels) - least * clients
    sizes = [least + int(share * spare) for share in shares]
    rows = list(rng.permutation(len(labels)))
    return [[rows.pop() for _ in range(size)] for size in sizes]
