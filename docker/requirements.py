"""Print what is to be installed, or check which PyTorch was.

``requirements.py torch|rest BUILD`` prints PyTorch's line or all others: for the build cpu from ``requirements.lock``,
with versions and hashes; for another, such as cu126, as ``pyproject.toml`` has them. ``requirements.py --check BUILD``.
"""

import re
import sys
import tomllib
from pathlib import Path


def main(what: str, build: str) -> int:
    """Do what the command line says."""
    if what == "--check":
        import torch

        built = "cpu" if torch.version.cuda is None else "cu" + torch.version.cuda.replace(".", "")
        if built != build:
            print(f"PyTorch for {build} was asked for, and {torch.__version__} ({built}) was found", file=sys.stderr)
        return int(built != build)
    print(*(each for each in requirements(build) if bool(re.match(r"torch\b", each)) == (what == "torch")), sep="\n")
    return 0


def requirements(build: str) -> list[str]:
    """Return each requirement, with its hashes where it is pinned."""
    if build == "cpu":
        text = Path("requirements.lock").read_text(encoding="utf-8")
        return [each.strip() for each in re.split(r"^(?=\w)", text, flags=re.MULTILINE) if each]
    found: list[str] = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
