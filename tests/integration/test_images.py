"""Images through the host: clients in a chunk do not touch one another, whatever their sizes."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import metafed as mf
from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation import simulate


def experiment(folder, **settings):
    base = {
        "clients": 20,
        "unseen": 0.5,
        "tasks": "omniglot:5w1s",
        "data_dir": str(folder),
        "filters": 4,
        "precision": "float64",
        "algorithm": {"name": "maml", "inner_steps": 1, "inner_lr": 0.4},
    }
    return Experiment(**{**base, **settings})


def theta_of(experiment):
    theta, layout = Federation(experiment).theta, Federation(experiment).layout
    return {part: flat.numpy() for part, flat in layout.flatten(theta, layout.parts).items()}


@pytest.mark.parametrize("name", ["maml", "protonet", "reptile"])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_chunks_of_any_size_agree(name, norm, some_data):
    answers = []
    for chunk in (1, 4):
        chosen = experiment(some_data, norm=norm, chunk=chunk, algorithm={"name": name})
        host, theta = Host(Federation(chosen)), theta_of(chosen)
        # seen and unseen clients have query sets of 15 and 75 rows: one chunk has both, padded
        clients = [8, 9, 10, 11]
        assert [client < Federation(chosen).roster.seen for client in clients] == [True, True, False, False]
        trained, evaluated = host.train(theta, clients[:3], 1, {}), host.evaluate(theta, clients, {})
        assert not trained.failures + evaluated.failures
        rows = [np.concatenate([getattr(rows, key) for rows in evaluated.rows]) for key in ("loss", "score", "sizes")]
        answers.append((trained.contribution.directions["omniglot"], *rows))
    for alone, together in zip(*answers, strict=True):
        np.testing.assert_allclose(alone, together, rtol=1e-10, atol=1e-12)
    assert answers[0][3][:, 2].tolist() == [15, 15, 75, 75]


def test_a_client_with_images_holds_its_own_part_and_no_trunk(some_data):
    assert set(theta_of(experiment(some_data))) == {"omniglot"}
    mixed = experiment(some_data, tasks="omniglot:5w1s,sinusoid")
    assert set(theta_of(mixed)) == {"trunk", "omniglot", "sinusoid"}
    host = Host(Federation(mixed))
    answer = host.train(theta_of(mixed), [0, 1, 2, 3], 1, {})
    assert not answer.failures
    assert dict(answer.contribution.weights) == {"trunk": 2.0, "sinusoid": 2.0, "omniglot": 2.0}
    assert {len(rows.client) for rows in answer.rows} == {2}


def test_digits_of_scikit_learn_are_images_from_python_and_from_a_file(tmp_path):
    digits = load_digits()
    x, y = digits.images[:, None], digits.target
    np.savez(tmp_path / "digits.npz", x=x, y=y)
    (tmp_path / "digits.toml").write_text(
        'data = "digits.npz"\ntarget = "y"\nfeatures = ["x"]\nimage = [1, 8, 8]\n'
        '[partition]\nkind = "dirichlet"\nclients = 12\nalpha = 0.3\n'
    )
    how = {"partition": mf.Dirichlet(clients=12, alpha=0.3), "image": (1, 8, 8)}
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    families = [
        mf.Family.from_file(tmp_path / "digits.toml"),
        mf.Family.from_arrays("digits", (x, y), **how),
        mf.Family.from_torch("digits", dataset, **how),
    ]
    settings = {"clients": 12, "cohort": 4, "rounds": 2, "network": "small-conv", "filters": 4, "eval_clients": 2}
    runs = [
        simulate(mf.Experiment(families=[family], **settings), engine="local", progress=False) for family in families
    ]
    assert len({run.theta_sha256 for run in runs}) == 1
    assert (4, 1, 3, 3) in [value.shape for value in runs[0].theta.values()]
    assert runs[0].clients["score"].is_not_nan().all()
