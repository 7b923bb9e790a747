"""The pages of ``docs/extending``: their example, their commands, and the tree with their example in it."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from tests.forked import forked
from tests.forked import module as run_module

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "extending"
OURS = ("metafed", "client", "server", "simulation")


class Page(NamedTuple):
    """What a page prints.

    Attributes:
        text: All of it.
        file: Where the example is to be saved first.
        code: The example.
        commands: What runs it, as modules and words.
        place: Where it is saved in the tree.
        registry: The file of the registry, and the registry's name.
        lines: The two lines in it: the import, and the entry.
    """

    text: str
    file: str
    code: str
    commands: list[list[str]]
    place: str
    registry: tuple[str, str]
    lines: list[str]


def page(name: str) -> Page:
    """Read a page."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    code, lines = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    flat = " ".join(text.split())
    paths = list(dict.fromkeys(re.findall(r"`((?:metafed|simulation)/[\w/]+\.py)`", flat)))
    place = next(path for path in paths if Path(path).stem in lines.split("\n")[0])
    return Page(
        text,
        re.search(r"[Ss]ave this as `([\w/.]+)`", flat)[1],
        code,
        [shlex.split(line)[2:] for line in re.findall(r"^    (python -m simulation.+)$", text, re.MULTILINE)],
        place,
        (next(path for path in paths if path.endswith("__init__.py")), re.search(r"stands in `([A-Z]+)`", flat)[1]),
        lines.splitlines(),
    )


def grown(folder: Path, names: list[str]) -> list[str]:
    """Copy the tree, add the example of each page as it says, and return the files that were touched."""
    for ours in OURS:
        shutil.copytree(ROOT / ours, folder / ours, ignore=shutil.ignore_patterns("__pycache__"))
    touched = []
    for name in names:
        own = page(name)
        (file, registry), (imported, entry) = own.registry, own.lines
        assert not (folder / own.place).exists()
        (folder / own.place).write_text(own.code, encoding="utf-8")
        text = (folder / file).read_text(encoding="utf-8")
        text, found = re.subn(rf"^({registry}\b.* = [{{(]\n)", rf"\1{entry}\n", text, flags=re.MULTILINE)
        assert found == 1, f"{file} has {found} registries {registry}"
        (folder / file).write_text(re.sub(r"^from ", f"{imported}\nfrom ", text, count=1, flags=re.MULTILINE), "utf-8")
        touched.append([own.place, file])
    return touched


def in_tree(folder: Path, *commands: list[str]) -> str:
    """Run commands in the copied tree, in a process of their own that imports it anew, and return what they printed."""
    done = forked(_run, commands, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(commands: list[list[str]]) -> None:
    for known in [known for known in sys.modules if known.partition(".")[0] in OURS]:
        del sys.modules[known]
    sys.path[:] = [str(Path.cwd()), *(path for path in sys.path if path not in ("", str(Path.cwd()), str(ROOT)))]
    for module, *words in commands:
        try:
            run_module(module, *words)
        except SystemExit as left:
            if left.code:
                raise
    import metafed

    assert Path(metafed.__file__).is_relative_to(Path.cwd())
