"""What a trained network says of its dataset, and of pairs of nodes that nobody asked for yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphpoly.data import Loaded
from graphpoly.data.links import links_once
from graphpoly.recipes import resolve_device, trained_network
from graphpoly.recipes.ad_hoc import recipe_of
from graphpoly.recipes.recipe import Recipe
from graphpoly.training.forward import call_by_name, call_on_nodes, names

__all__ = ["predict"]

_PAIRS = 65_536  # that are scored at once
_GRAPHS = 32  # a batch, where the run does not say
_ALIKE = ("graphs", "positions")  # tasks whose graphs are called by name


@torch.no_grad()
def predict(
    run: str | Path,
    *,
    pairs: Tensor | None = None,
    root: str | Path | None = None,
    model: str | None = None,
    seed: int | None = None,
    device: str | torch.device = "auto",
) -> Tensor:
    """Return what the network of a finished run gives for every node, graph or pair, on the CPU.

    Pairs are scored on the whole graph, links of validation and test among its edges where the data
    has them there (OGB's has not), each in both directions and once; or on what it was rewired to.
    A pair that is an edge is taken out of it first, where training takes out what it asks for. What
    a private run gives rests on the edges that its scores do: other nodes read no training node.

    Args:
        run: Folder that ``graphpoly train`` wrote.
        pairs: ``[2, P]``, for a run that learned links.
        root: Folder that holds the datasets; default the one that the run was trained on.
        model: Which of several models; default the first.
        seed: Which run of it; default the first.
        device: Where to compute.

    Returns:
        Raw outputs in the order of the dataset: logits, or numbers in the unit of the labels,
        ``[N, F]`` for nodes, ``[B, F]`` for graphs, positions of all nodes, or ``[P]`` for pairs.

    Raises:
        ValueError: If pairs are missing, not wanted or outside the graph, or the run answers for
            something else; as :func:`~graphpoly.recipes.trained_network` does.
        DatasetError: If the dataset cannot be had.
    """
    recipe, _ = recipe_of(Path(run))
    task = recipe.data.task
    if (pairs is not None) != (task == "links"):
        wanted = "none are wanted" if task != "links" else "they are what a run of links scores"
        raise ValueError(f"pairs: the run is of {task}, {wanted}")
    if task not in ("nodes", "links", *_ALIKE):
        raise ValueError(f"{run}: answers for {task}; only nodes, graphs and links are predicted")
    net, loaded = trained_network(run, root=root, model=model, seed=seed)
    place = resolve_device(device)
    net = net.to(place).eval()
    if task in _ALIKE:
        return _of_graphs(net, loaded, recipe, place)
    assert loaded.data is not None
    data = loaded.data.to(place)
    settings = recipe.settings_of(model or recipe.models[0])
    if pairs is not None:
        rewired = recipe.rewire is not None and recipe.rewire.rewires
        data = data if rewired else settings.prepare(_linked(data))
        return _of_pairs(net, data, pairs.to(place), removed=recipe.protocol.remove_targets)
    rows = settings.rows(net, data)
    out = call_on_nodes(net, data) if rows is None else settings.from_rows(net, rows)
    return out.cpu()


def _of_graphs(net: nn.Module, loaded: Loaded, recipe: Recipe, place: torch.device) -> Tensor:
    size = recipe.protocol.batch_size or _GRAPHS
    loader: Any = DataLoader(loaded.graphs, batch_size=size)
    return torch.cat([call_by_name(net, batch.to(place)).cpu() for batch in loader])


def _linked(data: Data) -> Data:
    """Return the graph that messages of links run over: each in both directions, once, no loops."""
    assert data.edge_index is not None
    size = int(data.num_nodes or 0)
    links = links_once(data.edge_index, size)
    return Data(x=data.x, edge_index=torch.cat([links, links.flip(0)], 1), num_nodes=size)


def _of_pairs(net: Any, data: Data, pairs: Tensor, *, removed: bool) -> Tensor:
    if pairs.dim() != 2 or pairs.size(0) != 2 or pairs.is_floating_point():
        raise ValueError(f"pairs: got {list(pairs.shape)} of {pairs.dtype}, expected [2, P]")
    size = int(data.num_nodes or 0)
    if pairs.numel() and not 0 <= int(pairs.min()) <= int(pairs.max()) < size:
        raise ValueError(f"pairs: nodes {int(pairs.min())} to {int(pairs.max())}, there are {size}")
    assert data.edge_index is not None
    asked = _undirected(pairs[:, (pairs[0] != pairs[1]) & removed], size)
    kept = ~torch.isin(_undirected(data.edge_index, size), asked)
    edges = data.edge_index[:, kept]
    given = {}
    if data.get("edge_type") is not None and names(net, "edge_type"):
        given["edge_type"] = data.edge_type[kept]
    some = pairs.split(_PAIRS, dim=1)
    if hasattr(net, "encode"):
        states = net.encode(data.x, edges, **given)
        scores = [net.decode(states, part) for part in some]
    else:
        scores = [net(data.x, edges, part, **given) for part in some]
    return torch.cat(scores).cpu()


def _undirected(pairs: Tensor, size: int) -> Tensor:
    """Return one number for each pair, whichever end comes first."""
    low, high = pairs.long().aminmax(dim=0)
    return low * size + high
