"""A model as the analyses see it: random weights, graphs in, one row for each graph out."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch_geometric.data import Data

from graphpoly.devices import on_cpu, seeded_on_cpu
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.ops.cached import keeps_graph

__all__ = ["Probe"]

_MOST_CELLS = 1 << 17  # pairs of nodes of one graph that are run at once
_GIVEN = ("batch", "batch_size")


class Probe:
    """A factory of models, and how what it makes is called.

    A model is called as ``model(x, edge_index, batch=batch)``; its rows are graphs, or nodes that
    are then added up for each graph, themselves and their squares: a last linear map must not hide
    what the rows of the nodes tell apart. Without features of their own, all nodes get ones.

    Each draw is the factory's own initialisation under a seed of its own, every parameter then
    moved a little: a filter that starts as the identity would hide the graph. A module given
    ready-made is taken as it is, and has one draw.

    Args:
        model: A function without arguments that makes a module (or any callable), or a module.
        name: What it is called.
        in_channels: Size of the features, where no submodule tells.
        seed: Of all draws.

    Attributes:
        level: ``"graph"`` or ``"node"``: what the rows of the output are.
        trained: Whether the module was given ready-made.
        dtypes: Those that the model runs in, the widest first.

    Raises:
        TypeError: If ``model`` or what it makes cannot be called.
        ValueError: If the model needs other arguments, gives rows of something else, or keeps its
            first graph (``cached=True``).
    """

    @on_cpu()
    def __init__(
        self,
        model: Any,
        *,
        name: str | None = None,
        in_channels: int | None = None,
        seed: int = 0,
    ) -> None:
        self.trained = isinstance(model, nn.Module)
        if not callable(model):
            raise TypeError(
                f"model: got {type(model).__name__}, expected a factory of modules or a module"
            )
        self._make: Callable[[], Any] = (lambda: copy.deepcopy(model)) if self.trained else model
        self.seed = seed
        self._calls = 0
        self._drawn: dict[tuple[int, torch.dtype], Any] = {}
        self._sizes: dict[int, Tensor] = {}  # of drawn modules, which are kept
        module = self._fresh(0)
        if not callable(module):
            raise TypeError(f"model: the factory made {type(module).__name__}, not a module")
        self.name = name or type(module).__name__
        if keeps_graph(module):
            raise ValueError(f"{self.name}: cached=True holds one graph, here there are many")
        self.in_channels = _input_size(module) if in_channels is None else in_channels
        self.takes = _arguments(module, self.name)
        self.dtypes: tuple[torch.dtype, ...] = (torch.float64, torch.float32)
        self.level = self._level()

    def _level(self) -> str:
        """Run it once; which kinds of floating point it can do shows, too."""
        whole = GraphSet.of([_path(7), _path(4)] if "batch" in self.takes else [_path(11)])
        try:
            rows = self._raw(self.draw(0, torch.float64), whole, self.features(whole)).size(0)
        except RuntimeError as error:
            if "dtype" not in str(error) and "scalar type" not in str(error):
                raise
            self.dtypes = (torch.float32,)
            narrow = self.features(whole, dtype=torch.float32)
            rows = self._raw(self.draw(0, torch.float32), whole, narrow).size(0)
        levels = {whole.num_graphs: "graph", whole.num_nodes: "node"}
        if rows not in levels:
            raise ValueError(
                f"{self.name}: gave {rows} rows for {whole.num_graphs} graphs with "
                f"{whole.num_nodes} nodes; one row for each graph or each node is accepted"
            )
        return levels[rows]

    def draw(self, index: int, dtype: torch.dtype = torch.float64) -> Any:
        """Return the model with its ``index``-th weights, in evaluation mode."""
        if self.trained:
            index = 0
        if (index, dtype) not in self._drawn:
            module = self._fresh(index)
            if isinstance(module, nn.Module):
                module = module.to(dtype).eval()
            self._drawn[index, dtype] = module
        return self._drawn[index, dtype]

    def draws(self, weights: int) -> int:
        """Return how many draws there are, of so many wanted."""
        return 1 if self.trained else weights

    @on_cpu()
    def _fresh(self, index: int) -> Any:
        with seeded_on_cpu(1_000_003 * self.seed + index):
            module = self._make()
            if not isinstance(module, nn.Module):
                return module
            if any(is_lazy(parameter) for parameter in module.parameters()):
                with torch.no_grad():
                    module(torch.ones(3, _input_size(module)), _path(3).edge_index)
            if not self.trained:
                _stir(module)
        return module

    @on_cpu()
    def features(
        self,
        whole: GraphSet,
        *,
        draw: int | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Tensor:
        """Return features ``[N, in_channels]``: ones, labels added up on them; or random ones.

        Args:
            whole: The graphs; ``x`` holds labels, one-hot, and its columns are the first ones.
            draw: Seeds random features instead.
            dtype: Of the features.
        """
        shape = (whole.num_nodes, self.in_channels)
        if draw is not None:
            generator = torch.Generator().manual_seed(7919 * self.seed + draw)
            return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        x = torch.ones(shape, dtype=dtype)
        if whole.x is not None:
            label = whole.x.reshape(whole.num_nodes, -1).argmax(1)
            x[:, 0] += label.to(dtype)
        return x

    @on_cpu()
    def graphs(self, module: Any, whole: GraphSet, x: Tensor | None = None) -> Tensor:
        """Return one row for each graph, ``[G, F]``."""
        return torch.cat(list(self._parts(module, whole, x)))

    def _parts(self, module: Any, whole: GraphSet, x: Tensor | None) -> Iterator[Tensor]:
        for part, nodes in _chunks(whole, singly="batch" not in self.takes):
            own = self._features_of(module, part, x, nodes)
            out = self._raw(module, part, own)
            if self.level == "node":
                out = torch.cat([out, out.square() / self._size(module)], 1)
                total = out.new_zeros(part.num_graphs, out.size(1))
                out = total.index_add(0, part.batch, out)
            yield out

    def _size(self, module: Any) -> Tensor:
        """How large the rows of nodes are, on a graph that is always the same."""
        if id(module) not in self._sizes:
            whole = GraphSet.of(_path(11))
            with torch.no_grad():
                out = self._raw(module, whole, self.features(whole, dtype=_dtype(module)))
            size = out.square().mean().sqrt()
            self._sizes[id(module)] = size if size > 0 else torch.ones_like(size)
        return self._sizes[id(module)]

    @on_cpu()
    def nodes(self, module: Any, whole: GraphSet, x: Tensor | None = None) -> Tensor | None:
        """Return one row for each node, ``[N, F]``.

        Of a model whose rows are graphs, this is what the last of its submodules that has a row for
        each node gives; None where no submodule does.
        """
        rows = []
        for part, nodes in _chunks(whole, singly="batch" not in self.takes):
            own = self._features_of(module, part, x, nodes)
            if self.level == "node":
                rows.append(self._raw(module, part, own))
                continue
            seen = self._inside(module, part, own)
            if seen is None:
                return None
            rows.append(seen)
        return torch.cat(rows)

    def _inside(self, module: Any, whole: GraphSet, x: Tensor) -> Tensor | None:
        if not isinstance(module, nn.Module):
            return None
        held: list[Tensor] = []

        def keep(_: nn.Module, __: Any, out: Any) -> None:
            if isinstance(out, Tensor) and out.dim() == 2 and out.size(0) == whole.num_nodes:
                held.append(out)

        hooks = [each.register_forward_hook(keep) for each in module.modules()]
        try:
            self._raw(module, whole, x)
        finally:
            for hook in hooks:
                hook.remove()
        return held[-1] if held and whole.num_nodes != whole.num_graphs else None

    def _features_of(self, module: Any, part: GraphSet, x: Tensor | None, nodes: slice) -> Tensor:
        return self.features(part, dtype=_dtype(module)) if x is None else x[nodes]

    def _raw(self, module: Any, whole: GraphSet, x: Tensor) -> Tensor:
        given = {"batch": whole.batch, "batch_size": whole.num_graphs}
        self._calls += 1
        # what is random in a model stays random, and is the same in the next run of the analysis
        with seeded_on_cpu(1_000_003 * self.seed + 500_009 + self._calls):
            out = module(x, whole.edge_index, **{name: given[name] for name in self.takes})
        if isinstance(out, tuple | list):
            out = out[0]
        if not isinstance(out, Tensor):
            raise ValueError(f"{self.name}: gave {type(out).__name__}, expected a tensor")
        return out.reshape(out.size(0), -1) if out.dim() else out.reshape(1, 1)


def _chunks(whole: GraphSet, *, singly: bool) -> Iterator[tuple[GraphSet, slice]]:
    """Batches of graphs that a model of pairs of nodes can hold, too."""
    sizes = whole.sizes.tolist()
    begin, cells, largest = 0, 0, 0
    for end, size in enumerate([*sizes, None]):
        if size is not None:
            largest = max(largest, size)
            cells = largest * largest * (end - begin + 1)
        full = end > begin and (size is None or singly or cells > _MOST_CELLS)
        if full:
            nodes = slice(*whole.ptr[[begin, end]].tolist())
            everything = begin == 0 and end == len(sizes)
            yield whole if everything else whole.select(torch.arange(begin, end)), nodes
            begin, largest = end, size or 0


def _path(size: int) -> Data:
    nodes = torch.arange(size - 1)
    there, back = torch.stack([nodes, nodes + 1]), torch.stack([nodes + 1, nodes])
    return Data(edge_index=torch.cat([there, back], 1), num_nodes=size)


def _dtype(module: Any) -> torch.dtype:
    if isinstance(module, nn.Module):
        for held in (*module.parameters(), *module.buffers()):
            if held.is_floating_point():
                return held.dtype
    return torch.float64


def _stir(module: nn.Module) -> None:
    """Move every parameter: by up to a quarter, matrices by up to half of their usual size."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point():
                width = 0.25 if parameter.dim() < 2 else 0.5 / parameter.size(-1) ** 0.5
                parameter.add_(width * (2 * torch.rand_like(parameter) - 1))


def _input_size(module: Any) -> int:
    """Take the size of the input from the model, or from the first submodule that has one."""
    for each in module.modules() if isinstance(module, nn.Module) else ():
        for attribute in ("in_channels", "in_features"):
            size = getattr(each, attribute, None)
            if isinstance(size, tuple) and len(set(size)) == 1:
                size = size[0]
            if isinstance(size, int) and size:
                return max(size, 8) if size < 0 else size
    return 1


def _arguments(module: Any, name: str) -> tuple[str, ...]:
    """Which optional arguments to give; those that the model needs and nobody has are an error."""
    forward = module.forward if isinstance(module, nn.Module) else module
    parameters = list(inspect.signature(forward).parameters.values())
    if any(each.kind is each.VAR_POSITIONAL for each in parameters[:2]) or len(parameters) < 2:
        return _GIVEN[:1] if any(each.kind is each.VAR_KEYWORD for each in parameters) else ()
    needed = [
        each.name
        for each in parameters[2:]
        if each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        and each.name not in _GIVEN
    ]
    if needed:
        raise ValueError(
            f"{name}: needs {', '.join(needed)}; models that are called with x, edge_index and "
            "batch are accepted"
        )
    named = tuple(each.name for each in parameters[2:] if each.name in _GIVEN)
    anything = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return named if named or not anything else _GIVEN[:1]
