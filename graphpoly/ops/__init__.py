"""The sparse core: functions on tensors and an adjacency, no module in sight."""

import graphpoly.ops._extension as _extension
import graphpoly.ops.conv_network as _conv_network  # noqa: F401 - registers its operators
import graphpoly.ops.edge_message as _edge_message  # noqa: F401
import graphpoly.ops.feed_forward as _feed_forward  # noqa: F401
import graphpoly.ops.gat_layer as _gat_layer  # noqa: F401
import graphpoly.ops.gat_network as _gat_network  # noqa: F401
import graphpoly.ops.gcn_layer as _gcn_layer  # noqa: F401
import graphpoly.ops.gin_layer as _gin_layer  # noqa: F401
import graphpoly.ops.gin_network as _gin_network  # noqa: F401
import graphpoly.ops.head_scores as _head_scores  # noqa: F401
import graphpoly.ops.linear as _linear  # noqa: F401
import graphpoly.ops.nonzero_rows as _nonzero_rows  # noqa: F401
import graphpoly.ops.perceptron as _perceptron  # noqa: F401
import graphpoly.ops.top_nodes as _top_nodes  # noqa: F401
import graphpoly.ops.triton as _triton
from graphpoly.ops.adjacency import CSR, silence_loops, to_csr, to_edges
from graphpoly.ops.attention import dot_attention, gat_attention, gatv2_attention
from graphpoly.ops.backends import backends
from graphpoly.ops.balanced_forman import balanced_forman
from graphpoly.ops.block_spmm import block_sddmm, block_spmm
from graphpoly.ops.cliques import list_cliques
from graphpoly.ops.color_refinement import (
    COLOR_VERSION,
    STABLE_ROUNDS,
    StableColors,
    color_refinement,
    color_rounds,
    label_names,
    mix64,
    stable_colors,
)
from graphpoly.ops.column_space import column_space
from graphpoly.ops.common_neighbors import common_neighbors, intersect_rows, sort_rows
from graphpoly.ops.connection import connection
from graphpoly.ops.contraction import Plan, contract, contraction_plan, einsum_cost, uncomputable
from graphpoly.ops.denoise_graph import denoise_graph, edge_distances
from graphpoly.ops.dropout import dropout
from graphpoly.ops.edge_transport import edge_transport
from graphpoly.ops.edge_vectors import edge_vectors
from graphpoly.ops.entry_sum import entry_sum, sum_entries
from graphpoly.ops.enumerate_paths import Paths, count_paths, enumerate_paths
from graphpoly.ops.fixed_point import FixedPoint, fixed_point
from graphpoly.ops.fosr import fosr
from graphpoly.ops.gather_parts import Parts, gather_parts
from graphpoly.ops.gtr import gtr
from graphpoly.ops.hashing import hash64, uniform
from graphpoly.ops.householder import householder, householder_transport
from graphpoly.ops.lanczos import lanczos
from graphpoly.ops.lanczos_filter import lanczos_filter
from graphpoly.ops.laplacian_powers import laplacian_powers
from graphpoly.ops.laser import laser
from graphpoly.ops.linear_attention import linear_attention
from graphpoly.ops.linear_operator import LinearOperator
from graphpoly.ops.matrix_root import matrix_root, sylvester
from graphpoly.ops.min_plus import min_plus
from graphpoly.ops.multi_aggregate import multi_aggregate
from graphpoly.ops.multigraph import Multigraph, multigraphs
from graphpoly.ops.normalize import normalize, rescale
from graphpoly.ops.number_keys import NumberedKeys, number_keys
from graphpoly.ops.orthonormalize import orthonormalize
from graphpoly.ops.p_laplacian import p_laplacian, p_smooth
from graphpoly.ops.pair_blocks import (
    PairBlocks,
    pair_blocks,
    pair_matmul,
    pair_pool,
    pair_transpose,
)
from graphpoly.ops.pairs import pair_sum
from graphpoly.ops.path_trie import PathTrie, path_trie
from graphpoly.ops.polynomial import polynomial
from graphpoly.ops.pool import pool
from graphpoly.ops.power_basis import Pairs, pairs_within, power_basis
from graphpoly.ops.random_features import random_features
from graphpoly.ops.random_walks import Walks, random_walks, walk_bits
from graphpoly.ops.reorder import Ordering, reorder
from graphpoly.ops.resolvent import resolvent
from graphpoly.ops.restriction_products import restriction_products
from graphpoly.ops.sample_neighbors import SampledEntries, sample_neighbors
from graphpoly.ops.sddmm import sddmm
from graphpoly.ops.sdrf import sdrf
from graphpoly.ops.segment import segment_logsumexp, segment_softmax
from graphpoly.ops.selective_scan import selective_scan
from graphpoly.ops.simplices import (
    SimplicialNeighbors,
    clique_complex,
    simplicial_complex,
    simplicial_faces,
    simplicial_neighbors,
)
from graphpoly.ops.sparse_contraction import contract_sparse, still_node
from graphpoly.ops.spectral_density import spectral_density
from graphpoly.ops.spmm import spmm
from graphpoly.ops.stationary_distribution import stationary_distribution
from graphpoly.ops.take_and_number import TakenKeys, take_and_number
from graphpoly.ops.take_numbers import take_numbers
from graphpoly.ops.triplets import Triplets, list_triplets, triplets_min_plus

__all__ = [
    "COLOR_VERSION",
    "CSR",
    "STABLE_ROUNDS",
    "FixedPoint",
    "LinearOperator",
    "Multigraph",
    "NumberedKeys",
    "Ordering",
    "PairBlocks",
    "Pairs",
    "Parts",
    "PathTrie",
    "Paths",
    "Plan",
    "SampledEntries",
    "SimplicialNeighbors",
    "StableColors",
    "TakenKeys",
    "Triplets",
    "Walks",
    "backends",
    "balanced_forman",
    "block_sddmm",
    "block_spmm",
    "clique_complex",
    "color_refinement",
    "color_rounds",
    "column_space",
    "common_neighbors",
    "connection",
    "contract",
    "contract_sparse",
    "contraction_plan",
    "count_paths",
    "denoise_graph",
    "dot_attention",
    "dropout",
    "edge_distances",
    "edge_transport",
    "edge_vectors",
    "einsum_cost",
    "entry_sum",
    "enumerate_paths",
    "fixed_point",
    "fosr",
    "gat_attention",
    "gather_parts",
    "gatv2_attention",
    "gtr",
    "hash64",
    "householder",
    "householder_transport",
    "intersect_rows",
    "label_names",
    "lanczos",
    "lanczos_filter",
    "laplacian_powers",
    "laser",
    "linear_attention",
    "list_cliques",
    "list_triplets",
    "matrix_root",
    "min_plus",
    "mix64",
    "multi_aggregate",
    "multigraphs",
    "normalize",
    "number_keys",
    "orthonormalize",
    "p_laplacian",
    "p_smooth",
    "pair_blocks",
    "pair_matmul",
    "pair_pool",
    "pair_sum",
    "pair_transpose",
    "pairs_within",
    "path_trie",
    "polynomial",
    "pool",
    "power_basis",
    "random_features",
    "random_walks",
    "reorder",
    "rescale",
    "resolvent",
    "restriction_products",
    "sample_neighbors",
    "sddmm",
    "sdrf",
    "segment_logsumexp",
    "segment_softmax",
    "selective_scan",
    "silence_loops",
    "simplicial_complex",
    "simplicial_faces",
    "simplicial_neighbors",
    "sort_rows",
    "spectral_density",
    "spmm",
    "stable_colors",
    "stationary_distribution",
    "still_node",
    "sum_entries",
    "sylvester",
    "take_and_number",
    "take_numbers",
    "to_csr",
    "to_edges",
    "triplets_min_plus",
    "uncomputable",
    "uniform",
    "walk_bits",
]

_extension.load()
_triton.load()
