"""miniImageNet, on made-up pictures in the forms in which it comes: every image's colour tells which one it is."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from metafed.core.episodes import draw, halves
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.miniimagenet import maker as miniimagenet_files
from metafed.data.sets.miniimagenet.reader import FEWEST, QUERY, SIDE, FiveWayFiveShot, FiveWayOneShot
from metafed.data.source import Origin
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from metafed.federation.networks import network
from metafed.models import Conv4
from tests.metafed.data.damage import altered, truncated

CLASSES = {"train": 8, "val": 5, "test": 6}
PICTURES = {
    f"n{split}{label:02}": [(split, 20 * label + 10, 6 * number, 60 * place) for number in range(FEWEST)]
    for place, (split, count) in enumerate(CLASSES.items())
    for label in range(count)
}
"""Each class's pictures: their split, and red, green and blue."""


def save(folder, name, colour, size=(SIDE, SIDE)):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(folder / name, quality=100, subsampling=0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """SPLIT/CLASS/NAME.jpg; one picture has another size."""
    place = tmp_path_factory.mktemp("folders")
    for label, pictures in PICTURES.items():
        for number, (split, red, green, blue) in enumerate(pictures):
            size = (120, 100) if label == "ntrain03" and number == 5 else (SIDE, SIDE)
            save(place / split / label, f"{label}_{number:03}.jpg", (red, green, blue), size)
    return place


@pytest.fixture(scope="module")
def tables(folders, tmp_path_factory):
    """The same pictures in one folder, with three tables."""
    place = tmp_path_factory.mktemp("tables")
    (place / "images").mkdir()
    for split in CLASSES:
        lines = ["filename,label"]
        for file in sorted((folders / split).glob("*/*.jpg"), reverse=True):
            (place / "images" / file.name).symlink_to(file)
            lines.append(f"{file.name},{file.parent.name}")
        (place / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return place


@pytest.fixture(scope="module")
def arrays(folders):
    return miniimagenet_files.read(folders)


@pytest.fixture(scope="module")
def data(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    np.savez(folder / "miniimagenet.npz", **arrays)
    return folder


def at(folder, kind=FiveWayOneShot, unseen_from=None, seed=0):
    return kind(Origin(seed, (folder,), unseen_from))


class TestFiles:
    def test_every_picture_is_in_its_split_and_class(self, arrays):
        for place, (split, count) in enumerate(CLASSES.items()):
            images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
            assert images.shape == (count * FEWEST, SIDE, SIDE, 3)
            assert images.dtype == np.uint8
            assert labels.tolist() == np.repeat(np.arange(count), FEWEST).tolist()
            assert arrays[f"{split}_names"].tolist() == [f"n{split}{label:02}" for label in range(count)]
            colour = images.astype(int).mean((1, 2))
            expected = [
                PICTURES[f"n{split}{label:02}"][number][1:3] for label in range(count) for number in range(FEWEST)
            ]
            assert np.abs(colour[:, :2] - expected).max() < 3
            assert np.abs(colour[:, 2] - 60 * place).max() < 3

    def test_both_forms_and_an_archive_give_the_same(self, folders, tables, arrays, tmp_path):
        with zipfile.ZipFile(tmp_path / "mini.zip", "w") as archive:
            for file in folders.rglob("*.jpg"):
                archive.write(file, f"mini/{file.relative_to(folders)}")
        for place in (tables, tmp_path / "mini.zip"):
            again = miniimagenet_files.read(place)
            assert again.keys() == arrays.keys()
            for name, array in arrays.items():
                np.testing.assert_array_equal(again[name], array)

    def test_a_split_that_is_missing_is_named_and_a_pickle_is_not_opened(self, tmp_path):
        save(tmp_path / "train" / "n1", "a.jpg", (1, 2, 3))
        (tmp_path / "mini-imagenet-cache-test.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
        with pytest.raises(DataError) as caught:
            miniimagenet_files.read(tmp_path)
        for part in ("no images of val, test", "SPLIT/CLASS/NAME.jpg", "is a pickle", "not opened"):
            assert part in str(caught.value)

    def test_a_damaged_image_is_named(self, tmp_path):
        for split in CLASSES:
            save(tmp_path / split / f"n{split}", "a.jpg", (1, 2, 3))
        bad = tmp_path / "val" / "nval" / "a.jpg"
        for content in (b"no image", bad.read_bytes()[:200], b""):
            bad.write_bytes(content)
            with pytest.raises(DataError, match=r"val.nval.a\.jpg is no image"):
                miniimagenet_files.read(tmp_path)

    def test_a_class_in_two_splits_is_refused(self, tmp_path):
        for split in CLASSES:
            save(tmp_path / split / "same", "a.jpg", (1, 2, 3))
        with pytest.raises(DataError, match="class same is in train and in val"):
            miniimagenet_files.read(tmp_path)

    @pytest.mark.parametrize(
        ("table", "problem"),
        [
            ("name,label\na.jpg,x\n", "columns ['filename'] are missing"),
            ("filename,label\nb.jpg,x\n", "line 2: there is no image 'b.jpg'"),
            ("filename,label\na.jpg,\n", "line 2: 'a.jpg' has no label"),
            ("filename,label\n", "no images of test"),
        ],
    )
    def test_a_wrong_table_is_named_with_its_line(self, tmp_path, table, problem):
        save(tmp_path / "images", "a.jpg", (1, 2, 3))
        for split in ("train", "val"):
            save(tmp_path / "images", f"{split}.jpg", (1, 2, 3))
            (tmp_path / f"{split}.csv").write_text(f"filename,label\n{split}.jpg,n{split}\n")
        (tmp_path / "test.csv").write_text(table)
        with pytest.raises(DataError) as caught:
            miniimagenet_files.read(tmp_path)
        assert problem in str(caught.value)


def origin_of(own):
    """Class of each row's picture, its number there, and its split, out of its colours."""
    x = own.x.reshape(-1, 3, SIDE * SIDE).mean(2) * 255
    label, number, split = (x[:, 0] - 10) / 20, x[:, 1] / 6, x[:, 2] / 60
    return tuple(np.round(part).astype(int) for part in (label, number, split))


class TestReader:
    @pytest.mark.parametrize(("kind", "shots"), [(FiveWayOneShot, 1), (FiveWayFiveShot, 5)])
    def test_an_episode_has_k_and_fifteen_rows_of_five_classes(self, data, kind, shots):
        made = at(data, kind, unseen_from=3)
        for client in range(6):
            own = made.examples(client)
            assert own.x.dtype == np.float32
            assert own.x.shape == (len(own.y), 3 * SIDE * SIDE)
            assert 0 <= own.x.min() <= own.x.max() <= 1
            training, evaluation = halves(own, made.shots, stream(0, "halves", client))
            rows = draw(own, evaluation, made.shots, made.shots.evaluation, stream(0, "v", client))
            assert np.bincount(own.y[rows.support]).tolist() == [shots] * 5
            assert np.bincount(own.y[rows.query]).tolist() == [QUERY] * 5
            if client < 3:
                rows = draw(own, training, made.shots, made.shots.query, stream(0, "e", client))
                assert (len(rows.support), len(rows.query)) == (5 * shots, 5 * QUERY)

    def test_seen_clients_have_train_classes_and_unseen_ones_test_classes(self, data):
        made = at(data, unseen_from=10)
        for client in range(20):
            own = made.examples(client)
            assert set(origin_of(own)[2].tolist()) == ({0} if client < 10 else {2})
            assert own.group == ("train classes" if client < 10 else "test classes")

    def test_rows_of_a_slot_are_pictures_of_one_class_and_no_picture_comes_twice(self, data):
        made = at(data, FiveWayFiveShot, unseen_from=5)
        for client in range(10):
            own = made.examples(client)
            label, number, _ = origin_of(own)
            classes = [set(label[own.y == slot].tolist()) for slot in range(5)]
            assert all(len(each) == 1 for each in classes)
            assert len(set.union(*classes)) == 5
            assert len(set(zip(label.tolist(), number.tolist(), strict=True))) == len(own.y)

    def test_no_picture_is_in_one_clients_training_and_anothers_evaluation(self, data):
        made, training, evaluation = at(data, FiveWayFiveShot), set(), set()
        for client in range(40):
            own = made.examples(client)
            pictures = list(zip(*(part.tolist() for part in origin_of(own)[:2]), strict=True))
            for picture, held in zip(pictures, own.evaluation, strict=True):
                (evaluation if held else training).add(picture)
        assert len(training) == len(evaluation) == CLASSES["train"] * FEWEST // 2
        assert not training & evaluation

    def test_same_seed_same_rows_and_another_seed_other_tasks(self, data):
        one, same, other = (at(data, seed=seed) for seed in (0, 0, 1))
        rows = [[made.examples(client).x.tobytes() for client in range(4)] for made in (one, same, other)]
        assert rows[0] == rows[1]
        assert rows[0] != rows[2]
        assert len(set(rows[0])) == 4

    def test_notes_say_what_is_judged_and_that_the_split_is_another(self, data):
        text = " ".join(at(data).notes)
        for part in (
            "5-way 1-shot",
            "unseen ones test classes",
            "64/16/20 classes, this file 8/5/6",
            "ImageNet's terms",
        ):
            assert part in text

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda a: {"test_labels": None}, "no array 'test_labels'"),
            (lambda a: {"train_labels": a["train_labels"][::-1]}, "train_labels are not in order"),
            (lambda a: {"val_names": a["train_names"][:5]}, "a class is in two splits"),
            (lambda a: {"test_labels": a["test_labels"] + 1}, "test_labels are not each of 0 … 5"),
            (lambda a: {"test_labels": a["test_labels"][1:]}, "a class of test has 39 images"),
            (
                lambda a: {"val_labels": a["val_labels"][:160], "val_names": a["val_names"][:4]},
                "val has 4 classes, at least 5",
            ),
            (lambda a: {"train_images": None}, "no array 'train_images'"),
            (lambda a: {"train_images": a["train_images"][:, :50]}, "train_images have shape"),
            (lambda a: {"train_images": a["train_images"].astype(np.uint16)}, "are uint16, not uint8"),
            (lambda a: {"train_names": np.array([{}], object)}, "allow_pickle"),
        ],
    )
    def test_a_damaged_file_is_named_with_its_problem(self, data, arrays, tmp_path, change, problem):
        damaged = tmp_path / "miniimagenet.npz"
        altered(data / "miniimagenet.npz", damaged, **change(arrays))
        with pytest.raises(DataError) as caught:
            at(tmp_path).examples(0)
        assert str(damaged) in str(caught.value)
        assert problem in str(caught.value)

    def test_a_file_cut_short_or_missing_is_named(self, data, tmp_path):
        with pytest.raises(DataError, match="is missing; searched"):
            _ = at(tmp_path).clients
        truncated(data / "miniimagenet.npz", tmp_path / "miniimagenet.npz")
        with pytest.raises(DataError, match=r"miniimagenet\.npz is damaged"):
            _ = at(tmp_path).clients


class TestFamily:
    def test_its_network_has_32_filters_unless_told_otherwise(self):
        def chosen(**settings):
            experiment = Experiment(tasks="miniimagenet:5w1s", **settings)
            return network(experiment, FAMILIES["miniimagenet"], Federation(experiment).sources[0], "torch")

        usual = chosen()
        assert isinstance(usual, Conv4)
        assert (usual.image, usual.filters, usual.embedding, usual.outputs) == ((3, SIDE, SIDE), 32, 32 * 5 * 5, 5)
        # Finn et al.'s network: a scale and a shift for every filter, 5 × 5 pixels left for the head
        size = sum(int(np.prod(shape)) for shape in usual.shapes.values())
        assert size == 32 * 3 * 9 + 3 * 32 * 32 * 9 + 4 * 2 * 32 + 800 * 5 + 5
        assert chosen(filters=64).filters == 64
        with pytest.raises(ValueError, match="family 'avatar' has none"):
            Experiment(tasks="miniimagenet:5w1s,avatar", network="conv4")

    def test_a_round_of_it_trains_and_is_judged(self, data):
        from client.host import Host
        from tests.integration.pool import run

        experiment = Experiment(
            tasks="miniimagenet:5w1s", clients=8, unseen=0.5, cohort=2, rounds=2, filters=4, data_dir=str(data),
            eval_every=0, algorithm={"name": "fomaml", "inner_steps": 2},
        )  # fmt: skip
        host = Host(Federation(experiment))
        answer = host.evaluate(run(experiment), [6, 7], {})
        assert not answer.failures
        (rows,) = answer.rows
        assert rows.score.shape == (2, 3)
        assert list(rows.group) == ["test classes"] * 2
        assert rows.sizes[:, 1:].tolist() == [[5, 75]] * 2
        assert np.isfinite(rows.loss).all()
        assert (rows.loss[:, 0] != rows.loss[:, -1]).all()
