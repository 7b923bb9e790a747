"""``python -m simulation.data``: data sets, listed, fetched, checked and described."""
