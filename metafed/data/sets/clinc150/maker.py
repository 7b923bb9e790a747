"""CLINC150 from its publisher's files: ``data_full.json`` and ``domains.json`` of github.com/clinc/oos-eval.

``data_full.json`` maps the splits ``train``, ``val``, ``test`` and ``oos_train``, ``oos_val``, ``oos_test`` to
lists of (text, intent); ``domains.json`` maps each domain to its intents. Larson et al., EMNLP 2019.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, originals

if TYPE_CHECKING:
    import polars as pl

OUT_OF_SCOPE = "oos"
SPLITS = tuple(prefix + name for prefix in ("", "oos_") for name in ("train", "val", "test"))


def read(path: Path) -> "pl.DataFrame":
    """Read the two files into columns ``text``, ``intent``, ``domain``, ``split``, rows in the file's order.

    Raises:
        DataError: A file is missing or damaged, or an intent has no domain.
    """
    import polars as pl

    with originals(path) as found:
        full, named = found.one("data_full.json"), found.one("domains.json")
        splits, domains = _mapping(full), _mapping(named)
    domain = {OUT_OF_SCOPE: OUT_OF_SCOPE}
    for name, intents in domains.items():
        if not isinstance(intents, list) or not all(isinstance(intent, str) for intent in intents):
            raise DataError(f"{named.where}: domain {name!r} is no list of intents")
        domain |= dict.fromkeys(intents, name)
    missing = [name for name in SPLITS if name not in splits]
    if missing:
        raise DataError(f"{full.where}: splits {missing} are missing; it has {list(splits)}")
    rows = []
    for split in (name for name in splits if name in SPLITS):
        for number, pair in enumerate(splits[split]):
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
                raise DataError(f"{full.where}: {split}[{number}] is {pair!r}, not [text, intent]")
            text, intent = pair
            if intent not in domain:
                raise DataError(f"{full.where}: {split}[{number}] has intent {intent!r}, which no domain has")
            rows.append((text, intent, domain[intent], split.removeprefix("oos_")))
    label = pl.Categorical
    schema = {"text": pl.String, "intent": label, "domain": label, "split": label}
    return pl.DataFrame(rows, schema, orient="row")


def _mapping(file: Original) -> dict[str, Any]:
    try:
        content = json.loads(file.text())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.where} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{file.where} holds no object of names")
    return content
