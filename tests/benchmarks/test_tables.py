"""Tiny versions of the benchmarks of methods print whole tables."""

import re

import pytest

from benchmarks import algorithms, sinusoid


def cells(text):
    """Return the rows of a Markdown table, the head first."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_sinusoid_prints_six_methods_at_an_equal_budget(capsys):
    assert sinusoid.main(["--iterations", "40", "--test-tasks", "50", "--markdown"]) == 0
    text = capsys.readouterr().out
    head, *rows = cells(text)
    assert head[3:8] == [f"step {k}" for k in (0, 1, 2, 5, 10)]
    assert [row[0] for row in rows] == ["maml", "fomaml", "meta-sgd", "anil", "reptile", "joint pre-training"]
    spent = [float(row[1]) * int(row[2]) for row in rows]
    assert spent == pytest.approx([spent[0]] * 6, rel=0.1)
    assert all(re.fullmatch(r"[\d.e+]+ ± [\d.e+]+|diverged \(\d+/50\)", cell) for row in rows for cell in row[3:8])
    assert "gradient evaluations" in text


@pytest.mark.slow
def test_sinusoid_learns():
    each = sinusoid.contenders()[0]
    found = sinusoid.errors(each, sinusoid.train(each, 800, 0), 100, 0)
    assert found[0].mean() > 1.5 * found[1].mean() > 1.5 * found[10].mean()


def test_the_table_of_algorithms(capsys):
    names = "maml,fomaml,protonet"
    assert (
        algorithms.main(["--clients", "9", "--rounds", "2", "--width", "8", "--algorithms", names, "--markdown"]) == 0
    )
    text = capsys.readouterr().out
    head, *rows = cells(text)
    assert [row[0] for row in rows] == ["maml", "fomaml", "protonet (not avatar)"]
    column = {name: [row[index] for row in rows] for index, name in enumerate(head)}
    assert column["rounds"][0] == "2"
    assert int(column["rounds"][1]) > 2  # what a second-order round costs buys more than one of first order
    assert column["avatar"][2] == "–"
    spent = [float(value) for value in column["gradients"]]
    assert spent[1] == pytest.approx(spent[0], rel=0.25)
    for cell in column["seen: before → after"] + column["unseen: before → after"]:
        assert re.fullmatch(r"-?[\d.]+ → -?[\d.]+", cell)
    assert all(float(value) > 0 for value in column["MB"])
