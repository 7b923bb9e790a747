import zipfile

import numpy as np
import pytest

from metafed.data.sets.movielens100k.maker import GENRES
from tests.simulation.data.server import publisher


@pytest.fixture
def server():
    with publisher() as running:
        yield running


@pytest.fixture
def tiny(tmp_path):
    """A hand-made ml-100k in GroupLens's own form: two people, three films; a name in latin-1."""
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    flags = [["0"] * 19 for _ in range(3)]
    flags[0][GENRES.index("Comedy")] = flags[0][GENRES.index("Drama")] = "1"
    flags[1][0] = flags[2][GENRES.index("War")] = "1"
    heads = ["1|Misérables, Les (1995)|01-Jan-1995||http://x", "2|unknown|||", "3|War (1942)|01-Jan-1942||http://y"]
    items = "".join(f"{'|'.join([head, *flag])}\n" for head, flag in zip(heads, flags, strict=True))
    (folder / "u.item").write_text(items, encoding="latin-1")
    (folder / "u.user").write_text("1|24|M|technician|85711\n2|53|F|other|94043\n", encoding="latin-1")
    (folder / "u.data").write_text("1\t1\t5\t881250949\n2\t3\t1\t891717742\n1\t2\t3\t878887116\n", encoding="latin-1")
    return folder


@pytest.fixture
def tiny_zip(tiny, tmp_path):
    """The same as a zip file of some 200 kB: the rest is noise, which does not compress."""
    path = tmp_path / "ml-100k.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(tiny.iterdir()):
            archive.write(file, f"ml-100k/{file.name}")
        archive.writestr("ml-100k/README", np.random.default_rng(0).bytes(200_000))
    return path
