"""Our layers under names of GraphGym, for ``gnn.layer_type`` of its configurations.

>>> from graphpoly.graphgym import register_layers  # doctest: +SKIP
>>> register_layers()  # doctest: +SKIP
['bernconv', 'chebiiconv', 'connectionsheafconv', ...]
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from graphpoly import registry

__all__ = ["register_layer", "register_layers"]


def register_layer(name: str, layer: type[nn.Module], **arguments: Any) -> None:
    """Enter a layer in GraphGym's list, with settings of one's own.

    GraphGym gives a layer the sizes of its input and output and whether it has a bias; it reads
    ``x`` and ``edge_index`` of a batch, and ``edge_weight`` and ``batch`` where the layer takes
    them and the batch has them.

    Args:
        name: What ``gnn.layer_type`` will be, such as ``"favard4"``.
        layer: A class whose constructor begins with ``in_channels`` and ``out_channels``.
        **arguments: Further ones of its constructor, such as ``K=4``.

    Raises:
        ImportError: If ``torch_geometric.graphgym`` cannot be imported.
        KeyError: If GraphGym has a layer of that name.
    """
    from torch_geometric.graphgym import register

    takes = inspect.signature(layer).parameters
    reads = inspect.signature(layer.forward).parameters

    class GymLayer(nn.Module):
        def __init__(self, layer_config: Any, **kwargs: Any) -> None:
            super().__init__()
            bias = {"bias": layer_config.has_bias} if "bias" in takes else {}
            self.model = layer(layer_config.dim_in, layer_config.dim_out, **{**bias, **arguments})

        def forward(self, batch: Any) -> Any:
            given = {
                key: batch[key]
                for key in ("edge_weight", "batch")
                if key in reads and batch.get(key) is not None
            }
            batch.x = self.model(batch.x, batch.edge_index, **given)
            return batch

    GymLayer.__name__ = GymLayer.__qualname__ = f"Gym{layer.__name__}"
    register.register_layer(name, GymLayer)


def register_layers() -> list[str]:
    """Enter every layer that needs two sizes and a graph alone, in lower case; return the names.

    Those that are there already are left as they are, so that it may be called again.

    Raises:
        ImportError: If ``torch_geometric.graphgym`` cannot be imported.
    """
    from torch_geometric.graphgym import register

    names = []
    for entry in registry.entries("layer"):
        if _needs(entry.obj) != ["in_channels", "out_channels"]:
            continue
        if _needs(entry.obj.forward) != ["self", "x", "edge_index"]:
            continue
        name = entry.name.lower()
        if name not in register.layer_dict:
            register_layer(name, entry.obj)
        names.append(name)
    return names


def _needs(function: Any) -> list[str]:
    """Return the arguments without a default."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty]
