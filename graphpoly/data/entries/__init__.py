"""The registered datasets, a file for each kind of task."""

from __future__ import annotations

from graphpoly.data.entries import generated, graphs, links, nodes, sequences, traces

__all__ = ["generated", "graphs", "links", "nodes", "sequences", "traces"]
