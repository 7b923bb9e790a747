"""What somebody who is new to it tried: each is one message, or right."""

import functools

import numpy as np
import polars as pl
import pytest
import torch

import metafed as mf
from metafed.core.errors import DataError, SettingError
from simulation import simulate, sweep
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


def test_a_loop_knows_who_is_held_out_for_what_and_takes_whole_numbers_only():
    fed = mf.Federation(mf.Experiment(tasks="avatar", unseen=0.2, validation=0.3, **SMALL))
    assert (fed.seen, fed.validation, fed.unseen) == ([0, 1, 2, 3, 4], [5, 6, 7], [8, 9])
    for client in (True, "0", 0.0):
        with pytest.raises(SettingError, match="a client is a whole number"):
            fed.round(fed.init(), [client], 1)
    with pytest.raises(BadInput, match=r"Federation\(experiment\): an Experiment, not dict"):
        mf.Federation({})


@pytest.mark.parametrize(
    ("axes", "how", "text"),
    [
        ({"width": 8}, {}, r"sweep\(axes\): width is 8; give a list of values to try"),
        ({"width": []}, {}, r"sweep\(axes\): width is \[\]; give a list"),
        ({"objective": "mean"}, {}, r"sweep\(axes\): objective is 'mean'; give a list"),
        ({"width": [8]}, {"resume": "x"}, "sweep has no setting 'resume'"),
    ],
)
def test_a_sweep_ignores_nothing(axes, how, text):
    with pytest.raises(BadInput, match=text):
        sweep(mf.Experiment(**SMALL), axes, engine="local", **how)


@pytest.mark.parametrize("key", [{"separator": ";"}, {"quote": "'"}, {"nothing": ["NA"]}])
def test_keys_of_a_text_file_are_refused_for_rows_in_memory(key):
    with pytest.raises(DataError, match=f"{next(iter(key))} says how a text file is read"):
        mf.Family.from_arrays("own", people(), **key)


@pytest.mark.parametrize("share", [0.9, 0.99])
def test_validation_clients_are_as_many_as_asked_for(share):
    with pytest.raises(SettingError, match="leave nobody to train on; choose smaller shares"):
        mf.Experiment(validation=share, **SMALL)


def test_a_network_is_a_class_or_a_function():
    made = mf.Experiment(network=lambda inputs, outputs: torch.nn.Linear(1, 1))
    assert made.network.startswith("session:lambda")
    for thing in (functools.partial(torch.nn.Linear, 2), torch.nn.Linear(2, 2)):
        with pytest.raises(SettingError, match="a class, or a function that is written with def or lambda"):
            mf.Experiment(network=thing)
