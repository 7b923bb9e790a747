"""A table for the terminal, or as Markdown."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def show(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str], markdown: bool
) -> None:
    """Print a table with a title above and notes below; the first and the last column are text."""
    if markdown:
        print(f"**{title}**\n")
        print("| " + " | ".join(columns) + " |")
        print("|---|" + "---:|" * (len(columns) - 1))
        print("\n".join("| " + " | ".join(row) + " |" for row in rows))
        print("\n" + "\n".join(notes))
        return
    # a pipe has no width: cells are not cut for want of one
    console = Console(width=None if Console().is_terminal else 200, highlight=False, markup=False)
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, caption="\n".join(notes), caption_justify="left"
    )
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
