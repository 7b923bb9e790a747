"""What a command line asks for, read by tyro: its help without boxes, its complaints as one message of ours."""

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TypeVar

from simulation.cli.errors import BadInput
from simulation.cli.exits import called
from simulation.cli.room import check_room

Asked = TypeVar("Asked")
WIDEST = 110
"""Characters of a line of help: in wider ones tyro sets columns side by side."""
UNBROKEN = 10**4
"""Characters of a line of a complaint."""
EXPECTED = {"INT": "a whole number", "FLOAT": "a number", "STR": "a text", "PATH": "a path"}


def ask(read: Callable[[str], Asked], command: str, words: Sequence[str]) -> Asked:
    """Return what ``words`` ask for.

    Args:
        read: Calls tyro with the program's name.
        command: Which command it is.
        words: Those of the command line.

    Raises:
        BadInput: They are misused, or the process has too little room for what they ask for.
        SystemExit: The help was printed.
    """
    helped = not {"-h", "--help"}.isdisjoint(words)
    width = min(shutil.get_terminal_size().columns, WIDEST) if helped else UNBROKEN
    # tyro draws its boxes by signs that a stream's encoding has
    out, complaint = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    try:
        with lines_of(width), redirect_stdout(out), redirect_stderr(complaint):
            found = read(called(command))
    except SystemExit as leave:
        if leave.code:
            raise BadInput(message(written(complaint))) from None
        print(without_boxes(written(out)) if helped else written(out), end="")
        raise
    check_room()
    return found


def written(stream: io.TextIOWrapper) -> str:
    """Return all that was written to a stream in memory."""
    stream.seek(0)
    return stream.read()


@contextmanager
def lines_of(width: int) -> Iterator[None]:
    """Have tyro write lines of at most so many characters."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def without_boxes(text: str) -> str:
    """Return help whose boxes are titles, and lines that are indented."""
    lines = []
    for line in text.splitlines():
        if title := re.fullmatch(r"╭─ (.+?) ─+╮", line):
            lines.append(f"{title[1]}:")
        elif line.startswith("│ ") and not line.startswith("│ ──"):
            lines.append(f"  {line[2:].removesuffix('│').rstrip()}")
        elif line.startswith("╰"):
            lines.append("")
        elif not line.startswith("│"):
            lines.append(line)
    return "\n".join(lines).rstrip() + "\n"


def message(box: str) -> str:
    """Return what tyro complains of in a box as one line: the flag, the value, and what is allowed."""
    text = re.sub(r"\[/?bold\]", "", without_boxes(box))
    body = " ".join(text.partition("Argument helptext:")[0].partition("For full helptext")[0].split("\n")[1:])
    body = " ".join(body.split())
    if wrong := re.match(r"invalid choice '(.*)' for argument '(\S+)'. Expected one of \((.*)\)", body):
        # of unions tyro has the choices in any order
        allowed = ", ".join(sorted({*re.findall(r"'([^']*)'", wrong[3])} - {"None"}))
        return f"{wrong[2]} {wrong[1]}: choose one of {allowed}"
    if wrong := re.match(r"Missing value for argument '(\S+)'", body):
        return f"{wrong[1]} needs a value"
    if wrong := re.match(r"Error parsing ([^\s:]+):", body):
        given = re.search(r"(?:instantiated from \[|: )'(.*?)'", body)
        form = re.search(rf"^ +{re.escape(wrong[1].split('/')[0])} (\{{[^}}]*\}} \S+|[^,\n]+)", text, re.MULTILINE)
        kind = form[1].replace("{None}|", "") if form else "a value"
        return f"{wrong[1]}{f' {given[1]}' if given else ''}: expected {EXPECTED.get(kind, kind)}"
    if wrong := re.match(
        r"Unrecognized options: (.*?)(?: Perhaps you meant:| Arguments similar to| Available subcommands: (.*)|$)", body
    ):
        near = re.findall(r"^ +(--[\w.-]+)", text, re.MULTILINE)
        hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
        return f"{wrong[1]}: not known here" + (f"; choose one of {wrong[2]}" if wrong[2] else hint)
    return re.sub(r"^Missing from [^:]+", "missing", body)
