"""The synthetic data of q-FFL: as its paper draws them, and as a table that a run reads."""

import numpy as np

import metafed as mf
from benchmarks.synthetic import CLASSES, FEATURES, FEWEST, made, main
from metafed.federation.federation import Federation


def test_clients_have_the_sizes_spreads_and_labels_of_the_paper():
    table = made(3, clients=40)
    sizes = np.bincount(table.user)
    assert sizes.min() >= FEWEST
    assert sizes.max() > 1000
    np.testing.assert_array_equal(np.bincount(made(3, clients=40, most=500).user), sizes.clip(max=500))
    assert table.x.shape == (sizes.sum(), FEATURES)
    assert set(table.label) <= set(range(CLASSES))
    # within a client the j-th feature has the variance j^-1.2, whatever the client's mean
    own = np.mean([table.x[table.user == user].var(0, ddof=1) for user in range(40)], axis=0)
    np.testing.assert_allclose(own, np.arange(1, FEATURES + 1) ** -1.2, rtol=0.3)
    again, other = made(3, clients=40), made(4, clients=40)
    assert np.array_equal(table.x, again.x)
    assert not np.array_equal(table.label[:50], other.label[:50])


def test_the_command_writes_what_a_run_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.synthetic.CLIENTS", 6)
    assert main(["--out", str(tmp_path / "made")]) == 0
    family = mf.Family.from_file(tmp_path / "made" / "synthetic.toml")
    population = Federation(mf.Experiment(families=[family], clients=6, unseen=0.0)).population
    assert population.split(0).own.x.shape[1] == FEATURES
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file")]) == 2
    assert "--out" in capsys.readouterr().err
