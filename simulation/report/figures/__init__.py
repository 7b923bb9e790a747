"""The figures of a report: each is made once, as numbers."""
