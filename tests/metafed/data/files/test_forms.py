"""Folders in the forms in which data sets are published become families by five lines, and damage is one message."""

import gzip
import io
import json
import os
import struct

import datasets
import numpy as np
import polars as pl
import pytest
from PIL import Image

import metafed as mf
from metafed.data.files.forms import form_of
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight

FIVE = """data = "{folder}"
[partition]
kind = "dirichlet"
clients = {clients}
alpha = {alpha}
"""
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def checked(family, **settings):
    """Return the federation that a run would begin with."""
    made = Federation(mf.Experiment(families=[family], **{"clients": 4, "unseen": 0.0, "network": "mlp", **settings}))
    preflight(made)
    return made


def write_idx(folder, images, labels, part="train", suffix=".gz"):
    """Write images and labels as Fashion-MNIST is published."""
    folder.mkdir(exist_ok=True)
    for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
        head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
        data = head + array.astype(np.uint8).tobytes()
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(data) if suffix else data)


def garments(rows, seed=0, side=8):
    """Return images and labels."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, side, side), dtype=np.uint8), rng.permutation(np.arange(rows) % 3)


def write_cifar(folder, rows=120, names=True):
    """Write batches as CIFAR-10's binary version has them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    batches = {}
    for name in ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"):
        data = rng.integers(0, 256, (rows, 3073), dtype=np.uint8)
        data[:, 0] = np.arange(rows) % 10
        batches[name] = data
        (folder / name).write_bytes(data.tobytes())
    if names:
        (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return batches


def jpeg(array, kind="PNG"):
    """Return an image's bytes."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_five_lines_of_toml_and_of_python_are_one_family_of_idx_files(tmp_path, suffix):
    images, labels = garments(300)
    write_idx(tmp_path / "fashion", images[:240], labels[:240], suffix=suffix)
    write_idx(tmp_path / "fashion", images[240:], labels[240:], "t10k", suffix)
    (tmp_path / "f.toml").write_text(FIVE.format(folder="fashion", clients=4, alpha=0.5))
    theirs = checked(mf.Family.from_file(tmp_path / "f.toml", "fashion"))
    how = mf.Dirichlet(clients=4, alpha=0.5)
    ours = checked(mf.Family.from_folder("fashion", tmp_path / "fashion", partition=how))
    plain = checked(mf.Family.from_arrays("fashion", (images[:, None], labels), partition=how, image=[1, 8, 8]))
    for client in range(4):
        made = [federation.population.split(client).own for federation in (theirs, ours, plain)]
        for other in made[1:]:
            assert np.array_equal(made[0].x, other.x)
            assert np.array_equal(made[0].y, other.y)
    assert theirs.sources[0].outputs == 3
    assert len(theirs.sources[0].files) == 5


def test_the_published_test_rows_can_be_the_evaluation_rows(tmp_path):
    images, labels = garments(400)
    write_idx(tmp_path / "set", images[:200], labels[:200])
    write_idx(tmp_path / "set", images[200:], labels[200:], "t10k")
    family = mf.Family.from_folder("set", tmp_path / "set", partition=mf.Iid(clients=4), evaluation="test")
    own = checked(family).population.split(0).own
    assert own.evaluation is not None
    assert 20 < own.evaluation.sum() < 80


def test_cifar_is_read_in_the_publishers_binary_form(tmp_path):
    batches = write_cifar(tmp_path / "cifar")
    form = form_of(tmp_path / "cifar")
    columns = form.read(tmp_path / "cifar")
    first = batches["data_batch_1.bin"][0]
    # red plane, then green, then blue
    assert np.array_equal(columns["image"][0, 1].ravel(), first[1 + 1024 : 1 + 2048])
    assert columns["label"][:11].tolist() == [*NAMES, NAMES[0]]
    assert columns["test"].sum() == 120
    made = checked(mf.Family.from_folder("cifar", tmp_path / "cifar", partition=mf.Dirichlet(clients=4, alpha=1)))
    assert made.sources[0].features == 3072


def write_leaf(folder, users, x, y):
    """Write rows as LEAF's scripts do."""
    folder.mkdir(parents=True)
    data = {user: {"x": x(user), "y": y(user)} for user in users}
    content = {"users": users, "num_samples": [len(own["y"]) for own in data.values()], "user_data": data}
    (folder / "all_data_0_niid_0_keep_0.json").write_text(json.dumps(content))


def test_leaf_femnist(tmp_path):
    rng = np.random.default_rng(0)
    users = [f"f{number:04d}_{number}" for number in range(5)]
    for side, rows in (("train", 12), ("test", 6)):
        write_leaf(
            tmp_path / "femnist" / side,
            users,
            lambda user, rows=rows: rng.random((rows, 784)).round(3).tolist(),
            lambda user, rows=rows: [number % 3 for number in range(rows)],
        )
    (tmp_path / "femnist.toml").write_text('data = "femnist"\n')
    theirs = checked(mf.Family.from_file(tmp_path / "femnist.toml"))
    ours = checked(mf.Family.from_leaf("femnist", tmp_path / "femnist"))
    assert {theirs.called(client) for client in range(4)} < set(users)
    for made in (theirs, ours):
        own = made.population.split(0).own
        assert own.x.shape == (18, 784)
        # LEAF's own split by samples
        assert own.evaluation.sum() == 6
    assert mf.Family.from_leaf("femnist", tmp_path / "femnist").image == (1, 28, 28)


def test_leaf_shakespeare_is_characters(tmp_path):
    text = "to be or not to be that is the question whether tis nobler in the mind " * 3
    users = ["HAMLET", "OPHELIA", "HORATIO", "GERTRUDE"]
    write_leaf(
        tmp_path / "lines",
        users,
        lambda user: [text[start : start + 80] for start in range(len(user), len(user) + 60)],
        lambda user: [text[start + 80] for start in range(len(user), len(user) + 60)],
    )
    made = checked(mf.Family.from_leaf("lines", tmp_path / "lines", rare="drop"))
    own, alphabet = made.population.split(0).own, sorted(set(text))
    assert own.x.shape[1] == 80 * (len(alphabet) + 1)
    name = made.called(0)
    hot = own.x.reshape(len(own.x), 80, -1)
    assert np.array_equal(hot.sum(2), np.ones((len(own.x), 80)))
    # rows keep their order: the first text of the user, letter by letter
    first = text[len(name) : len(name) + 80]
    spelled = ["".join(alphabet[place] for place in row.argmax(1)) for row in hot]
    assert first in spelled


def test_a_folder_of_images_for_each_class(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(20):
            array = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
            (tmp_path / "pets" / label / f"{number:02d}.png").write_bytes(jpeg(array))
    how = mf.Iid(clients=4)
    made = checked(mf.Family.from_folder("pets", tmp_path / "pets", partition=how))
    assert made.sources[0].features == 3 * 9 * 7
    assert made.sources[0].labels == ("cat", "dog")
    (tmp_path / "pets.toml").write_text('data = "pets"\npartition = {kind = "iid", clients = 4}\n')
    other = checked(mf.Family.from_file(tmp_path / "pets.toml"))
    assert np.array_equal(made.population.split(1).own.x, other.population.split(1).own.x)


def hub(**columns):
    """Return a data set of Hugging Face's package."""
    rng = np.random.default_rng(0)
    rows = {
        "person": [f"p{number // 10}" for number in range(60)],
        "mood": [number % 2 for number in range(60)],
        "steps": rng.integers(0, 9000, 60).tolist(),
        **columns,
    }
    made = datasets.Dataset.from_dict(rows)
    return made.cast_column("mood", datasets.ClassLabel(names=["calm", "wild"]))


def test_a_dataset_of_hugging_face_and_its_saved_folder_are_one_family(tmp_path):
    hub().save_to_disk(str(tmp_path / "moods"))
    roles = {"client": "person", "target": "mood", "features": ["steps"]}
    ours = checked(mf.Family.from_huggingface("moods", hub(), **roles))
    saved = checked(mf.Family.from_huggingface("moods", tmp_path / "moods", **roles))
    (tmp_path / "moods.toml").write_text('data = "moods"\nclient = "person"\ntarget = "mood"\nfeatures = ["steps"]\n')
    theirs = checked(mf.Family.from_file(tmp_path / "moods.toml"))
    for made in (ours, saved, theirs):
        assert made.sources[0].labels == ("calm", "wild")
        assert np.array_equal(made.population.split(2).own.x, ours.population.split(2).own.x)


def test_splits_of_hugging_face_and_its_images(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)) for _ in range(60)]
    whole = hub(photo=pictures)
    both = datasets.DatasetDict({"train": whole.select(range(30)), "test": whole.select(range(30, 60))})
    roles = {"client": "person", "target": "mood", "features": ["photo"], "group": "split", "image": [3, 6, 5]}
    made = checked(mf.Family.from_huggingface("photos", both, **roles))
    assert {made.population.split(client).own.group for client in range(4)} == {"train", "test"}
    assert made.sources[0].features == 90


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "train-labels-idx1-ubyte.gz").unlink(), "train-labels-idx1-ubyte.gz is missing"),
        (lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bno"), "is damaged"),
        (
            lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(
                gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", 60, 8, 8) + b"few")
            ),
            "less than the 3,840 bytes that it states",
        ),
        (
            lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(
                gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**31, 2**31, 9))
            ),
            "more than 4 GiB",
        ),
        (lambda folder: write_idx(folder, garments(50)[0], garments(40)[1]), "50 images"),
    ],
)
def test_damaged_idx_files(tmp_path, spoil, message):
    write_idx(tmp_path / "set", *garments(60))
    spoil(tmp_path / "set")
    with pytest.raises(mf.DataError, match=message):
        mf.Family.from_folder("set", tmp_path / "set", partition=mf.Iid(clients=4))


def test_damaged_cifar_and_leaf_and_other_folders(tmp_path):
    write_cifar(tmp_path / "cifar")
    (tmp_path / "cifar" / "test_batch.bin").write_bytes(b"1" * 100)
    with pytest.raises(mf.DataError, match=r"test_batch.bin is damaged: 100 bytes are no whole number of rows"):
        mf.Family.from_folder("cifar", tmp_path / "cifar", partition=mf.Iid(clients=4))
    (tmp_path / "leaf").mkdir()
    (tmp_path / "leaf" / "a.json").write_text('{"users": ["a"], "user_data": {"a": {"x": [[1], [1, 2]], "y": [0, 1]}}}')
    with pytest.raises(mf.DataError, match="x of user 'a' is no list of 1 numbers"):
        mf.Family.from_leaf("leaf", tmp_path / "leaf")
    (tmp_path / "leaf" / "a.json").write_text('{"users": ["a"]}')
    with pytest.raises(mf.DataError, match=r"a.json is no file of LEAF.*'user_data' is missing"):
        mf.Family.from_leaf("leaf", tmp_path / "leaf")
    with pytest.raises(mf.DataError, match="is to have files of LEAF: it has files of CIFAR-10"):
        mf.Family.from_leaf("leaf", tmp_path / "cifar")
    with pytest.raises(mf.DataError, match="no such folder"):
        mf.Family.from_folder("leaf", tmp_path / "nowhere")
    with pytest.raises(mf.DataError, match="got int; give a Dataset"):
        mf.Family.from_huggingface("leaf", 5, client="a", target="b", features="c")


@pytest.mark.parametrize("name", ["data_batch_1.bin", "all_data.json", "photos/a.png"])
def test_files_that_would_fill_the_memory_are_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 5 * 2**30)
    with pytest.raises(mf.DataError, match=r"what is read has 5\.0 GiB, more than 4 GiB"):
        mf.Family.from_folder("odd", tmp_path)


@pytest.mark.parametrize("name", ["data_batch_1.bin", "all_data.json"])
def test_a_pipe_that_never_ends_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(mf.DataError, match=rf"{name} is no file"):
        mf.Family.from_folder("odd", tmp_path)


@pytest.mark.data
def test_fashion_mnist_by_the_protocol_of_pfllib(shared_data, tmp_path):
    with np.load(shared_data / "fashion_mnist" / "fashion_mnist.npz") as whole:
        write_idx(tmp_path / "fashion", whole["train_x"], whole["train_y"], suffix="")
        write_idx(tmp_path / "fashion", whole["test_x"], whole["test_y"], "t10k", "")
    (tmp_path / "fashion.toml").write_text(FIVE.format(folder="fashion", clients=20, alpha=0.1))
    source = checked(mf.Family.from_file(tmp_path / "fashion.toml"), clients=20, network="auto").sources[0]
    assert source.clients == 20
    assert "70,000 rows, 20 clients" in source.notes


@pytest.mark.data
def test_cifar10_as_a_parquet_file_of_jpegs(shared_data, tmp_path):
    table = tmp_path / "cifar.parquet"
    pl.read_parquet(shared_data / "cifar10" / "cifar10.parquet").gather_every(20).write_parquet(table)
    (tmp_path / "cifar.toml").write_text(
        'data = "cifar.parquet"\ntarget = "label"\nfeatures = ["jpeg"]\nimage = [3, 32, 32]\n'
        'partition = {kind = "dirichlet", clients = 20, alpha = 0.1}\n'
    )
    made = checked(mf.Family.from_file(tmp_path / "cifar.toml"), clients=20, network="auto")
    own = made.population.split(3).own
    assert own.x.shape[1] == 3072
    assert abs(own.x.std() - 1) < 0.3
