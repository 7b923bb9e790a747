"""Tests against a Docker engine; run with ``-m docker``. They take minutes."""
