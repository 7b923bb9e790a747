"""Notebooks, which are kept without outputs: executing them, and what they show as Markdown."""

import base64
import html
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LONGEST = 300
"""Seconds that a cell may take."""
TERMINAL = re.compile(r"\x1b\[[0-9;]*m")


def read(path: Path) -> nbformat.NotebookNode:
    """Return the notebook as it is kept."""
    return nbformat.read(path, as_version=4)


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with its outputs, executed in an empty folder.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=LONGEST, resources={"metadata": {"path": folder}}).execute()
    return notebook


def page(notebook: nbformat.NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by file name."""
    parts, images = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            if output.output_type == "stream":
                parts.append(block(output.text))
            elif "image/png" in output.data:
                image = f"{name}-{len(images)}.png"
                images[image] = base64.b64decode(output.data["image/png"])
                parts.append(f"![What the cell draws]({image})")
            elif "text/html" in output.data:
                parts.append(f'<div class="output">{output.data["text/html"]}</div>')
            else:
                parts.append(block(output.data["text/plain"]))
    return "\n\n".join(parts) + "\n", images


def block(text: str) -> str:
    """Return text as a terminal shows it."""
    return f"<pre>{html.escape(TERMINAL.sub('', text).rstrip())}</pre>"
