"""Files of one's own: what a file's name, form and bytes are, and that no other file is read."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.table.statement import statement
from metafed.devices.tiers import DEFAULT
from metafed.devices.tiers import describe as read_devices
from metafed.faults.plan import read_faults
from simulation.cli.config import Config
from simulation.run import main
from tests.metafed.data.table.own import PLAIN, alike, describe, everyone, rows, source, write_csv


@pytest.mark.parametrize("folder", ["data", "data [2024]"])
@pytest.mark.parametrize("large", [False, True])
def test_a_name_with_brackets_is_a_name_and_no_pattern(tmp_path, monkeypatch, folder, large):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache [1]"))
    if large:
        monkeypatch.setattr("metafed.data.table.tables.LARGE_CSV", 0)
    (tmp_path / folder).mkdir()
    here = tmp_path / folder
    write_csv(here / "t[1].csv", rows(12))
    write_csv(here / "t1.csv", rows(7))
    assert source(describe(here, PLAIN.replace("people.csv", "t[1].csv"))).clients == 12


def test_a_parquet_file_with_a_star_in_its_name_is_read_alone(tmp_path):
    pl.DataFrame(rows(12)).write_parquet(tmp_path / "t*.parquet")
    pl.DataFrame([{**row, "person": f"x{row['person']}"} for row in rows(7)]).write_parquet(tmp_path / "two.parquet")
    assert source(describe(tmp_path, PLAIN.replace("people.csv", "t*.parquet"))).clients == 12


def test_a_record_whose_folder_has_brackets_is_whole(tmp_path):
    out = tmp_path / "lr[0.1]"
    words = [
        "--tasks",
        "avatar",
        "--clients",
        "6",
        "--rounds",
        "1",
        "--width",
        "8",
        "--engine",
        "local",
        "--quiet",
        "--no-report",
    ]
    assert main([*words, "--out", str(out)]) == 0
    assert (out / "summary.json").is_file()
    assert (out / "clients.parquet").is_file()
    assert not (out / "parts").exists()


def stored(folder, form, table):
    """Write columns as a Parquet file or an archive; return the name."""
    if form == "npz":
        np.savez(folder / "t.npz", **{name: np.asarray(column) for name, column in table.items()})
    else:
        pl.DataFrame(table).write_parquet(folder / "t.parquet")
    return f"t.{form}"


WHO = [f"p{k % 10}" for k in range(200)]
SMALL = 'client = "who"\ntarget = "y"\nfeatures = ["x"]\n'


@pytest.mark.parametrize("form", ["npz", "parquet"])
class TestNotANumber:
    def test_as_a_label_it_is_an_empty_cell(self, tmp_path, form):
        y = [float(k % 2) for k in range(197)] + [float("nan")] * 3
        name = stored(tmp_path, form, {"who": WHO, "y": y, "x": np.arange(200.0)})
        path = describe(tmp_path, f'data = "{name}"\nkind = "classification"\n{SMALL}')
        with pytest.raises(DataError, match="'y' has no value in 3 of 200 rows"):
            _ = source(path).clients

    def test_as_a_group_it_is_none_and_as_a_category_it_is_missing(self, tmp_path, form):
        lacking = [float("nan") if who == "p3" else 1.0 for who in WHO]
        table = {"who": WHO, "y": [k % 2 for k in range(200)], "x": lacking, "side": lacking}
        name = stored(tmp_path, form, table)
        text = f'data = "{name}"\ngroup = "side"\n{SMALL}'.replace('features = ["x"]\n', "")
        made = source(describe(tmp_path, text + '[features]\nx = "category"\n'))
        assert {own.group for own in everyone(made).values()} == {"none", "1.0"}
        assert made._fitted.columns[0].values == ("(missing)", "1.0")


@pytest.mark.parametrize("form", ["npz", "array", "list"])
def test_arrays_of_one_column_are_columns(tmp_path, form):
    y, x = np.arange(200) % 3, np.arange(200.0)
    plain = source(describe(tmp_path, f'data = "{stored(tmp_path, "npz", {"who": WHO, "y": y, "x": x})}"\n{SMALL}'))
    expected = everyone(plain)
    (tmp_path / "one").mkdir()
    columns = {"y": y[:, None], "x": x[:, None]}
    if form != "npz":
        columns = {
            "y": pl.Series(y[:, None], dtype=pl.Array(pl.Int64, 1) if form == "array" else None),
            "x": pl.Series(x[:, None].tolist(), dtype=pl.Array(pl.Float64, 1) if form == "array" else None),
        }
        if form == "list":
            columns["y"] = pl.Series(y[:, None].tolist())
    name = stored(tmp_path / "one", "npz" if form == "npz" else "parquet", {"who": WHO, **columns})
    made = source(describe(tmp_path / "one", f'data = "{name}"\n{SMALL}'))
    assert made.kind == "classification"
    found = everyone(made)
    assert all(alike(expected[who], found[who]) for who in expected)


class TestImages:
    def images(self, folder, shape, image):
        rng = stream(0, "tests/images")
        px = rng.integers(0, 256, (200, *shape)).astype(np.uint8)
        stored(folder, "npz", {"who": WHO, "y": np.arange(200) % 3, "px": px})
        return source(describe(folder, f'data = "t.npz"\nimage = {image}\n{SMALL}'.replace('"x"', '"px"')))

    @pytest.mark.parametrize(
        ("shape", "image", "named"),
        [
            ((16, 16, 3), [3, 16, 16], ["[16, 16, 3]", "[3, 16, 16]", "px.transpose(0, 3, 1, 2)"]),
            ((3, 20, 30), [3, 30, 20], ["[3, 20, 30]", "px.transpose(0, 1, 3, 2)", "write image = [3, 20, 30]"]),
            ((20, 30), [1, 30, 20], ["[20, 30]", "[1, 30, 20]", "transpose"]),
            ((3, 256), [3, 16, 16], ["[3, 256]", "[3, 16, 16]"]),
        ],
    )
    def test_another_shape_than_described_is_refused(self, tmp_path, shape, image, named):
        with pytest.raises(DataError) as caught:
            _ = self.images(tmp_path, shape, image).clients
        assert all(words in str(caught.value) for words in named)

    @pytest.mark.parametrize(
        ("shape", "image"),
        [((3, 16, 16), [3, 16, 16]), ((16, 20), [1, 16, 20]), ((16, 20, 1), [1, 16, 20]), ((768,), [3, 16, 16])],
    )
    def test_the_described_shape_is_read(self, tmp_path, shape, image):
        assert self.images(tmp_path, shape, image).clients == 10


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_a_unit_does_not_matter(tmp_path, size, offset):
    x = stream(0, "tests/units").standard_normal(200)
    table = {"who": WHO, "y": size * (x + 0.5), "x": size * (x + offset)}
    made = source(describe(tmp_path, f'data = "{stored(tmp_path, "npz", table)}"\n{SMALL}'))
    own = everyone(made)
    for values in (
        np.concatenate([each.x for each in own.values()]),
        np.concatenate([each.y for each in own.values()]),
    ):
        assert 0.8 < values.std() < 1.2


def test_what_varies_by_rounding_alone_does_not_vary(tmp_path):
    table = {"who": WHO, "y": np.arange(200) % 2, "x": np.where(np.arange(200) // 10 % 2, 0.1 + 0.2, 0.3)}
    made = source(describe(tmp_path, f'data = "{stored(tmp_path, "npz", table)}"\n{SMALL}'))
    assert abs(everyone(made)["p1"].x).max() < 1e-9


class TestFolders:
    def folder(self, tmp_path, table):
        made = tmp_path / "t.parquet"
        made.mkdir()
        for number, rest in enumerate((table[:50], table[50:90], table[90:])):
            pl.DataFrame(rest).write_parquet(made / f"part-0000{number}-a[1].parquet")
        (made / "_SUCCESS").touch()
        (made / ".part-00000.parquet.crc").write_bytes(b"crc")
        (made / "_metadata.parquet").write_bytes(b"no table")
        return describe(tmp_path, PLAIN.replace("people.csv", "t.parquet"), name="folder.toml")

    @pytest.mark.parametrize("large", [False, True])
    def test_its_parts_are_the_table(self, tmp_path, monkeypatch, large):
        expected = everyone(source(describe(tmp_path, table=rows())))
        if large:
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
            monkeypatch.setattr("metafed.data.table.tables.LARGE", 0)
        made = source(self.folder(tmp_path, rows()))
        found = everyone(made)
        assert all(alike(expected[name], found[name]) for name in expected)
        assert [path.name[:10] for path in made.files] == ["folder.tom", "part-00000", "part-00001", "part-00002"]

    def test_a_change_of_a_part_is_noticed(self, tmp_path):
        path = self.folder(tmp_path, rows())
        assert source(path).clients == 12
        strangers = [{**row, "person": f"x{row['person']}"} for row in rows(4)]
        pl.DataFrame(strangers).write_parquet(tmp_path / "t.parquet" / "part-00003.parquet")
        assert source(path).clients == 16

    @pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
    def test_another_folder_is_named_as_one(self, tmp_path, name):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match=rf"{name} is a folder, not a file"):
            source(describe(tmp_path, PLAIN.replace("people.csv", name)))


class TestEditors:
    def test_a_byte_order_mark_is_left_out(self, tmp_path):
        write_csv(tmp_path / "people.csv", rows())
        for path, text in ((tmp_path / "people.toml", PLAIN), (tmp_path / "people.csv", None)):
            text = path.read_text() if text is None else text
            path.write_bytes(text.encode("utf-8-sig"))
        made = source(tmp_path / "people.toml")
        assert made.clients == 12
        assert "data" in statement(made)
        (tmp_path / "faults.toml").write_bytes('[[fault]]\nkind = "nan"\nshare = 0.5\n'.encode("utf-8-sig"))
        assert "nan" in read_faults(str(tmp_path / "faults.toml"))
        (tmp_path / "devices.toml").write_bytes(DEFAULT.read_bytes().decode().encode("utf-8-sig"))
        assert read_devices(str(tmp_path / "devices.toml")) == read_devices("default")
        (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbfrounds = 3\r\n")
        assert Config.from_file(tmp_path / "config.toml").experiment.rounds == 3

    def test_utf_16_is_named(self, tmp_path):
        write_csv(tmp_path / "people.csv", rows())
        path = tmp_path / "people.toml"
        path.write_bytes(PLAIN.encode("utf-16"))
        with pytest.raises(DataError, match=r"people.toml: it is UTF-16; save it as UTF-8"):
            source(path)
        path.write_text(PLAIN)
        (tmp_path / "people.csv").write_bytes((tmp_path / "people.csv").read_text().encode("utf-16"))
        with pytest.raises(DataError, match=r"people.csv is UTF-16: save it as UTF-8"):
            source(path)

    def test_line_ends_of_old_macs_are_named(self, tmp_path):
        write_csv(tmp_path / "people.csv", rows())
        lines = (tmp_path / "people.csv").read_bytes().splitlines()
        (tmp_path / "people.csv").write_bytes(b"\r".join(lines))
        with pytest.raises(DataError, match=r"lines end with \\r alone"):
            source(describe(tmp_path))


def test_toml_files_are_read_in_one_place():
    root = Path(__file__).resolve().parents[4]
    rooms = ("metafed", "client", "server", "simulation", "benchmarks")
    users = {
        f"{p.parent.name}/{p.name}"
        for room in rooms
        for p in (root / room).rglob("*.py")
        if "import tomllib" in p.read_text()
    }
    # beside it the project's own file; on a bare machine with a GPU nothing of ours can be imported before it is read
    assert users == {"core/reading.py", "deployment/bundle.py", "gpu/__main__.py"}
