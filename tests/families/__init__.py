"""Families for anybody's tests."""
