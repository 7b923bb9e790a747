"""What MkDocs asks us for while it builds the site: executed notebooks, the reference, links to files beside docs/."""

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from notebooks import execute, page, read

import metafed
import simulation

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)")
NAMES = re.compile(r"^\{names of (\w+)\}$", re.MULTILINE)
OUTPUTS = "METAFED_SITE_OUTPUTS"
"""Environment variable: ``no`` builds the site without executing the notebooks, which takes most of the time."""
log = logging.getLogger("mkdocs.hooks")


def on_files(files: Any, config: Any) -> Any:
    """Put a page in the place of each notebook: its cells, and what they print here and now."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        text, images = page(execute(path) if os.environ.get(OUTPUTS) != "no" else read(path), path.stem)
        made = {f"notebooks/{path.stem}.md": text, **{f"notebooks/{name}": data for name, data in images.items()}}
        for name, content in made.items():
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the public names, and turn links to files that are not on the site into their paths."""
    source = ROOT / "docs" / page.file.src_uri

    def linked(match: re.Match[str]) -> str:
        text, target = match[1], match[2]
        if target.endswith(".ipynb"):
            return f"[{text}]({target.removesuffix('.ipynb')}.md)"
        path = Path(source.parent, target).resolve()
        if re.match(r"\w+:", target) or path.is_relative_to(ROOT / "docs") or not path.is_relative_to(ROOT):
            return match[0]
        if not path.exists():
            log.warning("%s: %s is not there", page.file.src_uri, target)
        return f"{text} (`{path.relative_to(ROOT)}`)"

    return NAMES.sub(lambda match: names(match[1]), LINK.sub(linked, markdown))


def names(package: str) -> str:
    """Return what mkdocstrings reads: a line for each public name, below a heading for its part of metafed.

    Settings are shown with the fields that they inherit.
    """
    parts, last = [], ""
    rooms = {"metafed": metafed, "simulation": simulation}
    for name, module in rooms[package].PUBLIC.items():
        _, *folders = module.split(".")
        title = folders[-1] if folders[0] == "api" else folders[0]
        if package == "metafed" and title != last:
            parts.append(f"### {title.capitalize()}\n")
        last = title
        fields = list(getattr(getattr(rooms[package], name), "model_fields", {}))
        parts.append(f"::: {module}.{name}\n    options:\n      inherited_members: {fields or 'false'}\n")
    return "\n".join(parts)
