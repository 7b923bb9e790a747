"""Classes of a client's own, several columns of a group, and other targets in evaluation."""

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight

ROLES = {"client": "user", "target": "y", "features": ["a", "b"]}


def table(**columns):
    """Return eight clients with twelve rows each."""
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user": np.repeat([f"u{number}" for number in range(8)], 12),
            "a": rng.normal(size=96),
            "b": rng.normal(size=96),
            "y": rng.integers(0, 3, 96),
            **columns,
        }
    )


def checked(**keys):
    """Return the federation of a table, and each client's rows by name."""
    columns = keys.pop("columns", {})
    made = Federation(mf.Experiment(families=[mf.Family.from_frame("t", table(**columns), **ROLES, **keys)], clients=8))
    preflight(made)
    return made, {made.called(client): made.population.split(client).own for client in range(8)}


def test_classes_of_the_clients_own_are_its_slots():
    # labels that no two clients share: two, three or four of them
    labels = [f"{user}-{row % (2 + user % 3)}" for user in range(8) for row in range(12)]
    made, own = checked(columns={"y": labels}, anonymous=True)
    assert made.choices[0].anonymous
    assert made.sources[0].outputs == 4
    for user in range(8):
        assert own[f"u{user}"].y.tolist() == [row % (2 + user % 3) for row in range(12)]
    assert "at most 4 classes that are the client's own" in " ".join(made.sources[0].notes)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"anonymous": True, "classes": [0, 1, 2]}, "classes is for classes that clients share"),
        ({"anonymous": True, "rare": 3}, "rare counts rows by label"),
        ({"anonymous": True, "kind": "regression"}, "anonymous is for classes"),
        ({"shots": {"evaluation_share": 0.2}, "block": "a2"}, "evaluation-share does nothing with block"),
        ({"target_evaluation": "y"}, "target-evaluation = 'y' is the target: name another column"),
        ({"target_evaluation": "clean", "time": "a2"}, "target-evaluation is for one target"),
        ({"target_evaluation": "celan"}, r"has no column 'celan', the target.*clean"),
    ],
)
def test_what_does_not_go_together(keys, message):
    columns = {"clean": np.arange(96) % 3, "a2": np.arange(96)}
    with pytest.raises(mf.DataError, match=message):
        checked(columns=columns, **keys)


def test_several_columns_of_a_group_are_joined():
    columns = {
        "sex": ["f" if user % 2 else "m" for user in range(8) for _ in range(12)],
        "age": [user // 4 for user in range(8) for _ in range(12)],
    }
    _, own = checked(columns=columns, group=["sex", "age"])
    assert {name: rows.group for name, rows in own.items()} == {
        f"u{user}": f"{'f' if user % 2 else 'm'} / {user // 4}" for user in range(8)
    }
    columns["age"][0] = 7
    with pytest.raises(mf.DataError, match="client 'u0' has several values of 'sex', 'age', the group"):
        checked(columns=columns, group=["sex", "age"])


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_evaluation_rows_have_clean_targets(kind):
    clean = np.arange(96) % 3
    made, own = checked(
        columns={"clean": clean, "y": (clean + 1) % 3}, target_evaluation="clean", kind=kind, scale=None
    )
    for user in range(8):
        rows, evaluation = own[f"u{user}"].y, own[f"u{user}"].evaluation
        expected = np.where(evaluation, clean[12 * user : 12 * user + 12], (clean[12 * user : 12 * user + 12] + 1) % 3)
        if kind == "regression":
            target = made.sources[0].target
            expected = (expected - target.mean[0]) / target.unit[0]
        assert np.allclose(rows.ravel(), expected, atol=1e-6)
        assert evaluation.sum() == 6
    assert "evaluation rows have the target 'clean'" in made.sources[0].notes


def test_labels_that_differ_from_clean_ones_are_called_noisy_and_the_noisiest_group_is_named():
    clean = np.arange(96) % 3
    group = np.repeat(["plain", "noisy"], 48)
    wrong = (group == "noisy") & (np.arange(96) % 4 == 0)
    columns = {"clean": clean, "y": np.where(wrong, (clean + 1) % 3, clean), "group": group}
    made, _ = checked(columns=columns, target_evaluation="clean", group="group")
    said = "labels are noisy: 'y' differs from 'clean' in 12% of all rows"
    said += ", and in 25% of those of group 'noisy', the noisiest"
    assert said in made.sources[0].notes
    made, _ = checked(columns={**columns, "y": clean}, target_evaluation="clean", group="group")
    assert not any("noisy" in note for note in made.sources[0].notes)
