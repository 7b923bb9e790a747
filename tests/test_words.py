"""One word for one thing: a word that the glossary retires stands neither in a name nor in a sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("metafed", "client", "server", "simulation", "docs")
EXEMPT = ("docs/decisions", "docs/glossary.md", "metafed/experiment/renames.py")
"""Pages that are never rewritten, the list of retired words, and the old names that records and flags may have."""
NAMES = {
    "told",
    "said",
    "heard",
    "ballot",
    "ballots",
    "vote",
    "votes",
    "trap",
    "ceiling",
    "afflicted",
    "judged",
    "Plant",
}
PHRASES = re.compile(r"cannot be had with|ballot|ceiling|afflicted", re.IGNORECASE)
PARTS = ("name", "asname", "id", "attr", "arg", "names")
"""Where the nodes of a syntax tree have names: definitions, imports, variables, attributes, arguments, ``global``."""


def files() -> list[Path]:
    """Return the files that are read."""
    found = [p for folder in FOLDERS for end in ("py", "md", "j2") for p in (ROOT / folder).rglob(f"*.{end}")]
    exempt = tuple(ROOT / path for path in EXEMPT)
    return sorted(p for p in [*found, ROOT / "README.md"] if not any(p.is_relative_to(path) for path in exempt))


def retired_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of every retired identifier in Python code."""
    for node in ast.walk(ast.parse(text)):
        values = [getattr(node, part, None) for part in PARTS]
        names = [name for value in values for name in (value if isinstance(value, list) else [value])]
        for name in names:
            if isinstance(name, str) and NAMES & set(name.split(".")):
                yield getattr(node, "lineno", 0), name


def retired_phrases(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and words of every retired phrase."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in PHRASES.finditer(line):
            yield number, match[0]


def test_no_retired_word_stands_in_the_tree():
    wrong = []
    for path in files():
        text = path.read_text(encoding="utf-8")
        found = [*retired_phrases(text), *(retired_names(text) if path.suffix == ".py" else ())]
        wrong += [f"{path.relative_to(ROOT)}:{line}: {words}" for line, words in found]
    assert wrong == [], "docs/glossary.md says what to use instead"


def test_retired_words_are_found():
    code = "import votes as v\nclass Plant: pass\ndef f(told): global said; x.trap = judged(ceiling=1)\nlength = len(v)"
    assert sorted(retired_names(code)) == [
        (1, "votes"),
        (2, "Plant"),
        *((3, name) for name in ("ceiling", "judged", "said", "told", "trap")),
    ]
    assert list(retired_phrases("one\nCeiling; cannot be had with")) == [(2, "Ceiling"), (2, "cannot be had with")]


def test_every_room_is_read():
    read = {path.relative_to(ROOT).parts[0] for path in files()}
    assert read == {*FOLDERS, "README.md"}
