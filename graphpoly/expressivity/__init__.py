"""What tests and models can tell apart: refinement, hard graphs, pairs and whole datasets."""

from graphpoly.expressivity.ceilings import TESTS, named_test, separated
from graphpoly.expressivity.colors import Coloring, graph_names, wl_colors
from graphpoly.expressivity.counting import CountError, counting_errors, counting_graphs
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
    verdict,
)
from graphpoly.expressivity.invariance import Violation, violations
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
from graphpoly.expressivity.model import ModelReport, analyze_model
from graphpoly.expressivity.model_page import model_page
from graphpoly.expressivity.neighborhoods import neighborhood_colors, neighborhood_types
from graphpoly.expressivity.page import draw_levels, levels_page, levels_record
from graphpoly.expressivity.pair import Certificate, Comparison, compare, wl_certificate
from graphpoly.expressivity.patterns import PATTERNS, count_patterns
from graphpoly.expressivity.polynomial_degree import (
    Determined,
    determined_polynomials,
    exact_degree,
)
from graphpoly.expressivity.probe import Probe
from graphpoly.expressivity.sensitivity import Influence, dead_gradients, hop_reach, influence
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
    "PATTERNS",
    "RUNGS",
    "SUBGRAPH_TESTS",
    "SUBSTRUCTURES",
    "TESTS",
    "Bracket",
    "Certificate",
    "CollisionError",
    "Coloring",
    "Comparison",
    "CountError",
    "Determined",
    "Duplicates",
    "Family",
    "GraphSet",
    "Influence",
    "Level",
    "ModelReport",
    "Probe",
    "Separation",
    "TupleColoring",
    "Violation",
    "accuracy_bound",
    "analyze_model",
    "bicyclic_pair",
    "bracket",
    "cfi_pair",
    "compare",
    "count_patterns",
    "counting_errors",
    "counting_graphs",
    "csl_family",
    "csl_graph",
    "cycle_pair",
    "dead_gradients",
    "determined_polynomials",
    "distance_colors",
    "draw_levels",
    "exact_degree",
    "exp_family",
    "find_duplicates",
    "graph_names",
    "hard_pair",
    "homomorphism_counts",
    "hop_reach",
    "identify",
    "influence",
    "isomorphic",
    "ladder_families",
    "levels_page",
    "levels_record",
    "model_page",
    "named_test",
    "neighborhood_colors",
    "neighborhood_types",
    "of_networkx",
    "path_pair",
    "r2_bound",
    "read_graph",
    "read_graphs",
    "regular_pair",
    "rook_graph",
    "separated",
    "separations",
    "shrikhande_graph",
    "spasm",
    "sr_family",
    "subgraph_colors",
    "subgraph_counts",
    "substructure_colors",
    "substructure_counts",
    "tuple_colors",
    "unique_share",
    "verdict",
    "violations",
    "wl_certificate",
    "wl_colors",
]
