"""``python -m benchmarks.gpu.page gpu.json``: the tables of docs/performance.md, of the file of ``benchmarks.gpu``.

``--into docs/performance.md`` puts them between the page's two marks, in place of what is there. A part that failed or
was left out has the reason where its figures would be.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from benchmarks.results import complain
from simulation.cli.errors import BadInput

BEGIN, END = "<!-- gpu: made by benchmarks.gpu.page -->", "<!-- gpu: end -->"
Found = Mapping[str, Any]


@dataclass
class Options:
    """Make the tables of a card's figures."""

    file: tyro.conf.Positional[Path]
    """What ``benchmarks.gpu`` wrote."""
    into: Path | None = None
    """The page to put them into; else they are printed."""


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table in Markdown; the first column is text."""
    columns = list(columns)
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def parity(found: Found) -> str:
    """θ against the CPU's."""
    rows = (
        (name, f"{each['away']:.1e}", f"{each['allowed']:.0e}", yes(each["agrees"])) for name, each in found.items()
    )
    return table(("θ after three rounds", "away from the CPU's", "allowed", "agrees"), rows)


def determinism(found: Found) -> str:
    """The bits of two runs."""
    return table(
        ("two runs of one seed", "same bits"), ((name, yes(each["same_bits"])) for name, each in found.items())
    )


def halving(found: Found) -> str:
    """A chunk without room."""
    halved = ", ".join(f"{each['tried']} clients tried, {each['fitted']} fitted" for each in found["halved"])
    return (
        f"A chunk that does not fit: {halved or 'it was not halved'}; {len(found['failures'])} clients failed;"
        f" the sum is {found['away']:.1e} away from that of clients one by one."
    )


def peak(found: Found) -> str:
    """Products of square matrices."""
    return table(("product of square matrices", "TFLOP/s"), ((name, f"{value:.1f}") for name, value in found.items()))


def rounds(found: Found) -> str:
    """Rounds of networks and cohorts."""
    rows = (
        (
            name.partition(",")[0],
            each["clients"],
            each["chunk"],
            f"{each['seconds'] * 1e3:.0f}",
            f"{each['tflops']:.2f}",
            "" if each["peak_mib"] is None else f"{each['peak_mib']:.0f}",
            each["failed"],
            len(each["halved"]),
        )
        for name, each in found.items()
    )
    return table(("a round of", "clients", "chunk", "ms", "TFLOP/s", "peak MiB", "failed", "halved"), rows)


def chunks(found: Found) -> str:
    """Chunks of growing size."""
    rows = (
        (*name.split(", "), f"{each['ms_a_client']:.3f}", f"{each['drawing'] * 100:.0f} %")
        for name, each in found.items()
    )
    return table(("network", "chunk", "ms a client", "of it drawing"), rows)


def omniglot(found: Found) -> str:
    """Accuracy by rounds."""
    rows = ((each["round"], f"{each['accuracy']:.4f} ± {each['error']:.4f}") for each in found["curve"])
    said = "98.5 % are reached" if found["reached"] else "98.5 % are not reached in the part's time"
    return f"{said}; {found['clients']} unseen clients.\n\n" + table(("Omniglot 5w1s: round", "accuracy"), rows)


def tests(found: Found) -> str:
    """The last line of what pytest said."""
    return f"`pytest -m gpu`: {found['said'][-1] if found['said'] else 'said nothing'}"


SECTIONS: dict[str, Callable[[Found], str]] = {
    each.__name__: each for each in (parity, determinism, halving, peak, rounds, chunks, omniglot, tests)
}
"""What is made of each part's figures."""


def yes(value: object) -> str:
    """Return yes or no."""
    return "yes" if value else "no"


def section(name: str, part: Mapping[str, Any]) -> str:
    """Return what a part found, and why it found no more."""
    texts = [SECTIONS[name](part["found"])] if part.get("found") else []
    if part["state"] != "done":
        texts.append(f"`{name}` {' '.join(str(part['state']).split())[:300]}")
    elif part.get("left_out"):
        texts.append(f"`{name}`: no time was left for {', '.join(part['left_out'])}")
    return "\n\n".join(texts)


def page(result: Mapping[str, Any]) -> str:
    """Return the tables, with a line that says on which machine, and when."""
    machine, figures = result["machine"], result["figures"]
    card = machine.get("card", "no card: a CPU in its place")
    about = f"`python -m benchmarks.gpu`, {result['when'][:10]}: {card}, PyTorch {machine['torch']}, "
    about += f"{machine['processors']} CPU cores; {result['seconds']:.0f} s in all."
    if result["settings"]["quick"]:
        about += " With `--quick`: tiny sizes, these figures measure nothing."
    return "\n\n".join([about, *(section(name, figures[name]) for name in SECTIONS if name in figures)])


def main(argv: list[str] | None = None) -> int:
    """Print the tables, or put them into a page."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.gpu.page", description=__doc__)
    try:
        text = page(read(options.file))
        if options.into is None:
            print(text)
        else:
            options.into.write_text(between(options.into, text), encoding="utf-8")
    except BadInput as error:
        return complain(error)
    return 0


def read(path: Path) -> dict[str, Any]:
    """Read the file of ``benchmarks.gpu``.

    Raises:
        BadInput: It is not such a file.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}") from None
    if not isinstance(result, dict) or result.get("benchmark") != "gpu":
        raise BadInput(f"{path}: not a file of benchmarks.gpu (write one by python -m benchmarks.gpu --json FILE)")
    return result


def between(path: Path, text: str) -> str:
    """Return a page with ``text`` between its marks.

    Raises:
        BadInput: It has not both marks.
    """
    whole = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begun, rest = whole.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise BadInput(f"--into {path}: a page with the lines {BEGIN} and {END} is needed")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
