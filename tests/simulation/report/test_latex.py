"""LaTeX that compiles, whatever methods are called, and says no more than holds."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.analysis.measures import MEASURES
from simulation.export import main
from simulation.report.escaping import escape
from simulation.report.latex import differences_latex, values_latex
from tests.simulation.report.latex_reading import check
from tests.simulation.studies.records import record, study

STRANGE = "a_b % & # $ { } ~ ^ \\ [x] *y* <z> | \" ` -- '' é ß ø ε − … 字"
USED = [MEASURES[name] for name in ("after", "harmed")]


def cell(value, low=None, high=None):
    return {"value": value, "low": low, "high": high, "n": 5, "method": "bootstrap"}


def tables(name, family="avatar", narrow=False):
    """Return both tables of two methods, of which one has a strange name."""
    cells = {"after": cell(-0.25, -0.5, 0.125), "harmed": cell(0.25)}
    shown = {family: {name: cells, "MAML": cells}, "other": {name: cells}, None: {name: cells, "MAML": cells}}
    entry = {"one": name, "minus": "MAML", "measure": "after", "p": 0.03, "p_holm": 0.06, "verdict": "open"}
    found = {"differences": [{**entry, **cells["after"]}], "seeds": [0, 1]}
    best = {None: {"after": name}}
    return values_latex(shown, USED, "unseen", best, narrow), differences_latex(found, "unseen", USED, narrow)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.booleans())
def test_every_name_compiles(name, narrow):
    for text in tables(name, name, narrow):
        check(text, "xelatex" if not escape(name).isascii() else "pdflatex")


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30))
def test_ascii_stays_ascii(name):
    assert escape(name).isascii()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% of a_b & ~", r"50\% of a\_b \& \textasciitilde{}"),
        ("objective = tilted, t = 1", "objective = tilted, t = 1"),
        ("inner-steps", "inner-steps"),
        ("a--b", "a-{}-b"),
        ("[ours]", "{[}ours{]}"),
        ("ε = 8", r"$\varepsilon$ = 8"),
        ("Zürich", r"Z\"{u}rich"),
        ("a\nb\x00", "a b "),
        ("字", "字"),
    ],
)
def test_signs_are_written_as_latex_prints_them(text, written):
    assert escape(text) == written


def test_signs_that_need_another_engine_are_said():
    (values, _) = tables(STRANGE)
    assert "XeLaTeX or LuaLaTeX, and a font that has: 字" in values
    assert "XeLaTeX" not in tables("é")[0]


@pytest.mark.parametrize("bad", ["a & b", "\\unknown{}", "{", "$", "\\\\[x]", "a_b", "<"])
def test_the_reader_refuses_what_does_not_compile(bad):
    good = tables("MAML 2")[0]
    check(good)
    with pytest.raises(AssertionError):
        check(good.replace("MAML 2 &", f"{bad} &", 1))


def exported(folder, capsys, *words):
    assert main([*map(str, words), "--out", str(folder)]) == 0
    capsys.readouterr()
    return [(folder / name).read_text(encoding="utf-8") for name in ("table.tex", "differences.tex")]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    one = study(folder / "one", 10, clients=12)
    for seed in range(10):  # a difference that is the same everywhere has no interval
        record(folder / "other" / f"seed-{seed}", seed, 0.1 + 0.004 * seed, algorithm="fomaml", clients=12)
    return one, folder / "other"


def test_bold_is_what_holds_and_nothing_else(two, tmp_path, capsys):
    values, differences = exported(tmp_path, capsys, *two)
    rows = check(values)
    held = {row[0].strip() for row in check(differences) if row[-1].strip() == "holds"}
    assert "score after adaptation" in held
    columns = [head.strip() for head in rows[0][1:]]
    of_all = rows[1 + max(index for index, row in enumerate(rows) if len(row) == 1) :]
    assert len(of_all) == 2
    for row in of_all:
        bold = {name for name, text in zip(columns, row[1:], strict=True) if r"\textbf" in text}
        assert bold <= held
        assert not bold or row[0].strip() == "FOMAML"
    assert any(r"\textbf" in cell for row in of_all for cell in row)


def test_nothing_is_bold_where_no_difference_holds(two, tmp_path, capsys):
    few = exported(tmp_path, capsys, two[0] / "seed-0", two[1] / "seed-0")  # one seed: nothing holds
    assert r"\textbf" not in few[0]


def test_columns_narrow_the_tables_and_change_no_p(two, tmp_path, capsys):
    _, wide = exported(tmp_path / "wide", capsys, *two)
    values, narrow = exported(tmp_path / "narrow", capsys, *two, "--columns", "2")
    assert len(check(values)[0]) == 1 + 2
    assert max(len(line) for line in values.splitlines() if not line.startswith("%")) < 100
    p = {row[0]: row[-2] for row in check(wide)[1:] if len(row) > 1}
    assert {row[0]: row[-2] for row in check(narrow)[1:] if len(row) > 1}.items() <= p.items()
    by_name, _ = exported(tmp_path / "named", capsys, *two, "--columns", "worst10,after")
    assert [cell.strip() for cell in check(by_name)[0]][1:] == [
        r"\shortstack{worst\\10~\%}",
        r"\shortstack{score\\after\\adaptation}",
    ]
    for bad in ("0", "7", "nothing", "after,cov", ""):
        assert main([str(two[0]), "--out", str(tmp_path / "bad"), "--columns", bad]) == 2
        assert "--columns" in capsys.readouterr().err


def test_an_engine_that_is_there_compiles_it(tmp_path):
    program = next(filter(None, map(shutil.which, ("pdflatex", "tectonic"))), None)
    for number, text in enumerate([text for narrow in (False, True) for text in tables("a_b [x]", narrow=narrow)]):
        check(text)
        file = tmp_path / f"{number}.tex"
        file.write_text(
            "\\documentclass{article}\\usepackage{booktabs}\\begin{document}" + text + "\\end{document}", "utf-8"
        )
        if program is not None:
            assert subprocess.run([program, file.name], cwd=tmp_path, input=b"", timeout=100).returncode == 0
