"""Errors for people: one message that names the value, what is allowed, and the flag."""

import difflib
from collections.abc import Sequence

from pydantic import ValidationError


class BadInput(ValueError):
    """What the user gave cannot be used; the command ends with exit code 2 and nothing is lost."""


def explain(error: ValidationError, fields: Sequence[str]) -> str:
    """Put pydantic's complaint into one line a problem.

    Args:
        error: The complaint.
        fields: Names that would have been known, for the suggestion of a near miss.
    """
    lines = []
    for problem in error.errors():
        path = [str(step) for step in problem["loc"] if str(step) != "experiment"]
        flag = "--" + ".".join(path).replace("_", "-")
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path[-1], fields, n=1)
            hint = f"; did you mean {near[0].replace('_', '-')!r}?" if near else ""
            lines.append(f"{'.'.join(path).replace('_', '-')}: unknown key{hint}")
        elif problem["type"] == "value_error" and len(path) == 0:
            lines.append(str(problem["ctx"]["error"]))
        elif problem["type"] == "value_error":
            lines.append(f"{flag} {problem['input']!r}: {problem['ctx']['error']}")
        else:
            allowed = problem["msg"][0].lower() + problem["msg"][1:]
            lines.append(f"{flag} {problem['input']!r}: {allowed}")
    return "; ".join(lines)
