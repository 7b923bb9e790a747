"""Data that are read: published sets, a user's own tables, and their files."""
