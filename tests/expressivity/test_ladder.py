from __future__ import annotations

import pytest
import torch

from graphpoly.data import cycle_pairs
from graphpoly.expressivity import (
    RUNGS,
    Probe,
    bracket,
    compare,
    exp_family,
    hard_pair,
    isomorphic,
    ladder_families,
    path_pair,
    separations,
    tuple_colors,
    wl_certificate,
    wl_colors,
)
from graphpoly.expressivity.ladder import Family, relabel
from tests.expressivity.models import Constant, Gin, Numbered, Walks, refinement


@pytest.fixture(scope="module")
def families() -> list[Family]:
    return ladder_families()


def place(model, families, **settings):
    found = separations(Probe(model), families, weights=2, copies=4, **settings)
    return bracket(families, found), found


@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 9])
def test_paths_part_after_just_so_many_rounds(rounds) -> None:
    one, other = path_pair(rounds)
    certificate = wl_certificate(one, other)
    assert certificate is not None
    assert certificate.round == rounds
    assert (one.num_nodes, one.num_edges) == (other.num_nodes, other.num_edges)


def test_the_rung_of_each_family_is_the_first_that_separates(families) -> None:
    assert [family.needs for family in families] == sorted(family.needs for family in families)
    for family in families:
        classes = torch.stack([wl_colors(graph).graph[0] for graph in family.graphs])
        one, other = torch.tensor(family.pairs).T
        assert bool((classes[one] != classes[other]).all()) == (family.needs == 1)
        assert bool((classes[one] == classes[other]).all()) == (family.needs > 1)
        if max(int(graph.num_nodes) for graph in family.graphs) <= 41 and family.needs > 1:
            pairs = torch.stack([tuple_colors(graph, 2).graph[0] for graph in family.graphs])
            assert bool((pairs[one] != pairs[other]).all()) == (family.needs == 2)
            assert bool((pairs[one] == pairs[other]).all()) == (family.needs > 2)
    small = next(family for family in families if family.name == "sr16622")
    assert compare(*small.graphs).separated_by == RUNGS[small.needs]


def test_sums_over_neighbours_stand_exactly_at_refinement(families) -> None:
    found, separated = place(Gin, families)
    assert (found.at_least, found.rounds, found.at_most) == ("1-WL", None, "1-WL")
    assert found.describe() == "exactly 1-WL on these families"
    for family, each in zip(families, separated, strict=True):
        assert bool(each.separated().all()) == bool(each.separated().any()) == (family.needs == 1)


@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_rounds_are_layers(num_layers, families) -> None:
    found, _ = place(lambda: Gin(num_layers), families)
    assert (found.at_least, found.rounds, found.at_most) == ("1-WL", num_layers, "1-WL")


def test_closed_walks_are_beyond_refinement_and_short_of_it(families) -> None:
    found, separated = place(Walks, families)
    # a star, and a square and a node, have one spectrum
    assert (found.at_least, found.at_most) == ("nothing", "2-FWL")
    assert found.confused == "a star, and a square and a node"
    apart = {f.name: bool(s.separated().all()) for f, s in zip(families, separated, strict=True)}
    assert apart["hexagon"]
    assert apart["regular"]
    assert apart["csl"]
    assert not apart["cospectral"]
    assert not apart["sr16622"]


@pytest.mark.parametrize(("k", "rung"), [(1, "1-WL"), (2, "2-FWL")])
def test_refinement_as_a_model_stands_at_its_own_rung(k, rung, families) -> None:
    found = bracket(
        families, separations(Probe(lambda: refinement(k)), families, weights=1, copies=2)
    )
    assert (found.at_least, found.rounds, found.at_most) == (rung, None, rung)


def test_a_constant_separates_nothing(families) -> None:
    found, separated = place(Constant, families)
    assert (found.at_least, found.at_most) == ("nothing", "nothing")
    assert not any(bool(each.separated().any()) for each in separated)


def test_what_sees_numbers_separates_nothing_of_one_degree(families) -> None:
    _, separated = place(Numbered, families)
    regular = {"hexagon", "k33-prism", "cfi-k3", "csl", "sr16622", "cfi-k4"}
    for family, each in zip(families, separated, strict=True):
        if family.name in regular:
            assert float(each.noise["float64"].min()) > 1e-6
            assert not bool(each.separated().any())


def test_noise_is_that_of_the_floating_point(families) -> None:
    _, separated = place(Gin, families)
    for each in separated:
        assert float(each.noise["float64"].max()) < 1e-13
        assert 1e-8 < float(each.noise["float32"].max()) < 1e-4
        # nothing lies between the noise and what is apart
        assert bool((each.apart("float32") <= each.apart("float64")).all())


def test_labels_are_seen() -> None:
    one, other = hard_pair("hexagon")
    for data, labels in ((one, [0, 1, 0, 1, 0, 1]), (other, [0, 0, 0, 1, 1, 1])):
        data.x = torch.eye(2)[torch.tensor(labels)]
    family = exp_family([one, other])
    assert family.pairs == [(0, 1)]
    (found,) = separations(Probe(lambda: Gin(2)), [family], weights=1)
    assert bool(found.separated().all())


def test_families_with_labels_stand_beside_those_without(families) -> None:
    one, other = hard_pair("hexagon")
    for data, labels in ((one, [0, 1, 0, 1, 0, 1]), (other, [0, 0, 0, 1, 1, 1])):
        data.x = torch.eye(2)[torch.tensor(labels)]
    *_, found = separations(Probe(lambda: Gin(2)), [*families, exp_family([one, other])], weights=1)
    assert bool(found.separated().all())


def test_relabelled_graphs_are_the_same() -> None:
    data = cycle_pairs((7,))[1]
    data.x = torch.arange(7.0).unsqueeze(1)
    moved = relabel(data, torch.Generator().manual_seed(3))
    assert not torch.equal(moved.x, data.x)
    assert isomorphic(data, moved)
