"""GraphSAINT's subgraphs without torch-sparse, with norms in closed form where there is one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.files import replacing
from graphpoly.loader.bar import bar
from graphpoly.loader.cpu_batches import CPUBatches
from graphpoly.ops import number_keys, sample_neighbors, take_numbers

__all__ = ["GraphSAINTEdgeSampler", "GraphSAINTNodeSampler", "GraphSAINTRandomWalkSampler"]


class _GraphSAINTSampler(CPUBatches, torch.utils.data.DataLoader[Any]):
    """Subgraphs that drawn nodes induce; subclasses say how nodes are drawn."""

    def __init__(
        self,
        data: Any,
        batch_size: int,
        num_steps: int = 1,
        sample_coverage: int = 0,
        save_dir: str | None = None,
        log: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("dataset", None)  # Lightning gives them back, as PyG's class expects
        kwargs.pop("collate_fn", None)
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_steps", num_steps, 1),
            ("sample_coverage", sample_coverage, 0),
        ):
            if value < least:
                raise ValueError(f"{name}: got {value}, expected at least {least}")
        _check(data)
        self.data, self.num_steps = data, num_steps
        self.sample_coverage, self.save_dir, self.log = sample_coverage, save_dir, log
        self.N, self.E = data.num_nodes, data.num_edges
        self._batch_size = batch_size
        self._read()
        steps: Any = range(num_steps)
        super().__init__(steps, batch_size=1, collate_fn=self._collate, **kwargs)
        self.node_norm, self.edge_norm = self._norms()

    def _read(self) -> None:
        """Order the edges by source, then target, as they stand in a batch."""
        self._ends = self.data.edge_index.as_subclass(Tensor).long()
        row, col = self._ends
        self._perm = (row * self.N + col).argsort(stable=True)
        self._row, self._col = row[self._perm], col[self._perm]
        ends = torch.bincount(row, minlength=self.N).cumsum(0)
        self._rowptr = torch.cat([ends.new_zeros(1), ends])

    def _sample_nodes(self) -> Tensor:
        """Draw the nodes of a batch; one may stand there more than once."""
        raise NotImplementedError

    def _exact_norm(self) -> tuple[Tensor, Tensor] | None:
        """Norms of nodes and edges, None where no closed form is known."""
        return None

    @property
    def _filename(self) -> str:
        return f"{type(self).__name__.lower()}_{self._batch_size}_{self.sample_coverage}.pt"

    def _subgraph(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draw nodes; return them, and the ends and the numbers of all edges between them."""
        node = self._sample_nodes().unique()
        entry, _, row = sample_neighbors(self._rowptr, node, -1, num_entries=self.E)
        size = node.numel()
        col, _ = number_keys(node, take_numbers(self._col, entry))
        inside = col < size
        return node, torch.stack([row[inside], col[inside]]), self._perm[entry[inside]]

    def _collate(self, _: list[int]) -> Any:
        node, edge_index, edge = self._subgraph()
        data = self.data.__class__()
        data.num_nodes = node.numel()
        data.edge_index = edge_index
        for key, value in self.data:
            if key in ("edge_index", "num_nodes"):
                continue
            if isinstance(value, Tensor) and self.data.is_node_attr(key):
                value = value.index_select(self.data.__cat_dim__(key, value), node)
            elif isinstance(value, Tensor) and self.data.is_edge_attr(key):
                value = value.index_select(self.data.__cat_dim__(key, value), edge)
            data[key] = value
        if self.node_norm is not None and self.edge_norm is not None:
            data.node_norm, data.edge_norm = self.node_norm[node], self.edge_norm[edge]
        data.n_id, data.e_id = node, edge
        return data

    def _norms(self) -> tuple[Tensor | None, Tensor | None]:
        if not self.sample_coverage:
            return self._exact_norm() or (None, None)
        if self.save_dir is None:
            return self._estimated_norm()
        path = Path(self.save_dir, self._filename)
        if path.exists():
            return self._kept(path)
        norms = self._estimated_norm()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            torch.save((*norms, self._hash()), temporary)
        return norms

    def _kept(self, path: Path) -> tuple[Tensor, Tensor]:
        try:
            node_norm, edge_norm, graph = torch.load(path, weights_only=True)
        except OSError:
            raise
        except Exception as error:
            raise ValueError(f"save_dir: {path} holds no norms, or not all of them") from error
        if graph != self._hash():
            raise ValueError(f"save_dir: {path} holds the norms of another graph")
        return node_norm, edge_norm

    def _hash(self) -> str:
        """Which graph this is: its number of nodes, and its edges in order."""
        digest = hashlib.sha256(f"{self.N};".encode())
        digest.update(self._ends.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _estimated_norm(self) -> tuple[Tensor, Tensor]:
        """Count how often each node and edge is drawn. PyG's values for what never was."""
        nodes, edges = torch.zeros(self.N, device="cpu"), torch.zeros(self.E, device="cpu")
        drawn, batches, enough = 0, 0, self.N * self.sample_coverage
        with bar("GraphSAINT norms", enough, shown=self.log) as done:
            while drawn < enough:
                node, _, edge = self._subgraph()
                nodes[node] += 1
                edges[edge] += 1
                drawn, batches = drawn + node.numel(), batches + 1
                done(node.numel())
        edge_norm = (nodes[self._ends[1]] / edges).clamp(0, 1e4).nan_to_num(0.1)
        return batches / nodes.masked_fill(nodes == 0, 0.1) / self.N, edge_norm

    def _norm_of(self, once: Tensor, together: Tensor) -> tuple[Tensor, Tensor]:
        """Norms of a sampler that draws ``batch_size`` times, each as if it were the first.

        Args:
            once: Probability that one draw brings a node, ``[N]``.
            together: That one draw brings both ends of an edge, ``[E]``.
        """
        source, target = once[self._ends]
        node = -torch.expm1(self._batch_size * torch.log1p(-once))
        # (1 - a - b + c)^n = ((1 - a)(1 - b))^n (1 + (c - ab) / (1 - a)(1 - b))^n
        neither = (1 - source) * (1 - target)
        ratio = (together - source * target) / neither.clamp(min=torch.finfo(once.dtype).tiny)
        change = torch.expm1(self._batch_size * torch.log1p(ratio.clamp(min=-1)))
        ends = node[self._ends]
        edge = ends[0] * ends[1] + neither**self._batch_size * change
        edge_norm = torch.where(edge > 0, ends[1] / edge, 0)
        node_norm = torch.where(node > 0, 1 / (node * self.N), 0)
        kind = torch.get_default_dtype()
        return node_norm.to(kind), edge_norm.to(kind)


class GraphSAINTNodeSampler(_GraphSAINTSampler):
    r"""``torch_geometric.loader.GraphSAINTNodeSampler`` that does not need torch-sparse.

    A batch is the subgraph that ``batch_size`` nodes induce, drawn with replacement in proportion
    to their out-degree. With :math:`p_v` and :math:`p_{uv}` the probabilities that a batch holds a
    node and an edge,

    .. math::
        \mathrm{node\_norm}_v = \frac{1}{N p_v}, \qquad
        \mathrm{edge\_norm}_{uv} = \frac{p_v}{p_{uv}} \quad (u \to v),

    so that the loss :math:`\sum_v \mathrm{node\_norm}_v\, \ell_v` has the mean over all nodes that
    can be drawn as its expectation, and sums over weighted messages are unbiased where their
    target is in the batch. Draws follow torch's generator, as a loader seeds it.

    Args:
        data: A graph on the CPU. What it has for nodes or edges is cut to those of the batch.
        batch_size: Number of draws of a batch.
        num_steps: Batches of an epoch.
        sample_coverage: How often each node is drawn on average to estimate the norms; 0 for the
            exact ones, in closed form.
        save_dir: Folder that keeps estimated norms.
        log: Draw a bar of how far the estimate is.
        **kwargs: Further arguments of :class:`torch.utils.data.DataLoader`.

    Batches have the fields of PyG's, and the numbers of their nodes and edges in ``n_id`` and
    ``e_id``. Nodes are in the order of the graph, edges sorted by source, then target.

    Raises:
        TypeError: If ``data`` is no :class:`torch_geometric.data.Data`.
        ValueError: If it has no edges or has norms already, a number is too small, or ``save_dir``
            holds the norms of another graph, or a file that is cut short.

    Complexity: O(E log E) once; a batch O(b log b + the out-degrees of its nodes).

    Differences from PyG: the norm of an edge is that of the paper, relative to its target, where
    PyG has the source; ``sample_coverage=0`` gives norms.

    Zeng, Zhou, Srivastava, Kannan and Prasanna, "GraphSAINT: Graph Sampling Based Inductive
    Learning Method", ICLR 2020.

    >>> ring = Data(edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), num_nodes=4)
    >>> batch = next(iter(GraphSAINTNodeSampler(ring, 1)))
    >>> batch.num_nodes, batch.node_norm.tolist()
    (1, [1.0])
    """

    def _sample_nodes(self) -> Tensor:
        return self._row[torch.randint(self.E, (self._batch_size,), device="cpu")]

    def _exact_norm(self) -> tuple[Tensor, Tensor]:
        once = self._rowptr.diff().double() / self.E
        source, target = self._ends
        return self._norm_of(once, torch.where(source == target, once[source], 0))


class GraphSAINTEdgeSampler(_GraphSAINTSampler):
    r"""``torch_geometric.loader.GraphSAINTEdgeSampler`` that does not need torch-sparse.

    A batch is the subgraph that the ends of ``batch_size`` edges induce, drawn with replacement in
    proportion to :math:`1 / d^{\mathrm{out}}_u + 1 / d^{\mathrm{in}}_v` for :math:`u \to v`, which
    on an undirected graph is the choice of least variance of the paper.

    Arguments, norms, fields and errors are those of :class:`GraphSAINTNodeSampler`.

    Complexity: O(E log E) once; a batch O(b log E + the out-degrees of its nodes).

    Differences from PyG: it draws in proportion to sums of degrees, not of their inverses, and
    takes O(b E) for a batch.

    Zeng, Zhou, Srivastava, Kannan and Prasanna, "GraphSAINT: Graph Sampling Based Inductive
    Learning Method", ICLR 2020.

    >>> ring = Data(edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), num_nodes=4)
    >>> batch = next(iter(GraphSAINTEdgeSampler(ring, 1)))
    >>> batch.num_nodes, batch.node_norm.tolist(), batch.edge_norm.tolist()
    (2, [0.5, 0.5], [2.0])
    """

    def _read(self) -> None:
        super()._read()
        share = 1 / self._rowptr.diff()[self._row].double()
        share += 1 / torch.bincount(self._col, minlength=self.N)[self._col].double()
        self._share = share / share.sum()
        self._until = self._share.cumsum(0)

    def _sample_nodes(self) -> Tensor:
        draw = torch.rand(self._batch_size, dtype=torch.float64, device="cpu") * self._until[-1]
        entry = torch.searchsorted(self._until, draw, right=True).clamp(max=self.E - 1)
        return torch.cat([self._row[entry], self._col[entry]])

    def _exact_norm(self) -> tuple[Tensor, Tensor]:
        low, high = torch.minimum(self._row, self._col), torch.maximum(self._row, self._col)
        once = self._share.new_zeros(self.N).index_add_(0, low, self._share)
        once.index_add_(0, high, torch.where(low == high, 0, self._share))
        pairs, number = (low * self.N + high).unique(return_inverse=True)
        pair = self._share.new_zeros(pairs.numel()).index_add_(0, number, self._share)[number]
        pair = torch.where(low == high, once[low], pair)
        return self._norm_of(
            once.clamp(max=1), torch.empty_like(pair).scatter_(0, self._perm, pair)
        )


class GraphSAINTRandomWalkSampler(_GraphSAINTSampler):
    """``torch_geometric.loader.GraphSAINTRandomWalkSampler`` that does not need torch-sparse.

    A batch is the subgraph that the nodes of ``batch_size`` walks induce. A walk begins anywhere
    and follows edges at random; where none leads on, it stays.

    Arguments, norms, fields and errors are those of :class:`GraphSAINTNodeSampler`, but for
    ``sample_coverage=0``: without a closed form, batches have then no norms, as in PyG.

    Args:
        data: A graph on the CPU.
        batch_size: Number of walks of a batch.
        walk_length: Edges of a walk.
        num_steps: Batches of an epoch.
        sample_coverage: How often each node is drawn on average to estimate the norms.
        save_dir: Folder that keeps them.
        log: Draw a bar of how far the estimate is.
        **kwargs: Further arguments of :class:`torch.utils.data.DataLoader`.

    Complexity: O(E log E) once, coverage times N for the norms; a batch O(b ``walk_length`` + the
    out-degrees of its nodes).

    >>> ring = Data(edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), num_nodes=4)
    >>> next(iter(GraphSAINTRandomWalkSampler(ring, 1, walk_length=2))).num_nodes
    3
    """

    def __init__(
        self,
        data: Any,
        batch_size: int,
        walk_length: int,
        num_steps: int = 1,
        sample_coverage: int = 0,
        save_dir: str | None = None,
        log: bool = False,
        **kwargs: Any,
    ) -> None:
        if walk_length < 0:
            raise ValueError(f"walk_length: got {walk_length}, expected at least 0")
        self.walk_length = walk_length
        super().__init__(data, batch_size, num_steps, sample_coverage, save_dir, log, **kwargs)

    @property
    def _filename(self) -> str:
        return f"{self.walk_length}_{super()._filename}"

    def _sample_nodes(self) -> Tensor:
        walk = [torch.randint(self.N, (self._batch_size,), device="cpu")]
        for _ in range(self.walk_length):
            here = walk[-1]
            begin, degree = self._rowptr[here], self._rowptr[here + 1] - self._rowptr[here]
            step = (torch.rand(here.numel(), dtype=torch.float64, device="cpu") * degree).long()
            entry = (begin + step).clamp(max=self.E - 1)
            walk.append(torch.where(degree > 0, self._col[entry], here))
        return torch.cat(walk)


def _check(data: Any) -> None:
    if not isinstance(data, Data):
        raise TypeError(f"data: got {type(data).__name__}, expected Data")
    edge_index = data.edge_index
    if edge_index is None or edge_index.numel() == 0:
        raise ValueError("data: has no edges in edge_index; nodes are drawn by them")
    if edge_index.is_cuda:
        raise ValueError(f"data: is on {edge_index.device}; subgraphs are drawn on the CPU")
    if int(edge_index.min()) < 0 or int(edge_index.max()) >= data.num_nodes:
        raise ValueError(f"data: edge_index leaves the graph of {data.num_nodes} nodes")
    for name in ("node_norm", "edge_norm"):
        if name in data:
            raise ValueError(f"data: has {name} already")
