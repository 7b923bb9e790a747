"""The smallest image that a network takes, and what is said of smaller ones."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from metafed.models import Conv4, SmallConv
from simulation.run import main

WORDS = [
    "--tasks",
    "i.toml",
    "--clients",
    "8",
    "--rounds",
    "1",
    "--engine",
    "local",
    "--quiet",
    "--no-report",
    "--out",
    "r",
]


def network(name, size, kernels="torch"):
    image = (1, *size)
    if name == "conv4":
        return Conv4("p", 3, image, 4, "none", "relu", kernels=kernels)
    return SmallConv("p", 3, image, 4, 8, "none", "relu", kernels=kernels)


def embedded(net):
    theta = {name: torch.ones(2, *shape) for name, shape in net.body.items()}
    return net.embed(theta, torch.ones(2, 5, net.image[1] * net.image[2]))


@pytest.mark.parametrize(("name", "kind"), [("conv4", Conv4), ("small-conv", SmallConv)])
@pytest.mark.parametrize("turned", [False, True])
def test_it_is_where_the_network_has_a_pixel_left(name, kind, turned):
    large = 40

    def size(small):
        return (large, small) if turned else (small, large)

    found = embedded(network(name, size(kind.smallest)))
    assert found.shape[2] > 0
    assert torch.isfinite(found).all()
    with pytest.raises(RuntimeError, match=r"too small|greater than|size"):
        embedded(network(name, size(kind.smallest - 1)))


@pytest.mark.parametrize(("side", "named"), [(7, ["mlp"]), (8, ["small-conv", "mlp"]), (15, ["small-conv", "mlp"])])
def test_a_run_of_smaller_images_says_which_network_takes_them(tmp_path, monkeypatch, capsys, side, named):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("i.npz", who=np.arange(160) % 8, y=rng.integers(0, 3, 160), px=rng.random((160, side, side)))
    text = f'data = "i.npz"\nclient = "who"\ntarget = "y"\nfeatures = "px"\nimage = [1, {side}, {side}]\n'
    (tmp_path / "i.toml").write_text(text)
    assert main(WORDS) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"image = [1, {side}, {side}]" in said
    assert "16 × 16 at least" in said
    for name in named:
        assert f"--network {name}" in said
    assert main([*WORDS, "--network", named[0], "--width", "8"]) == 0


@pytest.mark.parametrize("image", [[1, 8, 8], [1, 1, 1], [1, 2, 2], [3, 4, 4]])
def test_a_tiny_image_has_one_clear_message_and_a_network_that_takes_it(tmp_path, monkeypatch, capsys, image):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("i.npz", who=np.arange(160) % 8, y=rng.integers(0, 3, 160), px=rng.random((160, *image)))
    Path("i.toml").write_text(f'data = "i.npz"\nclient = "who"\ntarget = "y"\nfeatures = "px"\nimage = {image}\n')
    assert main(WORDS) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"image = {image}" in said
    takes = re.findall(r"--network ([\w-]+)", said)
    assert takes
    assert not Path("r").exists()
    for name in takes:
        assert main([*WORDS[:-1], name, "--network", name, "--width", "8"]) == 0, name
