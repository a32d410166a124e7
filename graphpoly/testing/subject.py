"""How the battery makes a layer and how it calls it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch_geometric.data import Batch, Data

from graphpoly.registry import Entry
from graphpoly.testing.violations import NotApplicable, Violation
from graphpoly.testing.zoo import graph_zoo

__all__ = ["Subject", "factory", "joined", "simple"]

# What forward may ask for; anything else that has no default cannot be given.
_KNOWN = ("edge_weight", "edge_attr", "pos", "vel", "batch", "batch_size", "size")
_DIM = 3  # of positions and velocities


class Subject:
    """A layer under test: fresh instances of it, inputs that fit it, and the call itself.

    Args:
        layer_or_factory: An ``nn.Module``, a function without arguments that makes one, or a
            registry entry with an ``example``.
        in_channels: Size of the input features, where the layer does not tell.
        edge_dim: Size of ``edge_attr``, where forward needs it and the layer does not tell.
        seed: Seeds parameters, graphs and features.

    Attributes:
        name: Name of the layer's class, or of the entry.
        in_channels: Size of the input features.
        takes: Which of the optional arguments the battery gives to forward.
        num_hops: Declared radius of the receptive field; 1 if the layer declares none.

    Raises:
        TypeError: If ``layer_or_factory`` is none of these.
        ValueError: If the battery cannot make inputs for the layer.
    """

    known: tuple[str, ...] = _KNOWN

    def __init__(
        self,
        layer_or_factory: Any,
        *,
        in_channels: int | None = None,
        edge_dim: int | None = None,
        seed: int = 0,
    ) -> None:
        self._make, name = factory(layer_or_factory)
        self.seed = seed
        with torch.random.fork_rng(devices=[]):
            layer = self._make()
        if not isinstance(layer, nn.Module):
            raise TypeError(f"{name or 'factory'}: made {type(layer).__name__}, expected nn.Module")
        self.cls = type(layer)
        self.name = name or self.cls.__name__
        if getattr(layer, "cached", False):
            raise ValueError(
                f"{self.name}: a layer with cached=True answers for one graph only; "
                "give it with cached=False (the property `cache` turns caching on)"
            )
        self.in_channels = _input_size(layer, self.name) if in_channels is None else in_channels
        self.num_hops = int(getattr(layer, "num_hops", 1))
        self.exceptions: dict[str, str] = dict(getattr(layer, "compliance_exceptions", {}))
        self.takes, self.edge_dim = self._signature(layer, edge_dim)

    def _signature(self, layer: nn.Module, edge_dim: int | None) -> tuple[set[str], int | None]:
        parameters = list(inspect.signature(layer.forward).parameters.values())
        named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        rest = named[2:]
        unknown = [p.name for p in rest if p.default is p.empty and p.name not in self.known]
        if unknown or len(parameters) < 2:
            got = ", ".join(unknown) or "too few"
            raise ValueError(
                f"{self.name}: forward must take x and edge_index, and of further arguments "
                f"without default only {', '.join(self.known)}; got {got}"
            )
        takes = {p.name for p in rest} & set(self.known) - {"size"}
        if "edge_attr" in takes:
            if edge_dim is None:
                edge_dim = getattr(layer, "edge_dim", None)
            required = any(p.name == "edge_attr" and p.default is p.empty for p in rest)
            if edge_dim is None and required:
                raise ValueError(f"{self.name}: forward needs edge_attr; give edge_dim=")
            if edge_dim is None:
                takes.discard("edge_attr")
        if "vel" in takes and not getattr(layer, "velocity", True):
            takes.discard("vel")
        return takes, edge_dim

    def layer(
        self,
        *,
        seed: int | None = None,
        dtype: torch.dtype = torch.float32,
        train: bool = False,
        stirred: bool = True,
    ) -> Any:
        """Return a fresh layer, in evaluation mode unless ``train``.

        Its parameters are moved off their initial values unless ``stirred`` is False: a filter
        that starts as the identity would hide everything that a graph does.
        """
        torch.manual_seed(self.seed if seed is None else seed)
        layer = self._make()
        if any(is_lazy(parameter) for parameter in layer.parameters()):
            with torch.no_grad():
                self.call(layer, self.graph("path", dtype=torch.float32))
        if stirred:
            stir(layer, self.seed)
        return layer.to(dtype).train(train)

    def graph(self, name: str, *, dtype: torch.dtype = torch.float64, seed: int = 0) -> Data:
        """Return a graph of the zoo with features and whatever else forward takes."""
        return self.graphs([name], dtype=dtype, seed=seed)[name]

    def graphs(
        self, names: list[str] | None = None, *, dtype: torch.dtype = torch.float64, seed: int = 0
    ) -> dict[str, Data]:
        """Return graphs of the zoo with features and whatever else forward takes."""
        zoo = graph_zoo(self.seed + seed, weighted=True, dtype=dtype, names=names)
        return {name: self.dress(data, dtype=dtype, seed=seed) for name, data in zoo.items()}

    def dress(self, data: Data, *, dtype: torch.dtype = torch.float64, seed: int = 0) -> Data:
        """Add features and what else forward takes: edge attributes, positions, velocities.

        ``edge_weight`` is dropped where it takes none.
        """
        # drawn on the CPU, so that every device gets the same
        generator = torch.Generator("cpu").manual_seed(7919 * (self.seed + seed) + 13)
        drawn: dict[str, Any] = {"generator": generator, "device": "cpu"}
        device = data.edge_index.device
        num_nodes, num_edges = int(data.num_nodes), data.edge_index.size(1)
        dressed = Data(edge_index=data.edge_index, num_nodes=num_nodes)
        shape = (num_nodes, self.in_channels)
        dressed.x = torch.randn(shape, **drawn, dtype=torch.float64).to(device, dtype)
        if "edge_weight" in self.takes:
            dressed.edge_weight = data.edge_weight.to(dtype)
        if "edge_attr" in self.takes:
            attr = torch.randn(num_edges, cast(int, self.edge_dim), **drawn)
            dressed.edge_attr = attr.to(device, dtype)
        for name in sorted({"pos", "vel"} & self.takes):
            points = torch.randn(num_nodes, _DIM, **drawn, dtype=torch.float64)
            dressed[name] = points.to(device, dtype)
        return dressed

    def call(self, layer: Any, data: Data, **changed: Any) -> Tensor:
        """Run the layer on the graph; ``changed`` replaces or adds arguments.

        Where forward returns several tensors, features and positions, they are joined.
        """
        return joined(self.outputs(layer, data, **changed))

    def outputs(self, layer: Any, data: Data, **changed: Any) -> Any:
        """Run the layer as :meth:`call` does, and return what it returns.

        Only forward that takes positions may return several tensors.
        """
        x = changed.pop("x", data.x)
        edge_index = changed.pop("edge_index", data.edge_index)
        arguments: dict[str, Any] = {
            name: data[name]
            for name in ("edge_weight", "edge_attr", "pos", "vel", "batch")
            if name in self.takes and name in data
        }
        arguments.update(changed)
        out = layer(x, edge_index, **arguments)
        if isinstance(out, tuple) and "pos" not in self.takes:
            raise Violation("forward returned tuple, expected a tensor")
        return out

    def rows(self, data: Data) -> int:
        """Return how many rows the output has."""
        return int(data.num_nodes or 0)

    def parts(self, out: Tensor, batch: Batch) -> list[Tensor]:
        """Return the rows of each graph of a batch."""
        return list(out.split(batch.ptr.diff().tolist()))

    def renamed(self, data: Data, order: Tensor) -> Data:
        """Return the graph whose node ``order[v]`` is v."""
        other = data.clone()
        for key in ("x", "pos", "vel"):
            if key in data:
                other[key] = torch.empty_like(data[key]).index_copy(0, order, data[key])
        other.edge_index = order[data.edge_index]
        return other

    def as_named(self, out: Tensor, order: Tensor) -> Tensor:
        """Return the output for a graph that was :meth:`renamed` in the order of the old names."""
        return out[order]

    def needs(self, argument: str) -> None:
        """Raise :class:`NotApplicable` where forward takes no such argument."""
        if argument not in self.takes:
            raise NotApplicable(f"forward takes no {argument}")

    def construction(self) -> dict[str, Any]:
        """Return the arguments that the layer's class was called with, by name.

        They are read off the call itself. A layer given ready-made was called before: its
        arguments are read off the attributes of the same name.
        """
        calls: list[dict[str, Any]] = []
        original = self.cls.__init__

        def record(layer: Any, *args: Any, **kwargs: Any) -> None:
            bound = inspect.signature(original).bind(layer, *args, **kwargs)
            values = dict(list(bound.arguments.items())[1:])
            for parameter in inspect.signature(original).parameters.values():
                if parameter.kind is parameter.VAR_KEYWORD:
                    values.update(values.pop(parameter.name, {}))
            if type(layer) is self.cls:
                calls.append(values)
            original(layer, *args, **kwargs)

        own = "__init__" in vars(self.cls)
        setattr(self.cls, "__init__", record)  # noqa: B010
        try:
            layer = self._make()
        finally:
            if own:
                setattr(self.cls, "__init__", original)  # noqa: B010
            else:
                delattr(self.cls, "__init__")
        if calls:
            return calls[0]
        return {name: value for name, value in held_arguments(layer).items() if simple(value)}


def joined(out: Any) -> Tensor:
    """Return a layer's output, several tensors side by side."""
    if isinstance(out, tuple) and out and all(isinstance(part, Tensor) for part in out):
        return torch.cat(out, dim=-1)
    if not isinstance(out, Tensor):
        raise Violation(f"forward returned {type(out).__name__}, expected a tensor, or several")
    return out


def factory(layer_or_factory: Any) -> tuple[Callable[[], Any], str | None]:
    """Return what makes a layer, and the name of the entry that it is of."""
    if isinstance(layer_or_factory, Entry):
        if layer_or_factory.example is None:
            raise ValueError(f"{layer_or_factory.name}: the registry entry has no example")
        return layer_or_factory.example, layer_or_factory.name
    if isinstance(layer_or_factory, nn.Module):
        prototype = copy.deepcopy(layer_or_factory)
        return lambda: _renewed(prototype), None
    if callable(layer_or_factory):
        return layer_or_factory, None
    raise TypeError(
        f"layer_or_factory: got {type(layer_or_factory).__name__}, expected an nn.Module, a "
        "function that makes one, or a registry entry"
    )


def _renewed(prototype: nn.Module) -> nn.Module:
    layer: Any = copy.deepcopy(prototype)
    if hasattr(layer, "reset_parameters"):
        layer.reset_parameters()
    return cast(nn.Module, layer)


def _input_size(layer: nn.Module, name: str) -> int:
    """Take the size of the input from the layer, or from the first module that has one."""
    for module in layer.modules():
        for attribute in ("in_channels", "in_features"):
            size = getattr(module, attribute, None)
            if isinstance(size, tuple) and len(set(size)) == 1:
                size = size[0]
            if isinstance(size, int) and size > 0:
                return size
            if size == -1:
                return 8
    raise ValueError(f"{name}: the size of its input is not known; give in_channels=")


def stir(layer: nn.Module, seed: int) -> None:
    """Move every parameter by up to a quarter."""
    generator = torch.Generator("cpu").manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            if parameter.is_floating_point():
                noise = torch.rand(parameter.shape, generator=generator, device="cpu") - 0.5
                parameter.add_(0.5 * noise.to(parameter))


def simple(value: object) -> bool:
    """Whether the value is plain enough to be printed, compared and altered."""
    return value is None or isinstance(value, bool | int | float | str)


def held_arguments(layer: Any) -> dict[str, Any]:
    """Return the constructor's arguments that the layer keeps under the same name."""
    held: dict[str, Any] = {}
    for cls in type(layer).__mro__:
        if cls.__module__.endswith("conv.message_passing") or cls is nn.Module:
            break
        if "__init__" not in vars(cls):
            continue
        for name, parameter in list(inspect.signature(vars(cls)["__init__"]).parameters.items())[
            1:
        ]:
            variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if not variadic and name in vars(layer):
                held.setdefault(name, vars(layer)[name])
    return held
