"""What a table that has clean labels for its evaluation rows says of the labels that are trained on."""

from metafed.data.files.bounds import readable
from metafed.data.table.description import Description
from metafed.data.table.tables import Table
from metafed.tasks.task import Kind


def notes(description: Description, table: Table, kind: Kind) -> tuple[str, ...]:
    """Name the targets of evaluation rows, and say how many labels differ from them, in which group most.

    Of a regression only the name: there a target without noise differs from nearly every one with it.
    """
    import polars as pl

    found = []
    for clean in description.cleans:
        found.append(f"evaluation rows have the target {clean!r}")
        if kind != "classification":
            continue
        target = description.targets[0]
        known = table.frame.collect_schema()[target]
        wrong = pl.col(target).ne(pl.col(clean).cast(known, strict=False))
        with readable(table.path):
            rows = table.frame.select(wrong.alias("wrong"), *description.groups).collect(engine="streaming")
        share = rows["wrong"].mean()
        if not isinstance(share, float) or not share:
            continue
        text = f"labels are noisy: {target!r} differs from {clean!r} in {share:.0%} of all rows"
        if description.groups:
            by = rows.group_by(description.groups).agg(pl.col("wrong").mean()).sort("wrong", *description.groups)
            *name, most = by.row(-1)
            text += f", and in {most:.0%} of those of group {' / '.join(map(str, name))!r}, the noisiest"
        found.append(text)
    return tuple(found)
