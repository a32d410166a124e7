"""Data, loaders, analyses and training give the same whatever torch's default device is."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import load_file
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn import GIN

from graphpoly import data as rooms
from graphpoly import expressivity, robustness
from graphpoly.data import find_dataset
from graphpoly.data.twins import graph_twin
from graphpoly.exams.brec import compare_pair
from graphpoly.expressivity.ceilings import TESTS
from graphpoly.kernels import GNTK, draw_landmarks
from graphpoly.loader import (
    GraphSAINTEdgeSampler,
    GraphSAINTNodeSampler,
    GraphSAINTRandomWalkSampler,
    HGTLoader,
    LinkNeighborLoader,
    NeighborLoader,
    PackedLoader,
    seeded_epoch,
)
from graphpoly.loader.cpu_batches import CPULoader
from graphpoly.privacy.reach import measured_reach
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.rewiring import curvature, measures
from graphpoly.training import RowTask, SeparationTask
from tests.compliance.test_default_device import same
from tests.exams.test_brec import G6, QUICK
from tests.recipes.test_ad_hoc import entry

pytestmark = pytest.mark.cpu  # another default than the device of the inputs, whatever that is


def held(found):
    """What a graph, or anything that holds graphs, is made of."""
    if isinstance(found, Data | HeteroData):
        return found.to_dict()
    if dataclasses.is_dataclass(found):
        return {field.name: held(getattr(found, field.name)) for field in dataclasses.fields(found)}
    if isinstance(found, list | tuple):
        return [held(each) for each in found]
    return found


RING = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 0]])
BOTH = torch.cat([RING, RING.flip(0), torch.tensor([[0, 4], [4, 0]])], 1)
RINGS = [
    Data(torch.eye(n), torch.stack([torch.arange(n), torch.arange(n).roll(1)])) for n in (3,) * 7
]
EDGES = Data(torch.randn(8, 3), BOTH, y=torch.arange(8) % 2, num_nodes=8)

MADE = {
    "csbm": lambda: rooms.csbm(60, 6.0, 7, phi=0.5, epsilon=1.0),
    "cycle_pairs": lambda: rooms.cycle_pairs((6,)),
    "root_neighbors": lambda: rooms.root_neighbors(6),
    "n_body": lambda: rooms.n_body(1, first=1, last=2),
    "degree_functions": lambda: rooms.degree_functions(3),
    "smooth_images": lambda: rooms.smooth_images(8, 8, 2),
    "interior_mask": lambda: rooms.interior_mask(8, 8),
    "block_folds": lambda: rooms.block_folds(7, 3),
    "stratified_folds": lambda: rooms.stratified_folds(EDGES.y, 3),
    "maximum_independent_set": lambda: rooms.maximum_independent_set(BOTH),
    "greedy_independent_set": lambda: rooms.greedy_independent_set(BOTH),
    **{f"traces {a}": lambda a=a: rooms.algorithm_traces(a, 2, (5,)) for a in rooms.ALGORITHMS},
    **{
        f"extrapolation {task}": lambda task=task: rooms.extrapolation_graphs(task, 4)
        for task in rooms.EXTRAPOLATION_TASKS
    },
    **{f"points {t}": lambda t=t: rooms.point_sets(t, 2) for t in rooms.POINT_TASKS},
    **{f"shape {s}": lambda s=s: rooms.geometric_graph(s, 30) for s in rooms.POINT_SHAPES},
    **{f"twin {n}": lambda n=n: graph_twin(n)[0][1] for n in ("ogbg-molpcba", "ogbg-ppa")},
    **{
        f"links {name}": lambda name=name: rooms.link_split(rooms.csbm(60, 9.0, 2, phi=0.5), name)
        for name in rooms.LINK_SPLITS
    },
    **{
        f"split {name}": lambda name=name: rooms.make_split(rooms.csbm(60, phi=0.5), name, 3)
        for name in rooms.SPLIT_NAMES
        if name not in ("public", "geom-gcn")
    },
}


@pytest.mark.parametrize("name", MADE)
def test_data(name):
    same(lambda: held(MADE[name]()))


@pytest.mark.parametrize("name", ["csbm", "cycles", "bfs", "delaunay", "degree-function", "n-body"])
def test_registered_dataset(name):
    dataset = find_dataset(name)
    few = {part: 3 for part in ("train", "val", "test") if hasattr(dataset.reading, part)}
    reading = dataclasses.replace(dataset.reading, **few)

    def run():
        loaded = dataset.load(None, reading, 0)
        kept = loaded.data if loaded.graphs is None else list(loaded.graphs)
        return held(kept), vars(loaded.split(dataset.splits[0], 0))

    if name == "n-body":
        reading = dataclasses.replace(reading, first=0, last=1)
    same(run)


def typed():
    data = HeteroData()
    data["a"].x, data["b"].x = torch.randn(8, 3), torch.randn(8, 2)
    data["a", "to", "b"].edge_index, data["b", "to", "a"].edge_index = RING, BOTH
    return data


TYPED, WALK = typed(), {"walk_length": 2, "num_steps": 2}
PAIRED = {"batch_size": 5, "neg_sampling": "binary", "shuffle": True}
LOADERS = {
    "NeighborLoader": lambda: NeighborLoader(EDGES, [2, 1], batch_size=3, shuffle=True),
    "replaced": lambda: NeighborLoader(EDGES, [2], batch_size=3, replace=True),
    "disjoint": lambda: NeighborLoader(EDGES, [2], batch_size=3, disjoint=True),
    "induced": lambda: NeighborLoader(EDGES, [2], batch_size=3, subgraph_type="induced"),
    "some": lambda: NeighborLoader(EDGES, [2], EDGES.y == 1, batch_size=3, shuffle=True),
    "typed": lambda: NeighborLoader(TYPED, [2, 2], "a", batch_size=3, shuffle=True),
    "workers": lambda: NeighborLoader(EDGES, [2], batch_size=3, shuffle=True, num_workers=1),
    "LinkNeighborLoader": lambda: LinkNeighborLoader(EDGES, [2], **PAIRED),
    "HGTLoader": lambda: HGTLoader(TYPED, [4, 4], "a", batch_size=3, shuffle=True),
    "of nodes": lambda: GraphSAINTNodeSampler(EDGES, 4, num_steps=2),
    "estimated": lambda: GraphSAINTNodeSampler(EDGES, 4, num_steps=2, sample_coverage=2),
    "of edges": lambda: GraphSAINTEdgeSampler(EDGES, 4, num_steps=2),
    "of walks": lambda: GraphSAINTRandomWalkSampler(EDGES, 4, **WALK),
    "PackedLoader": lambda: PackedLoader(RINGS, 3, shuffle=True, follow_batch=["x"]),
    "last dropped": lambda: PackedLoader(RINGS, 3, shuffle=True, drop_last=True),
    "packed in workers": lambda: PackedLoader(RINGS, 3, shuffle=True, num_workers=1),
    "CPULoader": lambda: CPULoader(RINGS, batch_size=3, shuffle=True),
}


@pytest.mark.parametrize("name", LOADERS)
def test_loader(name):
    same(lambda: held([*LOADERS[name]()]) + held([*LOADERS[name]()]))


@pytest.mark.parametrize("name", ["NeighborLoader", "typed", "HGTLoader", "LinkNeighborLoader"])
def test_seeded_epoch(name):
    same(lambda: held([*seeded_epoch(LOADERS[name](), 3)]))


PAIRS = [expressivity.hard_pair(name) for name in ("k33-prism", "molecules")]
FEW = [*PAIRS[0], *PAIRS[1]]


def probe():
    return expressivity.Probe(lambda: GIN(3, 8, 2), in_channels=3)


SEEN = {
    **{f"test {name}": lambda name=name: expressivity.separated(PAIRS, name) for name in TESTS},
    "identify": lambda: held(expressivity.identify(FEW)),
    "compare": lambda: held(expressivity.compare(*PAIRS[0])),
    "isomorphic": lambda: [expressivity.isomorphic(*pair) for pair in PAIRS],
    "find_duplicates": lambda: held(expressivity.find_duplicates(FEW)),
    "substructure_counts": lambda: expressivity.substructure_counts(FEW, 4),
    "count_patterns": lambda: expressivity.count_patterns(FEW, "triangle"),
    "families": lambda: held(expressivity.csl_family(11, (2, 3))),
    "violations": lambda: held(expressivity.violations(probe(), weights=1)),
    "hop_reach": lambda: expressivity.hop_reach(probe()),
    "influence": lambda: held(expressivity.influence(probe(), layers=2, weights=1)),
    "counting": lambda: held(expressivity.counting_errors(probe(), ["triangle"], count=20)),
    "polynomials": lambda: held(
        expressivity.determined_polynomials(probe(), degree=3, weights=1, graphs=20)
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_analysis(name):
    same(SEEN[name])


MEASURED = {
    "effective_resistance": lambda: measures.effective_resistance(BOTH),
    "commute_time": lambda: measures.commute_time(BOTH),
    "total_resistance": lambda: measures.total_resistance(BOTH),
    "sketched_resistance": lambda: measures.sketched_resistance(BOTH, pairs=RING),
    "sensitivity_bound": lambda: measures.sensitivity_bound(BOTH, 8, 2, 0),
    "augmented_forman": lambda: curvature.augmented_forman(BOTH, cycles=4),
    "balanced_forman": lambda: curvature.balanced_forman(BOTH),
    "ollivier_ricci": lambda: curvature.ollivier_ricci(BOTH),
    "GNTK": lambda: GNTK()(RINGS),
    "draw_landmarks": lambda: draw_landmarks(9, 4),
    "random_perturbation": lambda: robustness.random_perturbation(EDGES.x, 1.0),
    "random_flips": lambda: robustness.random_flips(BOTH, 3, num_nodes=8),
    "greedy_flips": lambda: robustness.greedy_flips(
        lambda edges, weight: (weight * edges[0]).sum(), BOTH, 3, num_nodes=8, candidates=9
    ),
}


@pytest.mark.parametrize("name", MEASURED)
def test_measure(name):
    same(MEASURED[name])


def trained(recipe, folder):
    """The result of a recipe and the weights, of one seed."""
    out = folder / str(torch.get_default_device())
    (experiment,) = run_recipe(recipe, out=out, seeds=1, device="cpu").experiments.values()
    weights = load_file(out / "seed-0" / "checkpoint" / "last.safetensors", device="cpu")
    return dataclasses.replace(experiment.runs[0], seconds=0.0), weights


@pytest.mark.parametrize("model", ["GPRGNN", "GCN"])
@pytest.mark.parametrize("task", ["nodes", "graphs", "links", "featureless"])
def test_recipe(model, task, tmp_path):
    recipe = recipe_for(model, entry(task)).override({"hidden_channels": 8, "epochs": 2})
    same(lambda: held(trained(recipe, tmp_path)))


@pytest.mark.parametrize(
    ("model", "dataset"), [("AlgorithmNet", "bfs"), ("PointerNetwork", "convex-hull")]
)
def test_recipe_of_steps(model, dataset, tmp_path):
    few = {"train": 4, "val": 2, "test": 2, "hidden_channels": 8, "epochs": 1}
    recipe = recipe_for(model, dataset)
    recipe = recipe.override({key: few[key] for key in few if key in recipe.keys})
    same(lambda: held(trained(recipe, tmp_path)))


def test_task_of_rows():
    split = rooms.make_split(EDGES, "stratified")

    def run(net):
        task = RowTask(EDGES.x, EDGES.y, split, batch_size=2)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        return task.train_epoch(net, optimizer), task.evaluate(net)

    same(lambda: run(torch.nn.Linear(3, 2, device="cpu")))


def test_task_of_separation():
    net = torch.nn.Linear(3, 2)

    def forward(net, batch):
        return net(batch.x).sum(0, keepdim=True).expand(batch.num_graphs, -1)

    same(lambda: SeparationTask(RINGS, forward, threshold=1.0, batch_size=3).evaluate(net))


def test_pair_of_brec():
    given = ("GIN", 0, (G6[2], G6[3]), 100, QUICK)

    def run():
        return {k: v for k, v in compare_pair(*given).items() if k != "seconds"}

    same(run)


def test_reach():
    net = GIN(3, 4, 2)
    same(lambda: measured_reach(net, lambda net, data: net(data.x, data.edge_index), EDGES))
