"""Whether a model's answer is one of the graph: not of its numbering, its batch or the moment."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.expressivity.files import of_networkx
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.ladder import relabel
from graphpoly.expressivity.probe import Probe

__all__ = ["Violation", "violations"]


@dataclass(frozen=True)
class Violation:
    """The largest relative difference between what should be equal.

    Attributes:
        what: ``"numbering"``, ``"batch"`` or ``"repetition"``.
        by: Difference by dtype; empty where it does not apply.
        limit: The root of the unit in the last place, by dtype; rounding stays far below.
    """

    what: str
    by: dict[str, float]
    limit: dict[str, float]

    @property
    def violated(self) -> bool:
        """Whether the difference is more than rounding, in every dtype."""
        return bool(self.by) and all(not self.by[name] <= self.limit[name] for name in self.by)


@torch.no_grad()
@on_cpu()
def violations(probe: Probe, *, weights: int = 3, seed: int = 0) -> list[Violation]:
    """Compare a model's rows under other numberings, one by one, and once more.

    Args:
        probe: The model.
        weights: How many random weights.
        seed: Of graphs, features and numberings.
    """
    generator = torch.Generator().manual_seed(seed)
    graphs = _graphs(probe, generator)
    whole = GraphSet.of(graphs)
    moved = GraphSet.of([relabel(graph, generator) for graph in graphs])
    found: dict[str, dict[str, float]] = {"numbering": {}, "batch": {}, "repetition": {}}
    limit = {}
    for dtype in probe.dtypes:
        name = str(dtype).removeprefix("torch.")
        limit[name] = torch.finfo(dtype).eps ** 0.5
        for draw in range(probe.draws(weights)):
            module = probe.draw(draw, dtype)
            rows = _rows(probe, module, whole, dtype)
            differences = {
                "numbering": _difference(rows, _rows(probe, module, moved, dtype)),
                "repetition": _difference(rows, _rows(probe, module, whole, dtype)),
            }
            if "batch" in probe.takes:
                alone = [_rows(probe, module, GraphSet.of(graph), dtype) for graph in graphs]
                differences["batch"] = _difference(rows, torch.cat(alone))
            for what, value in differences.items():
                found[what][name] = max(found[what].get(name, 0.0), value)
    return [Violation(what, by, limit) for what, by in found.items()]


def _graphs(probe: Probe, generator: torch.Generator) -> list[Data]:
    made = [nx.path_graph(6), nx.star_graph(5), nx.petersen_graph(), nx.empty_graph(2)]
    made += [nx.gnp_random_graph(size, 0.3, seed=size) for size in (9, 12, 17)]
    graphs = []
    for graph in made:
        data = of_networkx(graph)
        shape = (len(graph), probe.in_channels)
        data.x = torch.randn(shape, generator=generator, dtype=torch.float64)
        graphs.append(data)
    return graphs


def _rows(probe: Probe, module: object, whole: GraphSet, dtype: torch.dtype) -> Tensor:
    assert whole.x is not None
    return probe.graphs(module, whole, whole.x.to(dtype))


def _difference(one: Tensor, other: Tensor) -> float:
    """The largest of all rows; what is NaN, or infinite, in both is equal."""
    one, other = one.double(), other.double()
    same = (one == other) | (one.isnan() & other.isnan())
    gap = torch.where(same, 0, one - other).nan_to_num(nan=torch.inf).norm(dim=1)
    size = one.nan_to_num(0, 0, 0).norm(dim=1).clamp(min=torch.finfo(torch.float64).tiny)
    return float((gap / size).max())
