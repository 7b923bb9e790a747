"""Errors for people: one message that names the value, what is allowed, and the flag."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from metafed.core.reading import brief


class BadInput(ValueError):
    """What the user gave cannot be used; the command ends with exit code 2 and nothing is lost."""


class Taken(BadInput):
    """A folder that was to be made is there already."""


class RunFailed(RuntimeError):
    """A run ended early; its record holds the finished rounds."""


class RunDiverged(RunFailed):
    """Training left the finite numbers."""


def explain(error: ValidationError, known: Iterable[str] = (), prefix: str = "") -> str:
    """Put pydantic's complaint into one line a problem.

    Args:
        error: The complaint.
        known: Names that would have been known, for the suggestion of a near miss.
        prefix: What stands before the setting's name in its flag.
    """
    lines = []
    for problem in error.errors():
        path = [*filter(None, [prefix]), *(str(step) for step in problem["loc"] if str(step) != "experiment")]
        flag = "--" + ".".join(path).replace("_", "-")
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path[-1], list(known), n=1)
            hint = f"; did you mean {near[0].replace('_', '-')!r}?" if near else ""
            lines.append(f"{'.'.join(path).replace('_', '-')}: unknown key{hint}")
        elif problem["type"] == "value_error" and len(path) == 0:
            lines.append(str(problem["ctx"]["error"]))
        elif problem["type"] == "value_error":
            lines.append(f"{flag} {brief(problem['input'])}: {problem['ctx']['error']}")
        else:
            allowed = problem["msg"][0].lower() + problem["msg"][1:]
            lines.append(f"{flag} {brief(problem['input'])}: {allowed}")
    return "; ".join(lines)
