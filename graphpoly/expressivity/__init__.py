"""What tests and models can tell apart: refinement, hard graphs, pairs and whole datasets."""

from graphpoly.expressivity.ceilings import TESTS, named_test, separated
from graphpoly.expressivity.colors import Coloring, graph_names, wl_colors
from graphpoly.expressivity.distances import DISTANCES, distance_colors
from graphpoly.expressivity.duplicates import Duplicates, find_duplicates
from graphpoly.expressivity.exact import CollisionError
from graphpoly.expressivity.families import (
    PAIRS,
    bicyclic_pair,
    cfi_pair,
    csl_family,
    csl_graph,
    cycle_pair,
    hard_pair,
    regular_pair,
    rook_graph,
    shrikhande_graph,
)
from graphpoly.expressivity.files import of_networkx, read_graph, read_graphs
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.homomorphisms import homomorphism_counts, spasm, subgraph_counts
from graphpoly.expressivity.identify import (
    Level,
    accuracy_bound,
    identify,
    r2_bound,
    unique_share,
)
from graphpoly.expressivity.isomorphism import isomorphic
from graphpoly.expressivity.page import draw_levels, levels_page
from graphpoly.expressivity.pair import Certificate, Comparison, compare, wl_certificate
from graphpoly.expressivity.subgraphs import SUBGRAPH_TESTS, subgraph_colors
from graphpoly.expressivity.substructures import (
    SUBSTRUCTURES,
    substructure_colors,
    substructure_counts,
)
from graphpoly.expressivity.tuples import TupleColoring, tuple_colors

__all__ = [
    "DISTANCES",
    "PAIRS",
    "SUBGRAPH_TESTS",
    "SUBSTRUCTURES",
    "TESTS",
    "Certificate",
    "CollisionError",
    "Coloring",
    "Comparison",
    "Duplicates",
    "GraphSet",
    "Level",
    "TupleColoring",
    "accuracy_bound",
    "bicyclic_pair",
    "cfi_pair",
    "compare",
    "csl_family",
    "csl_graph",
    "cycle_pair",
    "distance_colors",
    "draw_levels",
    "find_duplicates",
    "graph_names",
    "hard_pair",
    "homomorphism_counts",
    "identify",
    "isomorphic",
    "levels_page",
    "named_test",
    "of_networkx",
    "r2_bound",
    "read_graph",
    "read_graphs",
    "regular_pair",
    "rook_graph",
    "separated",
    "shrikhande_graph",
    "spasm",
    "subgraph_colors",
    "subgraph_counts",
    "substructure_colors",
    "substructure_counts",
    "tuple_colors",
    "unique_share",
    "wl_certificate",
    "wl_colors",
]
