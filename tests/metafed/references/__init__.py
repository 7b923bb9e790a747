"""Tests of the simple references."""
