"""Transforms that add what can be computed once for each graph."""

from graphpoly.features.add_paths import AddPaths, stored_paths

__all__ = ["AddPaths", "stored_paths"]
