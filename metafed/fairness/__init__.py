"""Whom personalization serves badly: metrics, intervals, tests, and what a record's summary says."""
