"""What all models of settings have in common: no key that is not known, numbers that are numbers, text that is text."""

from abc import ABC
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from metafed.core.errors import SettingError
from metafed.core.names import near
from metafed.core.reading import brief


def explain(error: ValidationError, known: Iterable[str] = (), prefix: str = "") -> str:
    """Put pydantic's complaint about flags or a file's keys into one line a problem.

    Args:
        error: The complaint.
        known: Names that would have been known, for the suggestion of a near miss.
        prefix: What stands before the setting's name in its flag.
    """
    lines = []
    for problem in _problems(error):
        path = [*filter(None, [prefix]), *(str(step) for step in problem["loc"] if str(step) != "experiment")]
        # a network's arguments are --network.NAME, as they are [network] in a file
        path = ["network" if step == "network_settings" else step for step in path]
        flag = "--" + ".".join(path).replace("_", "-")
        if problem["type"] == "extra_forbidden":
            hint = near(path[-1], known).replace("_", "-")
            lines.append(f"{'.'.join(path).replace('_', '-')}: unknown key{hint}")
        elif problem["type"] == "value_error" and len(path) == 0:
            lines.append(str(problem["ctx"]["error"]))
        else:
            lines.append(f"{flag} {brief(problem['input'])}: {_why(problem)}")
    return "; ".join(lines)


def explain_keywords(error: ValidationError, what: str, known: Iterable[str]) -> str:
    """Put pydantic's complaint about keywords into one line a problem.

    Args:
        error: The complaint.
        what: What was to be made.
        known: Its keywords.
    """
    lines = []
    for problem in _problems(error):
        path = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            hint = near(path, known) or f" (it has {', '.join(known)})"
            lines.append(f"{what} has no setting {path!r}{hint}")
        elif problem["type"] == "value_error" and not path:
            lines.append(str(problem["ctx"]["error"]))
        elif problem["type"] == "missing":
            lines.append(f"{what} needs {path}=…")
        else:
            lines.append(f"{what}({path}={brief(problem['input'])}): {_why(problem)}")
    return "; ".join(lines)


MEMBERS = {"bool": "true or false", "int": "a whole number", "float": "a finite number", "str": "a text"}
"""What pydantic calls the members of a union, and what they are for a person."""


def _problems(error: ValidationError) -> list[Any]:
    """Return pydantic's complaints, one of each value: of a union it has one of each member."""
    found: dict[tuple[Any, ...], Any] = {}
    for problem in error.errors():
        *place, member = problem["loc"] or ("",)
        if member not in MEMBERS:
            found[problem["loc"], len(found)] = problem
        elif tuple(place) in found:
            found[tuple(place)]["msg"] += f", {MEMBERS[str(member)]}"
        else:
            found[tuple(place)] = {**problem, "loc": tuple(place), "type": "union", "msg": f"Give {MEMBERS[member]}"}
    return list(found.values())


def _why(problem: Any) -> str:
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] == "model_type":
        return "give a table of settings"
    return str(problem["msg"][0].lower() + problem["msg"][1:])


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class Answering(ModelMetaclass):
    """What answers a call of a class of settings with a wrong keyword or value by one message, as for a wrong flag."""

    if not TYPE_CHECKING:

        def __call__(cls, *positional: Any, **keywords: Any) -> Any:
            """Make one from keywords; ``model_validate`` leaves the complaint to who reads flags or a file."""
            try:
                return super().__call__(*positional, **keywords)
            except ValidationError as error:
                known = [name for name in (*cls.model_fields, *cls.more_keywords) if name != "name"]
                raise SettingError(explain_keywords(error, cls.__name__, known)) from None


class Settings(BaseModel, ABC, metaclass=Answering):
    """Settings, each sound by itself; a number is finite, and true is none.

    Raises:
        SettingError: A keyword is unknown, or a value is not allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)
    more_keywords: ClassVar[tuple[str, ...]] = ()
    """Keywords that become fields of another name."""

    @field_validator("*", mode="before")
    @classmethod
    def _text_can_be_written(cls, value: Any) -> Any:
        if isinstance(value, str | Path):
            text = str(value)
            if "\0" in text:
                raise ValueError("holds a NUL character")
            if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
                raise ValueError("is no UTF-8, in which settings are kept; rename it, or reach it by a link")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool):
            annotation = cls.model_fields[str(info.field_name)].annotation
            allowed = get_args(annotation) or (annotation,)
            if bool not in allowed and {int, float} & set(allowed):
                raise ValueError("give a number, not true or false")
        return value
