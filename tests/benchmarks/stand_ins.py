"""Small files in place of the images and rows that files in experiments/ name; images in the publishers' form."""

import shutil

import numpy as np

from benchmarks.synthetic import main as synthetic
from tests.metafed.data.files.test_forms import write_cifar, write_idx


def with_small_images(experiments, folder):
    """Copy ``experiments`` into ``folder``, so that its files name small sets of images there; and made rows."""
    shutil.copytree(experiments, folder / "experiments")
    mnist, cifar = folder / "fashion-mnist", folder / "cifar"
    rng = np.random.default_rng(0)
    write_idx(mnist, rng.integers(0, 256, (6_000, 28, 28), np.uint8), rng.integers(0, 10, 6_000), suffix="")
    write_cifar(cifar, rows=2_000)
    assert synthetic(["--out", str(folder / "data"), "--most", "60"]) == 0
    places = {"/usr/share/datasets/fashion-mnist": mnist, "../../data/cifar-10-batches-bin": cifar}
    for file in (folder / "experiments").rglob("*.toml"):
        text = file.read_text(encoding="utf-8")
        for place, small in places.items():
            text = text.replace(f'data = "{place}"', f'data = "{small}"')
        file.write_text(text, encoding="utf-8")
