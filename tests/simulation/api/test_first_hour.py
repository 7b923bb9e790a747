"""What somebody who is new to it tried: each is one message, or right."""

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.core.errors import DataError, SettingError
from simulation import simulate
from simulation.cli.errors import BadInput

SMALL = {"clients": 10, "width": 8, "rounds": 1, "eval_every": 0}


def people(scale=1.0):
    rng = np.random.default_rng(0)
    return {f"p{n}": (rng.standard_normal((20, 2)), scale * rng.standard_normal(20)) for n in range(10)}


@pytest.mark.parametrize("rows", [np.zeros((3, 2, 2)), np.array([[1.0], [3]]), np.zeros((2, 3)), np.zeros(2), "x"])
def test_an_adapted_network_takes_rows_of_its_own_width_only(rows):
    fed = mf.Federation(mf.Experiment(families=[mf.Family.from_arrays("own", people())], **SMALL))
    adapted = fed.adapt(fed.init(), 0)
    assert adapted(np.zeros((3, 2))).shape == (3, 1)
    with pytest.raises(SettingError, match=r"rows: an array of numbers \('N', 2\), not "):
        adapted(rows)


@pytest.mark.parametrize("scale", [1e150, 1e200, 1e-200])
def test_targets_of_any_unit_are_learned_alike(scale):
    def losses(scale):
        family = mf.Family.from_arrays("own", people(scale))
        run = simulate(mf.Experiment(families=[family], **SMALL), engine="local", progress=False)
        return run.clients.sort("phase", "round", "client", "step")["loss"].to_numpy()

    np.testing.assert_allclose(losses(scale), losses(1.0), rtol=1e-4)


def test_columns_of_frames_go_by_their_names():
    frames = {name: (pl.DataFrame(x, schema=["a", "b"]), y) for name, (x, y) in people().items()}
    turned = {name: (x.select("b", "a") if name == "p1" else x, y) for name, (x, y) in frames.items()}
    one, other = (mf.Family.from_arrays("own", each) for each in (frames, turned))
    assert one.sources.keys() == other.sources.keys()  # named by the hash of what is in them


@pytest.mark.parametrize(
    ("arrays", "name", "text"),
    [
        (
            {0: (np.zeros((5, 1)), np.zeros(5)), "0": (np.zeros((5, 1)), np.zeros(5))},
            "own",
            "two clients are called '0'",
        ),
        (
            (({1: np.zeros(5), "1": np.ones(5)}), np.zeros(5), np.arange(5)),
            "own",
            "two columns of x have one name: 1, 1",
        ),
        (people(), "all", "'all' cannot name a family"),
    ],
)
def test_what_would_be_lost_is_refused(arrays, name, text):
    with pytest.raises(DataError, match=text):
        mf.Family.from_arrays(name, arrays)


@pytest.mark.parametrize(
    ("experiment", "how", "text"),
    [
        ({}, {}, r"simulate\(experiment\): an Experiment, not dict"),
        (None, {"seeds": 3}, "simulate has no setting 'seeds'"),
        (None, {"callbacks": print}, r"simulate\(callbacks\): a list of functions, not <built-in function print>"),
        (None, {"callbacks": ["x"]}, r"simulate\(callbacks\): a list of functions, not \['x'\]"),
    ],
)
def test_simulate_ignores_nothing(experiment, how, text):
    with pytest.raises(BadInput, match=text):
        simulate(experiment, engine="local", **how)
