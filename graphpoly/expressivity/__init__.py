"""What tests and models can tell apart: refinement, hard graphs, pairs and whole datasets."""

from graphpoly.expressivity.colors import Coloring, graph_names, wl_colors
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
from graphpoly.expressivity.identify import (
    Level,
    accuracy_bound,
    identify,
    r2_bound,
    unique_share,
)
from graphpoly.expressivity.isomorphism import isomorphic
from graphpoly.expressivity.ladder import (
    RUNGS,
    Bracket,
    Family,
    Separation,
    bracket,
    exp_family,
    ladder_families,
    path_pair,
    separations,
    sr_family,
)
from graphpoly.expressivity.page import draw_levels, levels_page
from graphpoly.expressivity.pair import Certificate, Comparison, compare, wl_certificate
from graphpoly.expressivity.probe import Probe
from graphpoly.expressivity.substructures import PATTERNS, count_patterns
from graphpoly.expressivity.tuples import TupleColoring, tuple_colors

__all__ = [
    "PAIRS",
    "PATTERNS",
    "RUNGS",
    "Bracket",
    "Certificate",
    "CollisionError",
    "Coloring",
    "Comparison",
    "Duplicates",
    "Family",
    "GraphSet",
    "Level",
    "Probe",
    "Separation",
    "TupleColoring",
    "accuracy_bound",
    "bicyclic_pair",
    "bracket",
    "cfi_pair",
    "compare",
    "count_patterns",
    "csl_family",
    "csl_graph",
    "cycle_pair",
    "draw_levels",
    "exp_family",
    "find_duplicates",
    "graph_names",
    "hard_pair",
    "identify",
    "isomorphic",
    "ladder_families",
    "levels_page",
    "of_networkx",
    "path_pair",
    "r2_bound",
    "read_graph",
    "read_graphs",
    "regular_pair",
    "rook_graph",
    "separations",
    "shrikhande_graph",
    "sr_family",
    "tuple_colors",
    "unique_share",
    "wl_certificate",
    "wl_colors",
]
