"""Lines of graph6, sparse6 and digraph6, the formats of nauty's collections of graphs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["MOST_NODES", "decode_graph6", "graph6_lines"]

# what a header may claim: as many isolated nodes as it likes cost a file nothing, but memory
MOST_NODES = 1 << 24
_HEADERS = (b">>graph6<<", b">>sparse6<<", b">>digraph6<<")


def graph6_lines(content: bytes) -> list[bytes]:
    """Return the lines that hold graphs; a header may stand before a graph or on its own line.

    >>> graph6_lines(b">>graph6<<Bw\\n>>sparse6<<\\n:Bo\\n")
    [b'Bw', b':Bo']
    """
    lines = []
    for line in content.splitlines():
        for header in _HEADERS:
            line = line.strip().removeprefix(header)
        if line.strip():
            lines.append(line.strip())
    return lines


def decode_graph6(line: bytes) -> tuple[int, Tensor]:
    """Decode a graph; its first byte says the format: ``:`` sparse6, ``&`` digraph6, else graph6.

    Args:
        line: Without header and line break.

    Returns:
        Number of nodes, and edges ``[2, E]``: sorted by source, in both directions unless the graph
        is directed. Loops stand once, parallel edges as often as the line has them.

    Raises:
        ValueError: If the line is not of its format, is cut short, or claims more than
            :data:`MOST_NODES` nodes.

    >>> decode_graph6(b"BW")
    (3, tensor([[0, 1, 2, 2],
            [2, 2, 0, 1]]))
    """
    if line[:1] == b";":
        raise ValueError("incremental sparse6, which needs the graph before it; write it in full")
    kind = {b":": "sparse6", b"&": "digraph6"}.get(line[:1], "graph6")
    held = np.frombuffer(line[kind != "graph6" :], dtype=np.uint8).astype(np.int64) - 63
    if not held.size or held.min() < 0 or held.max() > 63:
        raise ValueError(f"not {kind}")
    size, held = _size(held, kind)
    if size > MOST_NODES:
        raise ValueError(f"{kind} of {size} nodes, more than {MOST_NODES}")
    if kind == "sparse6":
        return size, _sparse(size, held)
    count = size * size if kind == "digraph6" else size * (size - 1) // 2
    if held.size != -(-count // 6):
        raise ValueError(f"{kind} of {size} nodes with {held.size} bytes")
    bits = _bits(held, 6)[:count].astype(bool)
    if kind == "digraph6":
        return size, torch.from_numpy(np.stack(bits.reshape(size, size).nonzero()))
    # the upper triangle, column by column
    adjacency = np.zeros((size, size), dtype=bool)
    adjacency[np.tril_indices(size, -1)] = bits
    return size, torch.from_numpy(np.stack((adjacency | adjacency.T).nonzero()))


def _size(held: np.ndarray, kind: str) -> tuple[int, np.ndarray]:
    """The number of nodes in one, three or six bytes, and what is behind it."""
    if held[0] < 63:
        return int(held[0]), held[1:]
    first, last = (2, 8) if held.size > 1 and held[1] == 63 else (1, 4)
    if held.size < last:
        raise ValueError(f"{kind} that is cut short")
    size = 0
    for six in held[first:last].tolist():
        size = size << 6 | six
    return size, held[last:]


def _bits(held: np.ndarray, width: int) -> np.ndarray:
    return (held[:, None] >> np.arange(width - 1, -1, -1) & 1).reshape(-1)


def _sparse(size: int, held: np.ndarray) -> Tensor:
    """Steps of one bit, go on to the next node, and a number: an edge, or a node to jump to."""
    width = max(size - 1, 0).bit_length()
    bits = _bits(held, 6)
    steps = bits.size // (width + 1)
    rows = bits[: steps * (width + 1)].reshape(steps, width + 1)
    numbers = rows[:, 1:] @ (1 << np.arange(width - 1, -1, -1))
    node, edges = 0, []
    for further, number in zip(rows[:, 0].tolist(), numbers.tolist(), strict=True):
        node += further
        if node >= size or number >= size:  # the ones that fill the last byte
            break
        if number > node:
            node = number
        else:
            edges.append((number, node))
    found = torch.tensor(edges, dtype=torch.int64, device="cpu").reshape(-1, 2).T
    found = torch.cat([found, found[:, found[0] != found[1]].flip(0)], 1)
    return found[:, (found[0] * max(size, 1) + found[1]).argsort(stable=True)]
