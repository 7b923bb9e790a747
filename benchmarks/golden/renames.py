"""What has another name than in the tree that is compared with: new name → old name.

The experiments are written in the present tree's words. The other tree gets its own words for them, and its records
are read in the present tree's words.
"""

FLAGS: dict[str, str] = {
    **{f"privacy.{name}": f"dp-{name}" for name in ("noise", "clip", "epsilon", "delta", "quantile", "model")},
    "secure.aggregation": "secure-aggregation",
    "devices.tiers": "devices",
    "devices.deadline": "deadline",
    "devices.late": "late",
    "inject-bias": "plant",
}
"""Flags, without their dashes."""
NEW = ("secure.fewest",)
"""Flags that the other tree does not have: what they say there is no setting."""
KEYS: dict[str, str] = {"oracle_score": "ceiling", "updates": "votes", "evaluation_warning": "trap"}
"""Keys of JSON, wherever they stand."""
ADDED = frozenset({"undefined", "exploded", "named", "growing", "name", "of_worst", "tested"})
"""Keys of JSON and columns of tables that the other tree does not have."""
COLUMNS: dict[str, str] = {"oracle_score": "ceiling"}
"""Columns of Parquet files."""
VALUES: dict[str, str] = {}
"""Texts that stand as a value."""
