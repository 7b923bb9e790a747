"""Runs of many settings."""
