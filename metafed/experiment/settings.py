"""The one schema of *what* is computed. It travels as Flower's run config, so every process agrees."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from pydantic import model_validator

from metafed.core.reading import parse_toml
from metafed.experiment.choices import builtin, names
from metafed.experiment.fields import Fields
from metafed.experiment.keywords import Keywords
from metafed.experiment.lookup import KINDS
from metafed.experiment.rules.families import check_families
from metafed.experiment.rules.settings import check_settings


class Experiment(Fields):
    """Population, families, algorithm and seed: everything that the result depends on.

    Plain settings: making one reads no file. What only a user's own table can tell is checked by ``Federation``.

    Args:
        **settings: Every flag of ``simulation.run`` that says what is computed, with ``_`` for ``-``; and ``families``
            for ``tasks``.

    Raises:
        SettingError: A keyword is unknown, a value not allowed, or two do not go together.
    """

    if TYPE_CHECKING:

        def __init__(self, **settings: Unpack[Keywords]) -> None: ...

    def replace(self, **changes: Unpack[Keywords]) -> Self:
        """Return the experiment with other settings; what nobody chose is chosen anew.

        Raises:
            SettingError: As for a new one.
        """
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "families" in changes:
            given.pop("tasks", None)
        return type(self)(**{**given, **changes})

    @model_validator(mode="after")
    def _mix_fits(self) -> Self:
        _ = self.proportions
        return self

    @model_validator(mode="after")
    def _cohort_fits(self) -> Self:
        if self.cohort is not None and self.cohort > self.clients:
            raise ValueError(f"--cohort {self.cohort} exceeds --clients {self.clients}; choose at most {self.clients}")
        seen = self.seen_clients
        if self.cohort is not None and self.cohort > seen:
            raise ValueError(
                f"--cohort {self.cohort} exceeds the {seen} clients that --unseen {self.unseen}"
                + (f" and --validation {self.validation} leave" if self.validation else " leaves")
                + f" for meta-training; choose at most {seen}"
            )
        self.sampling.check(self.cohort_size, seen)
        own = self.algorithm.outer
        if self.outer_optimizer not in (None, own.optimizer) and self.outer_lr is None:
            raise ValueError(
                f"--outer-optimizer {self.outer_optimizer} needs --outer-lr: the default rate {own.rate:g}"
                f" is meant for {own.optimizer}"
            )
        return self

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        check_settings(self)
        choices = builtin(self.tasks)
        if len(choices) == len(names(self.tasks)):
            # else a table of the user's own is among them, which only a federation reads
            check_families(self, choices)
        return self

    def to_run_config(self) -> dict[str, bool | int | float | str]:
        """Return the experiment as Flower's flat run config, with dotted kebab-case keys; None is left out."""
        return flatten_config(self.model_dump(exclude_none=True))

    @classmethod
    def from_run_config(cls, config: Mapping[str, bool | int | float | str]) -> Self:
        """Read what ``to_run_config`` wrote. An empty text stands for "not set".

        Raises:
            pydantic.ValidationError: A key is unknown or a value out of range.
        """
        nested: dict[str, Any] = {}
        for key, value in config.items():
            if value == "":
                continue
            *path, last = key.replace("-", "_").split(".")
            inside = nested
            for step in path:
                inside = inside.setdefault(step, {})
                if not isinstance(inside, dict):
                    raise ValueError(f"{key}: {step!r} is a setting and has none of its own")
            inside[last] = value
        for chosen in (nested.get(what) for what in (*KINDS, "network_settings")):
            if isinstance(chosen, dict) and "settings" in chosen:
                # one key for the settings that only some of them have: "tau = 3, delta = 0.001"
                extra = parse_toml(f"settings = {{ {chosen.pop('settings')} }}", "settings")["settings"]
                chosen |= {name.replace("-", "_"): value for name, value in extra.items()}
        return cls.model_validate(nested)


def flatten_config(values: Mapping[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Flatten nested settings: ``{"algorithm": {"inner_lr": 0.1}}`` → ``{"algorithm.inner-lr": 0.1}``."""
    flat: dict[str, bool | int | float | str] = {}
    for name, value in values.items():
        key = prefix + name.replace("_", "-")
        if isinstance(value, Mapping):
            flat |= flatten_config(value, key + ".")
        else:
            flat[key] = value
    return flat


def kebab(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn the keys of nested settings from names of fields to kebab-case; scalars before tables."""
    pairs = sorted(settings.items(), key=lambda item: isinstance(item[1], dict))
    return {k.replace("_", "-"): kebab(v) if isinstance(v, dict) else v for k, v in pairs}
