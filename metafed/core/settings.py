"""What all models of settings have in common: no key that is not known, numbers that are numbers, text that is text."""

from abc import ABC
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Settings(BaseModel, ABC):
    """Settings, each sound by itself; a number is finite, and true is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
