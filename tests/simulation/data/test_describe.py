"""``describe``: the numbers have closed forms, and the pictures are whole files."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metafed.core.episodes import Examples, Shots
from simulation.data.command import main
from simulation.data.portrait import between, distance, entropy, portrait, quantiles, shares, skew

SHOTS = Shots(support=2, query=2, evaluation=2, per_class=False)
COUNTS = arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.integers(0, 50))


def client(y, group="a"):
    return Examples(x=np.zeros((len(y), 2), np.float32), y=np.array(y), group=group, oracle_score=np.full(len(y), 0.5))


def test_a_portrait_counts_what_is_there():
    people = [client([0, 0, 0, 1], "a"), client([2] * 6, "b"), client([0, 1], "b")]
    seen = portrait(people, "classification", 3, SHOTS)
    assert seen.rows.tolist() == [4, 6, 2]
    assert seen.training.tolist()[:2] == [2, 3]
    assert np.isnan(seen.training[2])  # two rows make no episode
    assert seen.labels.tolist() == [[3, 1, 0], [0, 0, 6], [1, 1, 0]]
    assert seen.group_names() == ["b", "a"]
    assert seen.oracle_score.tolist() == [0.5] * 3
    assert seen.mean is None


def test_entropy_and_skew_of_known_distributions():
    labels = np.array([[4, 0], [2, 2], [1, 3]])
    np.testing.assert_allclose(entropy(labels), [0, 1, 0.25 * 2 + 0.75 * np.log2(4 / 3)])
    # all rows: 7 and 5 of 12
    np.testing.assert_allclose(skew(labels), [5 / 12, 1 / 12, 1 / 3])


@given(COUNTS)
def test_entropy_and_skew_keep_their_bounds(labels):
    labels[:, 0] += 1  # every client has a row
    classes = labels.shape[1]
    assert ((entropy(labels) >= 0) & (entropy(labels) <= np.log2(classes) + 1e-12)).all()
    assert ((skew(labels) >= 0) & (skew(labels) < 1)).all()
    np.testing.assert_allclose(shares(labels).sum(1), 1)
    np.testing.assert_allclose(skew(np.tile(labels[:1], (3, 1))), 0, atol=1e-12)  # all alike


def test_variance_between_clients_is_that_of_all_rows_split():
    rng = np.random.default_rng(0)
    people = [client(rng.normal(shift, 1 + shift, (n, 2))) for shift, n in ((0, 5), (1, 40), (3, 11))]
    seen = portrait(people, "regression", 2, SHOTS)
    every = np.concatenate([own.y for own in people])
    total = ((every - every.mean(0)) ** 2).sum()
    inside = sum(((own.y - own.y.mean(0)) ** 2).sum() for own in people)
    np.testing.assert_allclose(between(seen.rows, seen.mean, seen.spread), 1 - inside / total)
    far = distance(seen.rows, seen.mean, seen.spread)
    expected = [np.sqrt((((own.y.mean(0) - every.mean(0)) / every.std(0)) ** 2).mean()) for own in people]
    np.testing.assert_allclose(far, expected)


def test_targets_that_never_vary_are_no_distance():
    still = portrait([client(np.ones((5, 2)))] * 3, "regression", 2, SHOTS)
    assert distance(still.rows, still.mean, still.spread).tolist() == [0, 0, 0]
    assert between(still.rows, still.mean, still.spread) == 0
    assert quantiles(np.array([np.nan, 1.0, 3.0])) == [1, 1.5, 2, 2.5, 3]


def describe(*words):
    return main(["describe", *map(str, words)])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("personalization", ("clients         40 made of any number", "classes         2", "label skew", "newcomer")),
        ("assistant", ("slots of the client's own", "bits of 2.32", "best possible", "domain ")),
        ("avatar:bandai_motion", ("clients          43", "of the targets' variance", "2:active", "and 2 more groups")),
        (
            "omniglot:5w1s",
            ("clients         80 made of any number; the last 40 have held-out classes", "evaluation set"),
        ),
    ],
)
def test_clients_are_told_in_the_terminal(name, said, shared_data, capsys):
    assert describe(name, "--data-dir", shared_data, "--clients", 40) == 0
    shown = capsys.readouterr().out
    for part in said:
        assert part in shown


def test_groups_add_up_to_all_clients(some_data, capsys):
    assert describe("assistant:clinc150", "--data-dir", some_data, "--clients", 60) == 0
    table = capsys.readouterr().out.split("rows: median")[1].splitlines()[2:]
    counts = [int(re.split(r"\s{2,}", row)[1]) for row in table if row.strip()]
    assert sum(counts) == 60
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "html"])
@pytest.mark.parametrize("name", ["personalization", "avatar:bandai_motion"])
def test_a_picture_is_written_whole(name, suffix, some_data, tmp_path, capsys):
    out = tmp_path / "new" / f"who.{suffix}"
    assert describe(name, "--data-dir", some_data, "--clients", 15, "--out", out) == 0
    assert str(out) in capsys.readouterr().out
    content = out.read_bytes()
    begins = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!doctype html>"}[suffix]
    assert content.startswith(begins)
    if suffix == "svg":
        assert content.rstrip().endswith(b"</svg>")
    if suffix == "html":
        page = content.decode()
        assert page.rstrip().endswith("</html>")
        assert "http" not in re.sub(r"<dd>.*?</dd>", "", page)  # it opens offline; notes may name addresses
        assert not re.search(r"#[0-9a-f]{6}", page.split("</style>")[1])  # colours are the page's
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_the_same_clients_give_the_same_picture(tmp_path):
    for name, seed in (("a.svg", 1), ("b.svg", 1), ("c.svg", 2)):
        folder = tmp_path / name.removesuffix(".svg")
        assert describe("assistant", "--clients", 20, "--seed", seed, "--out", folder / "who.svg") == 0
    one, same, other = ((tmp_path / name / "who.svg").read_bytes() for name in "abc")
    assert one == same
    assert one != other


def test_names_from_data_are_no_markup(tmp_path, capsys):
    rows = [f"{who},{n % 7},{'yn'[n % 2]},<b>[red]$x$" for who in "pqr" for n in range(20)]
    (tmp_path / "mine.csv").write_text("who,a,label,team\n" + "\n".join(rows) + "\n")
    (tmp_path / "mine.toml").write_text(
        'data = "mine.csv"\ntarget = "label"\nclient = "who"\ngroup = "team"\nfeatures = ["a"]\n'
    )
    assert describe(tmp_path / "mine.toml", "--out", tmp_path / "who.html") == 0
    assert "<b>[red]$x$" in capsys.readouterr().out
    page = (tmp_path / "who.html").read_text()
    assert "&lt;b&gt;[red]$x$" in page
    assert "<b>[red]" not in page


def test_data_of_ones_own_are_described(tmp_path, capsys):
    rows = [f"p{who},{n % 7},{'yn'[n % 3 > 0]},{'ab'[who % 2]}" for who in range(5) for n in range(20 + who)]
    (tmp_path / "mine.csv").write_text("who,a,label,team\n" + "\n".join(rows) + "\n")
    (tmp_path / "mine.toml").write_text(
        'data = "mine.csv"\ntarget = "label"\nclient = "who"\ngroup = "team"\nfeatures = ["a"]\n'
    )
    assert describe(tmp_path / "mine.toml") == 0
    shown = capsys.readouterr().out
    assert "clients         5" in shown
    assert "rows            110" in shown
    assert main(["check", f"gestures:{tmp_path / 'mine.toml'}"]) == 0
    assert "clients 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("assistnt",), "did you mean 'assistant'?"),
        (("assistant", "--clients", 0), "--clients 0"),
        (("assistant", "--out", "who.gif"), "the suffix must be .svg, .html, .png or .pdf"),
        (("avatar:bandai_motion",), "bandai_motion/bandai_motion.npz is missing"),
        (("assistant", "--out", "file/who.svg"), "--out file/who.svg: "),
    ],
)
def test_bad_input_is_told_in_one_line(words, problem, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    assert describe(*words) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
