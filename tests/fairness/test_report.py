"""The report of a hand-made run folder: its numbers, its safety, and what it says of runs that are not whole."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from server.summary import summarize
from simulation.report import main, write_report
from tests.fairness.frames import client, frame

HOSTILE = "<script>alert(1)</script>"
KINDS = {"assistant": "classification", "avatar": "regression"}


def line(number: int, **values: Any) -> dict[str, Any]:
    families = {"assistant": {"loss": 1 / number, "score": 0.5}} if number else {}
    return {
        "round": number, "seconds": 0.1, "clients": 4, "failed": [], "loss": 0.5, "score": 0.5, "worst10": 0.1,
        "bytes_up": 1_000_000, "bytes_down": 2_000_000, "virtual_seconds": None, "families": families, **values,
    }  # fmt: skip


def make(folder: Path) -> Path:
    folder.mkdir()
    rows = frame(
        *(client(i, [0.2, 0.3 + 0.02 * i], seen=i < 8, group="ab"[i % 2], n=20 * (i + 1)) for i in range(12)),
        client(12, [0.5, 0.25], seen=False, group=HOSTILE, query=500),
        client(13, [-9.0, 0.125], seen=False, family="avatar"),
        client(14, [0.1, float("nan")], seen=False, family="avatar"),
    )
    rows.write_parquet(folder / "clients.parquet")
    (folder / "summary.json").write_text(json.dumps(summarize(rows, 0, KINDS)))
    failed = [{"client": 3, "reason": f"late {HOSTILE}"}]
    lines = [line(0), *(line(i) for i in range(1, 4)), line(4, failed=failed)]
    (folder / "rounds.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    (folder / "config.toml").write_text("clients = 15\nrounds = 4\n")
    manifest = {
        "argv": ["/somewhere/simulation/run.py", "--clients", "15"],
        "experiment": {"clients": 15, "rounds": 4, "algorithm": {"name": "maml"}}, "seed": 7,
        "engine": {"engine": "local", "workers": None}, "machine": {"cpus": 2}, "versions": {"torch": "2.13.0"},
        "git": {"commit": None, "dirty": None, "diff_sha256": None},
        "data": {"assistant:generated": {"files": {}, "notes": [HOSTILE]}},
        "start": "2026-11-22T10:00:00+00:00", "end": "2026-11-22T10:01:00+00:00", "exit_reason": "done",
        "theta_sha256": "feedbeef",
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


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
    assert re.search(r"unseen 5 0\.260 \[[^]]*\] 0\.442", text)
    assert "+0.182" in text
    assert re.search(r"Adaptation harms 1 of 6 unseen clients", text)
    assert "−9.000" in text
    assert "python -m simulation.run --clients 15" in text
    assert "sha256:feedbeef" in text
    assert "torch 2.13.0" in text
    assert "5.0 MB up, 10.0 MB down" in text
    assert "rounds = 4" in text
    assert "This report is partial" not in text


def test_has_all_figures_with_unique_ids(page):
    elements = Elements(page)
    assert elements.tags.count("svg") == 5
    assert len(elements.ids) == len(set(elements.ids)) > 0
    for figure in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ids = set(re.findall(r'\bid="([^"]+)"', figure))
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', figure)) <= {(i, "") for i in ids} | {
            ("", i) for i in ids
        }
        root = ElementTree.fromstring(figure)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert not re.search(r"#[0-9a-fA-F]{6}\b", figure), "a colour that does not follow the page"


def test_fetches_nothing(page):
    elements = Elements(page)
    assert elements.fetched == []
    assert "http://" not in page
    assert "https://" not in page
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(elements.tags)
    assert "@import" not in page


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


def test_writes_the_report_and_the_readmes_picture(run, capsys):
    assert main([str(run), "--out", str(run / "mine.html")]) == 0
    assert capsys.readouterr().out.strip() == str(run / "mine.html")
    assert not (run / "report.html").exists()
    for name, start in (("picture.svg", b"<?xml"), ("picture.png", b"\x89PNG")):
        assert main([str(run), "--figure", "readme", str(run / name)]) == 0
        first = (run / name).read_bytes()
        assert first.startswith(start)
        assert main([str(run), "--figure", "readme", str(run / name)]) == 0
        assert (run / name).read_bytes() == first
