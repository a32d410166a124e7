"""Several processes that train one model, or hold one graph.

``torchrun --nproc-per-node N -m graphpoly train ...`` divides every batch between N processes;
:class:`PartitionedGraph` divides the nodes of one graph. Without a process group everything here
works in one process.
"""

from __future__ import annotations

from graphpoly.distributed.batch_norm import joint_batch_norm, sum_over_processes
from graphpoly.distributed.gradients import backward, copy_from_first
from graphpoly.distributed.halo_polynomial import halo_polynomial
from graphpoly.distributed.halo_spmm import halo_spmm, halo_spmm_transposed
from graphpoly.distributed.partitioned_graph import PartitionedGraph
from graphpoly.distributed.processes import (
    anyone,
    from_first,
    gather_rows,
    in_turn,
    is_first,
    launched,
    process_device,
    rank,
    size,
    sum_counts,
)
from graphpoly.distributed.shares import BatchShares, Stretch, is_divided, share, stretch

__all__ = [
    "BatchShares",
    "PartitionedGraph",
    "Stretch",
    "anyone",
    "backward",
    "copy_from_first",
    "from_first",
    "gather_rows",
    "halo_polynomial",
    "halo_spmm",
    "halo_spmm_transposed",
    "in_turn",
    "is_divided",
    "is_first",
    "joint_batch_norm",
    "launched",
    "process_device",
    "rank",
    "share",
    "size",
    "stretch",
    "sum_counts",
    "sum_over_processes",
]
