"""Settings that had another name: the old one goes on working, in flags, files, run configs and records."""

from collections.abc import Mapping
from typing import Any

RENAMED = {
    "dp_noise": "privacy.noise",
    "dp_clip": "privacy.clip",
    "dp_delta": "privacy.delta",
    "dp_epsilon": "privacy.epsilon",
    "dp_quantile": "privacy.quantile",
    "dp_clip_rate": "privacy.clip_rate",
    "dp_accountant": "privacy.accountant",
    "dp_random": "privacy.random",
    "dp_model": "privacy.model",
    "secure_aggregation": "secure.aggregation",
    "secure_threshold": "secure.threshold",
    "devices": "devices.tiers",
    "deadline": "devices.deadline",
    "late": "devices.late",
    "plant": "inject_bias",
}
"""Old name → new name; a dot leads into a table."""
KEYS = {"ceiling": "oracle_score", "votes": "updates", "trap": "evaluation_warning"}
"""Keys and columns of records: old name → new name."""


def renewed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under their new names.

    Raises:
        ValueError: A setting stands under both of its names.
    """
    found = {name: dict(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
    for old, new in RENAMED.items():
        if old not in found or (old == "devices" and not isinstance(found[old], str)):
            continue
        value, (*path, last) = found.pop(old), new.split(".")
        inside = found
        for step in path:
            inside = inside.setdefault(step, {})
            if not isinstance(inside, dict):  # a model: made in Python, under the new names
                raise ValueError(f"{old} and {step} are both given; {old} is now {new}")
        if last in inside:
            raise ValueError(f"{old} is now {new}, and both are given")
        inside[last] = value
    return found


def renewed_keys(value: Any) -> Any:
    """Return a record's JSON under today's names."""
    if isinstance(value, dict):
        return {KEYS.get(key, key): renewed_keys(each) for key, each in value.items()}
    return [renewed_keys(each) for each in value] if isinstance(value, list) else value
