"""Print the project's own requirements, ``torch`` alone or the rest; or check which PyTorch was installed."""

import sys
import tomllib
from pathlib import Path


def main(words: list[str]) -> int:
    """Do what ``words`` say: nothing, ``torch``, or ``--check BUILD`` with a build such as cpu or cu126."""
    if words[:1] == ["--check"]:
        import torch

        built = "cpu" if torch.version.cuda is None else "cu" + torch.version.cuda.replace(".", "")
        if built != words[1]:
            print(f"PyTorch for {words[1]} was asked for, and {torch.__version__} ({built}) was found", file=sys.stderr)
        return int(built != words[1])
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    print(*(each for each in project["dependencies"] if each.startswith("torch") == (words == ["torch"])), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
