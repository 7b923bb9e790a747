"""CSV files are read as they are written, or refused: quotation marks, empty cells, dates and names of columns."""

import json

import pytest

from metafed.core.errors import DataError
from simulation.data.__main__ import main
from tests.metafed.data.table.own import PLAIN, alike, describe, everyone, rows, source, write_csv

TIMED = PLAIN + 'time = "when"\n'


def people(**columns):
    """Return the usual rows with columns made of each row's number and row."""
    return [{**row, **{name: make(k, row) for name, make in columns.items()}} for k, row in enumerate(rows())]


@pytest.fixture(params=["small", "large"])
def size(request, tmp_path, monkeypatch):
    """Read the table in memory, and as if it were a large one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param == "large":
        monkeypatch.setattr("metafed.data.table.tables.LARGE_CSV", 0)
    return request.param


def stray(folder):
    """Write a table without quoting, in which a text begins with a mark and a later one ends with one."""
    lines = [",".join(map(str, row.values())) for row in people(title=lambda k, row: f"t{k}")]
    lines[7] = lines[7].replace("t7", '"t7')
    lines[60] += '"'
    (folder / "people.csv").write_text("\n".join([",".join([*rows()[0], "title"]), *lines]) + "\n")
    return len(lines)


class TestQuotes:
    def test_lines_that_become_one_row_are_counted(self, tmp_path, size):
        lines = stray(tmp_path)
        with pytest.raises(DataError) as caught:
            _ = source(describe(tmp_path)).clients
        for words in (f"{lines} lines", f"{lines - 53} rows", 'quote = ""', "quote = '\"'"):
            assert words in str(caught.value)

    def test_without_quoting_all_lines_are_rows(self, tmp_path, size):
        stray(tmp_path)
        made = source(describe(tmp_path, PLAIN + 'quote = ""\n'))
        assert made.notes[0] == f"{len(rows())} rows, 12 clients by 'person'"

    def test_cells_with_line_breaks_are_read_where_it_is_said(self, tmp_path, size):
        table = people(review=lambda k, row: f"one\ntwo {k}")
        path = describe(tmp_path, PLAIN + 'text = "review"\n', table)
        with pytest.raises(DataError, match="lines below its header"):
            _ = source(path).clients
        assert source(describe(tmp_path, PLAIN + 'text = "review"\nquote = \'"\'\n')).clients == 12

    @pytest.mark.parametrize("end", ["\n", "\r\n", ""])
    def test_lines_are_counted_however_they_end(self, tmp_path, end):
        write_csv(tmp_path / "people.csv", rows())
        text = (tmp_path / "people.csv").read_bytes().decode().replace("\r\n", end or "\n")
        (tmp_path / "people.csv").write_bytes((text if end else text.rstrip("\n")).encode())
        assert source(describe(tmp_path)).clients == 12


class TestNothing:
    @pytest.mark.parametrize("sign", ["NA", "N/A", "nan"])
    def test_it_is_the_name_of_a_group_and_a_value_of_a_category(self, tmp_path, size, sign):
        table = people(
            headset=lambda k, row: sign if row["headset"] == "tethered" else "standalone",
            genre=lambda k, row: sign if row["genre"] == "music" else row["genre"],
        )
        made = source(describe(tmp_path, table=table))
        found, plain = everyone(made), everyone(source(describe(tmp_path, table=rows(), name="plain.toml")))
        assert {own.group for own in found.values()} == {sign, "standalone"}
        # the values are in another order
        order = [("music", "puzzle", "travel").index(x) if x != sign else 0 for x in sorted([sign, "puzzle", "travel"])]
        for name, own in found.items():
            assert (own.x[:, 2:5] == plain[name].x[:, [2 + k for k in order]]).all()
        count = sum(row["genre"] == sign for row in table)
        listed = json.dumps([sign])
        assert any(
            f"'genre' has {count} cells {sign!r}" in note and f"nothing = {listed}" in note for note in made.notes
        )

    def test_it_is_a_class(self, tmp_path, size):
        table = people(stars=lambda k, row: ["NA", "EU"][row["stars"] > 3])
        assert source(describe(tmp_path, table=table))._loaded.classes == ("EU", "NA")
        stated = source(describe(tmp_path, PLAIN + 'classes = ["NA", "EU"]\n', name="stated.toml"))
        assert stated.clients == 12
        assert stated.outputs == 2

    def test_it_is_an_empty_cell_among_numbers(self, tmp_path, size):
        table = people(minutes=lambda k, row: "NA" if k == 5 else row["minutes"])
        with pytest.raises(DataError, match="'minutes' has no finite number in 1 of"):
            _ = source(describe(tmp_path, table=table)).clients

    def test_the_description_says_what_it_looks_like(self, tmp_path, size):
        table = people(
            headset=lambda k, row: "-" if row["headset"] == "tethered" else "standalone",
            minutes=lambda k, row: "-" if k == 5 else row["minutes"],
        )
        made = source(describe(tmp_path, PLAIN + 'nothing = ["-"]\nmissing = "mean"\n', table))
        assert {own.group for own in everyone(made).values()} == {"none", "standalone"}
        with pytest.raises(DataError, match="'minutes' holds numbers and texts, such as '-'"):
            _ = source(describe(tmp_path, name="plain.toml")).clients


class TestDates:
    def test_month_and_day_that_cannot_be_told_apart_are_refused(self, tmp_path, size):
        table = people(when=lambda k, row: f"{k % 12 + 1:02d}/{k * 7 % 12 + 1:02d}/2024")
        with pytest.raises(DataError, match=r"'01/01/2024': which number is the month is not clear; .*date-format = "):
            _ = source(describe(tmp_path, TIMED, table)).clients

    @pytest.mark.parametrize("form", ["%m/%d/%Y", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d", "%d %b %Y %H:%M"])
    def test_dates_as_the_description_says_they_are_written(self, tmp_path, size, form):
        from datetime import date

        iso = everyone(source(describe(tmp_path, TIMED, rows())))
        table = people(when=lambda k, row: date.fromisoformat(row["when"]).strftime(form))
        found = everyone(source(describe(tmp_path, TIMED + f'date-format = "{form}"\n', table, "said.toml")))
        assert iso.keys() == found.keys()
        assert all(alike(iso[name], found[name]) for name in iso)

    def test_a_date_that_is_written_otherwise_is_refused(self, tmp_path, size):
        table = people(when=lambda k, row: "12/31/2024" if k == 9 else "01/05/2024")
        with pytest.raises(DataError, match=r"'12/31/2024', which is not written as date-format = \"%d/%m/%Y\""):
            _ = source(describe(tmp_path, TIMED + 'date-format = "%d/%m/%Y"\n', table)).clients

    def test_a_text_that_is_no_date_is_shown(self, tmp_path):
        table = people(when=lambda k, row: "May 5, 2024")
        with pytest.raises(DataError, match=r"holds text, such as 'May 5, 2024': .*date-format = \"%m/%d/%Y\""):
            _ = source(describe(tmp_path, TIMED, table)).clients

    def test_a_format_needs_a_time(self, tmp_path):
        with pytest.raises(DataError, match="date-format does nothing without time"):
            source(describe(tmp_path, PLAIN + 'date-format = "%d/%m/%Y"\n', rows()))

    @pytest.mark.parametrize(
        "form", ["2024/05/{:02d}", "2024-05-{:02d}T10:00:00", "2024-05-{:02d} 10:00", "10:{:02d}:00"]
    )
    def test_what_is_in_order_is_read_by_itself(self, tmp_path, form):
        made = source(describe(tmp_path, TIMED, people(when=lambda k, row: form.format(k % 28 + 1))))
        assert made.clients == 12


def test_a_column_that_is_there_twice_is_refused(tmp_path, size):
    write_csv(tmp_path / "people.csv", people(age2=lambda k, row: 1))
    text = (tmp_path / "people.csv").read_text()
    (tmp_path / "people.csv").write_text(text.replace("age2", "age", 1))
    with pytest.raises(DataError, match="has 2 columns 'age'"):
        _ = source(describe(tmp_path)).clients


def test_what_is_for_csv_files_is_refused_for_others(tmp_path):
    for key, value in (("quote", '""'), ("nothing", "[]"), ("separator", '";"')):
        (tmp_path / "t.parquet").touch()
        with pytest.raises(DataError, match=f"{key} is for CSV files, not for t.parquet"):
            source(
                describe(tmp_path, PLAIN.replace("people.csv", "t.parquet") + f"{key} = {value}\n", name=f"{key}.toml")
            )


def test_the_same_time_on_both_sides_of_the_cut_is_a_line_of_the_guard(tmp_path, capsys):
    path = describe(tmp_path, TIMED, people(when=lambda k, row: "2024-05-01"))
    assert main(["check", f"mine:{path}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "rows on both sides of the cut between training and evaluation have the same time, and so no order: 12" in said
    )
