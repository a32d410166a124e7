"""Loaders, splits, synthetic generators and the gateway to OGB."""

from __future__ import annotations

from graphpoly.data.algorithms import ALGORITHMS, TraceData, algorithm_traces, hint_kinds
from graphpoly.data.brec import BREC, BREC_CATEGORIES, load_brec
from graphpoly.data.csbm import csbm
from graphpoly.data.cycles import cycle_pairs
from graphpoly.data.dataset import (
    TASKS,
    AsItIs,
    Dataset,
    LinkReading,
    Loaded,
    Reading,
    find_dataset,
    offer,
)
from graphpoly.data.datasets import load_node_data, node_dataset_names
from graphpoly.data.expressivity import SR_FAMILIES, load_csl, load_exp, load_sr
from graphpoly.data.extrapolation import (
    EXTRAPOLATION_FAMILIES,
    EXTRAPOLATION_TASKS,
    extrapolation_graphs,
)
from graphpoly.data.files import DatasetError, default_root
from graphpoly.data.folds import GraphFold, block_folds, published_folds, stratified_folds
from graphpoly.data.gdb7 import load_gdb7
from graphpoly.data.geometric import POINT_SHAPES, geometric_graph
from graphpoly.data.graph_datasets import graph_dataset_names, load_graph_data
from graphpoly.data.hard_functions import (
    DEGREE_FUNCTIONS,
    degree_counts,
    degree_functions,
    parity_correlation,
    solve_parity,
)
from graphpoly.data.image_filter import (
    IMAGE_RESPONSES,
    apply_response,
    grid_graph,
    image_filter_task,
    interior_mask,
    load_images,
    smooth_images,
)
from graphpoly.data.independent_sets import (
    greedy_independent_set,
    is_independent,
    maximum_independent_set,
)
from graphpoly.data.labels import are_classes, doubt_about
from graphpoly.data.links import LINK_SPLITS, LinkSplit, link_split, sample_non_links
from graphpoly.data.molecules import load_peptides, load_zinc
from graphpoly.data.n_body import draw_charges, n_body, simulate_charges
from graphpoly.data.ogb import load_ogb_graph, load_ogb_link, load_ogb_node, ogb_evaluator
from graphpoly.data.own import any_dataset, dataset_from, graphs_from, is_own
from graphpoly.data.point_sets import (
    POINT_TASKS,
    closed_length,
    enclosed_area,
    point_sets,
    same_cycle,
    same_triangles,
    shortest_tour,
)
from graphpoly.data.root_neighbors import root_neighbors
from graphpoly.data.seal import SEAL_NAMES, load_seal
from graphpoly.data.set_recursion import Choices, recursive_independent_set, subgraphs
from graphpoly.data.splits import SPLIT_NAMES, Split, make_split
from graphpoly.data.tu import load_tu, tu_dataset_names
from graphpoly.data.twins import TWINS
from graphpoly.data.undirected import as_undirected

__all__ = [
    "ALGORITHMS",
    "BREC",
    "BREC_CATEGORIES",
    "DEGREE_FUNCTIONS",
    "EXTRAPOLATION_FAMILIES",
    "EXTRAPOLATION_TASKS",
    "IMAGE_RESPONSES",
    "LINK_SPLITS",
    "POINT_SHAPES",
    "POINT_TASKS",
    "SEAL_NAMES",
    "SPLIT_NAMES",
    "SR_FAMILIES",
    "TASKS",
    "TWINS",
    "AsItIs",
    "Choices",
    "Dataset",
    "DatasetError",
    "GraphFold",
    "LinkReading",
    "LinkSplit",
    "Loaded",
    "Reading",
    "Split",
    "TraceData",
    "algorithm_traces",
    "any_dataset",
    "apply_response",
    "are_classes",
    "as_undirected",
    "block_folds",
    "closed_length",
    "csbm",
    "cycle_pairs",
    "dataset_from",
    "default_root",
    "degree_counts",
    "degree_functions",
    "doubt_about",
    "draw_charges",
    "enclosed_area",
    "extrapolation_graphs",
    "find_dataset",
    "geometric_graph",
    "graph_dataset_names",
    "graphs_from",
    "greedy_independent_set",
    "grid_graph",
    "hint_kinds",
    "image_filter_task",
    "interior_mask",
    "is_independent",
    "is_own",
    "link_split",
    "load_brec",
    "load_csl",
    "load_exp",
    "load_gdb7",
    "load_graph_data",
    "load_images",
    "load_node_data",
    "load_ogb_graph",
    "load_ogb_link",
    "load_ogb_node",
    "load_peptides",
    "load_seal",
    "load_sr",
    "load_tu",
    "load_zinc",
    "make_split",
    "maximum_independent_set",
    "n_body",
    "node_dataset_names",
    "offer",
    "ogb_evaluator",
    "parity_correlation",
    "point_sets",
    "published_folds",
    "recursive_independent_set",
    "root_neighbors",
    "same_cycle",
    "same_triangles",
    "sample_non_links",
    "shortest_tour",
    "simulate_charges",
    "smooth_images",
    "solve_parity",
    "stratified_folds",
    "subgraphs",
    "tu_dataset_names",
]
