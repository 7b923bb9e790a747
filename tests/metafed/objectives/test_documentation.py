"""The table has every setting and default of the objectives that it names, and the run config knows them.

A new objective is documented in its own file until it has a row; its settings go by ``objective.settings``.
"""

import re
import tomllib
from pathlib import Path

from metafed.objectives import OBJECTIVES

ROOT = Path(__file__).parents[3]
PAGE, _ = (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8").split("## By comparing updates")
ROWS = re.findall(r"^\| `([^`]+)` \|(.*)\|$", PAGE, re.MULTILINE)


def settings(kind):
    return {name: field for name, field in kind.model_fields.items() if name != "name"}


def test_the_table_names_objectives_once_in_their_order():
    rows = [name for name, _ in ROWS]
    assert rows == [name for name in OBJECTIVES if name in rows]
    assert len(rows) >= 8


def test_the_table_has_every_setting_with_its_default():
    for name, row in ROWS:
        written = dict(re.findall(r"`([a-z]+)` = ([^,;|]+?)(?=[,;|]| \|)", re.split(r"(?<!\\)\|", row)[1] + "|"))
        own = settings(OBJECTIVES[name])
        assert list(written) == list(own), name
        for setting, field in own.items():
            default = (
                "none"
                if field.default is None
                else f"{field.default:g}"
                if isinstance(field.default, float)
                else field.default
            )
            assert written[setting].split(" (")[0] == default, (name, setting)


def test_the_run_config_can_override_every_setting_of_the_table():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["flwr"]["app"]["config"]["objective"]
    every = {setting for name, _ in ROWS for setting in settings(OBJECTIVES[name])}
    assert set(config) == {"name", "settings", *every}
