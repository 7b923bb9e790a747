"""The report of a hand-made run folder: its numbers, its safety, and what it says of runs that are not whole."""

import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simulation.data.files import whole
from simulation.report.command import main
from simulation.report.figures import FIGURES, OfRun
from simulation.report.pages import write_report
from tests.metafed.fairness.frames import client, frame
from tests.metafed.fairness.hand_made import make

ALL = [figure.key for figure in FIGURES if isinstance(figure, OfRun)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make(tmp_path / "hand-made")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(make(tmp_path_factory.mktemp("runs") / "hand-made")).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Collects elements, ids and the addresses that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href", "srcset", "data") and not str(value).startswith("#"):
                self.fetched.append(str(value))


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<(style|svg).*?</\1>", "", page, flags=re.DOTALL)).split())


def test_contains_the_numbers(page):
    text = words(page)
    assert "Scores, after round 4" in text
    # unseen assistants: 8 … 11 and 12; before (4 · 0.2 + 0.5) / 5, after (0.46 + 0.48 + 0.5 + 0.52 + 0.25) / 5
    assert re.search(r"unseen 5 0\.260 \([^)]*\) 0\.442", text)
    assert "+0.182" in text
    assert re.search(r"Adaptation harms 1 of 6 unseen clients", text)
    assert "−9.000" in text
    assert "python -m simulation.run --clients 15" in text
    assert "sha256:feedbeef" in text
    assert "torch 2.13.0" in text
    assert "5.0 MB up, 10.0 MB down" in text
    assert "rounds = 4" in text
    assert "This report is partial" not in text


def figures(page: str) -> dict[str, list[str]]:
    """Return the panels of each figure, by its id."""
    found = re.findall(r'<figure id="([^"]+)".*?</figure>', page, flags=re.DOTALL)
    whole = re.findall(r"<figure .*?</figure>", page, flags=re.DOTALL)
    return {key: re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL) for key, text in zip(found, whole, strict=True)}


def test_has_all_figures_with_unique_ids(page):
    ids = Elements(page).ids
    assert len(ids) == len(set(ids)) > 0
    # a panel a family; avatars were evaluated and never trained, so they have no loss, and no partition
    assert {key: len(panels) for key, panels in figures(page).items()} == {
        **dict.fromkeys(ALL, 2),
        "losses": 1,
        "labels": 1,
    }
    for key, panels in figures(page).items():
        for number, panel in enumerate(panels):
            root = ElementTree.fromstring(panel)
            assert root.get("role") == "img"
            assert re.match("assistant(:generated)?: .|avatar: .", root.get("aria-label"))
            own = [f"#{mark}" for mark in re.findall(r'\bid="([^"]*)"', panel)]
            assert all(mark.startswith(f"#{key}-{number}-") for mark in own)
            assert set(re.findall(r'href="([^"]*)"', panel)) == set(own), "a panel refers to what is in it, and no more"
            assert not re.search(r"#[0-9a-fA-F]{6}\b", panel), "a colour that does not follow the page"


def test_fetches_nothing(page):
    elements = Elements(page)
    kinds = Counter(address.partition(";")[0] for address in elements.fetched)
    assert kinds == {"data:image/svg+xml": len(ALL), "data:text/csv": len(ALL)}, "other than the figures' own files"
    assert "http://" not in page
    assert "https://" not in page
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(elements.tags)
    assert "@import" not in page
    assert "url(" not in page


def test_escapes_what_clients_say(page):
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3  # a group, a reason, a note


def test_names_failures_and_diverged_clients(page):
    text = words(page)
    assert "late &lt;script&gt;" in text
    assert "1 evaluated client is in no mean above: client 14 (avatar, a: diverged)" in text


def test_flags_small_groups_and_hidden_scores(page):
    assert "few clients" in words(page)
    assert "1 below −1" in page or "1 below -1" in page


def test_is_the_same_twice(run):
    first = write_report(run).read_bytes()
    assert write_report(run, run / "again.html").read_bytes() == first


def test_a_run_that_was_killed_gets_a_partial_report(run):
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "exit_reason": None, "end": None}))
    (run / "summary.json").unlink()
    parts = run / "parts"
    parts.mkdir()
    (run / "clients.parquet").rename(parts / "00000004.parquet")
    (parts / "00000005.parquet").write_bytes(b"PAR1 cut short")
    with (run / "rounds.jsonl").open("a") as file:
        file.write('{"round": 5, "sec')
    text = words(write_report(run).read_text(encoding="utf-8"))
    assert "This report is partial" in text
    assert "has not ended, or was killed" in text
    assert "line 6) was cut short" in text
    assert "00000005.parquet was cut short" in text
    assert "0.442" in text


def test_a_run_without_a_finished_round_still_has_a_report(run):
    for name in ("summary.json", "clients.parquet", "rounds.jsonl", "config.toml"):
        (run / name).unlink()
    text = words(write_report(run).read_text(encoding="utf-8"))
    assert "rounds.jsonl is missing" in text
    assert "clients.parquet is missing" in text
    assert "0 of 4 rounds" in text


def test_an_interrupted_run_says_so(run):
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "exit_reason": "interrupted"}))
    assert "did not finish: interrupted" in words(write_report(run).read_text(encoding="utf-8"))


def complaint(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    assert main([str(word) for word in argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_bad_folders_end_with_one_line_and_exit_code_2(tmp_path, capsys):
    assert "no such folder" in complaint(capsys, tmp_path / "nowhere")
    assert "not the folder of a run" in complaint(capsys, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("clients.parquet", b"PAR1 this is not Parquet PAR1", "not readable as Parquet"),
        ("manifest.json", b"{", "not JSON"),
        ("manifest.json", b"[]", "expected a JSON object"),
        ("summary.json", b"{}", "not a run's summary"),
        ("rounds.jsonl", b"not json\n{}\n", "line 1: not JSON"),
        ("rounds.jsonl", b'{"round": 0}\n', "line 1: lacks bytes_down"),
    ],
)
def test_damaged_files_end_with_one_line_and_exit_code_2(run, capsys, name, content, says):
    (run / name).write_bytes(content)
    message = complaint(capsys, run)
    assert says in message
    assert name in message
    assert not (run / "report.html").exists()


def test_parquet_without_the_columns_is_named(run, capsys):
    frame(client(0, [0.1])).drop("score").write_parquet(run / "clients.parquet")
    assert "lacks the columns score" in complaint(capsys, run)


def test_an_output_that_cannot_be_written_is_named(run, capsys):
    assert "--out" in complaint(capsys, run, "--out", run / "no" / "such" / "file.html")
    assert "suffix" in complaint(capsys, run, "--figure", "readme", run / "picture.bmp")


@pytest.mark.slow
def test_writes_the_report_and_the_readmes_picture(run, capsys):
    assert main([str(run), "--out", str(run / "mine.html")]) == 0
    assert capsys.readouterr().out.strip() == str(run / "mine.html")
    assert not (run / "report.html").exists()
    for name, start in (("picture.svg", b"<svg xmlns="), ("picture.png", b"\x89PNG"), ("picture.pdf", b"%PDF")):
        assert main([str(run), "--figure", "readme", str(run / name)]) == 0
        first = (run / name).read_bytes()
        assert first.startswith(start)
        assert main([str(run), "--figure", "readme", str(run / name)]) == 0
        assert (run / name).read_bytes() == first
    root = ElementTree.parse(run / "picture.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "assistant" in "".join(root.itertext())


@pytest.mark.parametrize("name", ["manifest.json", "clients.parquet", "rounds.jsonl", "config.toml"])
def test_a_report_takes_the_place_of_no_file_of_a_record(run, capsys, name):
    (run / name).touch()
    before = (run / name).read_bytes()
    assert "is no page" in complaint(capsys, run, "--out", run / name)
    assert (run / name).read_bytes() == before


def test_no_file_takes_the_place_of_a_pipe_or_a_device(run, tmp_path, capsys):
    for name, how in (("pipe", "--out"), ("pipe.svg", "--figure readme")):
        pipe = tmp_path / name
        os.mkfifo(pipe)
        assert "is a pipe or a device; name a file" in complaint(capsys, run, *how.split(), pipe)
        assert pipe.is_fifo()
        with pytest.raises(OSError, match="is a pipe or a device"), whole(pipe):
            pass
        assert pipe.is_fifo()


def test_no_file_takes_the_place_of_a_loop_of_links_and_none_is_written_through_a_link(run, tmp_path, capsys):
    loop, aside = tmp_path / "loop.html", tmp_path / "aside"
    loop.symlink_to(loop.name)
    assert "Too many levels of symbolic links" in complaint(capsys, run, "--out", loop)
    assert loop.is_symlink()
    aside.write_text("mine")
    (tmp_path / "page.html.draft").symlink_to(aside)
    os.mkfifo(tmp_path / "figure.svg.draft")
    assert main([str(run), "--out", str(tmp_path / "page.html")]) == 0
    assert main([str(run), "--figure", "readme", str(tmp_path / "figure.svg")]) == 0
    assert aside.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["aside", "figure.svg", "page.html"]
