"""Records made by hand: folders with a manifest, rounds and clients' rows, as a run leaves them."""

import json

import numpy as np

from metafed.experiment.settings import Experiment
from server.record.tables import sha256_of
from tests.metafed.fairness.frames import client, frame


def record(folder, seed=0, shift=0.0, reason="done", clients=20, algorithm="maml", drop=(), after=4, **settings):
    """Write a run of ``clients`` people, half of them unseen, whose scores depend on the seed, plus ``shift``.

    They are evaluated after round ``after``.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    people = []
    for number in range(clients):
        start, end = 0.2 + 0.2 * rng.random(), 0.5 + 0.3 * rng.random() + shift
        own = {"seen": number < clients // 2, "n": 10 + number, "query": 50, "group": "ab"[number % 2]}
        own["round"] = after
        if number not in drop:
            people.append(client(number, [start, end], family=("assistant", "avatar")[number % 4 // 2], **own))
    rows = frame(*people)
    rows.write_parquet(folder / "clients.parquet")
    values = {"clients": clients, "tasks": "assistant,avatar", "unseen": 0.5, "seed": seed, "algorithm": algorithm}
    experiment = Experiment(**{**values, **settings}).model_dump(mode="json")
    manifest = {"experiment": experiment, "seed": seed, "exit_reason": reason, "data": {}}
    manifest["clients_sha256"] = sha256_of(folder / "clients.parquet")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "rounds.jsonl").write_text("")
    return folder


def study(folder, seeds=5, shift=0.0, references=(), reason="done", **settings):
    """Write a study; each reference is a pair of a name and a shift."""
    folder.mkdir(parents=True)
    for seed in range(seeds):
        record(folder / f"seed-{seed}", seed, shift + 0.002 * (seed % 3), **settings)
        for name, other in references:
            record(folder / name / f"seed-{seed}", seed, other, **{**settings, "algorithm": "local"})
    manifest = {"kind": "study", "references": [name for name, _ in references], "exit_reason": reason}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
