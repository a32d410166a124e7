from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import stats
from torch_geometric.data import Data

from graphpoly.expressivity import hard_pair, isomorphic, of_networkx
from graphpoly.expressivity.rpc import (
    THRESHOLD,
    Statistic,
    comparison_graphs,
    hotelling_threshold,
    judge,
    paired_statistic,
    renamed_copies,
)


def by_definition(outputs: torch.Tensor) -> float:
    difference = (outputs[0::2] - outputs[1::2]).double().numpy()
    mean = difference.mean(0)
    return float(mean @ np.linalg.inv(np.cov(difference.T)) @ mean)


def test_statistic_is_its_definition() -> None:
    outputs = torch.randn(64, 16, dtype=torch.float64) + 0.3 * torch.arange(64).view(-1, 1) % 2
    found = paired_statistic(outputs)
    assert found.reference == pytest.approx(by_definition(outputs), rel=1e-9)
    assert found.hotelling == 32 * found.reference
    assert found.rank == 16


def test_statistic_does_not_depend_on_scale_or_basis() -> None:
    outputs = torch.randn(64, 16, dtype=torch.float64)
    mixed = 1000 * outputs @ torch.randn(16, 16, dtype=torch.float64)
    expected = paired_statistic(outputs).reference
    assert paired_statistic(mixed).reference == pytest.approx(expected, rel=1e-6)


def test_degenerate_outputs() -> None:
    """Equal outputs, outputs a constant apart, noise along one direction only."""
    same = torch.randn(32, 16).repeat_interleave(2, 0)
    assert paired_statistic(same) == Statistic(0.0, 0.0, 0)
    assert not judge(paired_statistic(same), paired_statistic(same))["hotelling"].counts
    apart = torch.tensor([0.0, 1.0]).repeat(32).view(-1, 1).expand(64, 16)
    assert paired_statistic(apart) == Statistic(0.0, 0.0, 0)
    line = torch.randn(64, 1, dtype=torch.float64) * torch.ones(16, dtype=torch.float64)
    found = paired_statistic(line)
    assert found.rank == 1
    difference = line[0::2, 0] - line[1::2, 0]
    assert found.reference == pytest.approx(float(difference.mean() ** 2 / difference.var()))
    broken = torch.randn(64, 16)
    broken[3, 2] = torch.nan
    verdicts = judge(paired_statistic(broken), paired_statistic(broken))
    assert not any(verdict.distinguished or verdict.reliable for verdict in verdicts.values())
    with pytest.raises(ValueError, match=r"got shape \(3, 2\)"):
        paired_statistic(torch.ones(3, 2))


def test_threshold_and_the_level_of_the_published_scale() -> None:
    assert hotelling_threshold() == pytest.approx(THRESHOLD, abs=0.005)
    # in one dimension it is the square of Student's t
    assert hotelling_threshold(10, 1) == pytest.approx(stats.t.ppf(0.975, 9) ** 2)
    level = stats.f.sf(32 * THRESHOLD * 16 / (31 * 16), 16, 16)
    assert level == pytest.approx(5.5e-12, rel=0.02)
    with pytest.raises(ValueError, match="outputs: got 32"):
        hotelling_threshold(32, 32)


def test_hotelling_scale_is_calibrated() -> None:
    """Gaussian noise exceeds the threshold once in twenty times, and its law is F."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(16, 16, generator=generator, dtype=torch.float64)
    draws = 2000
    values = [
        paired_statistic(
            torch.randn(64, 16, generator=generator, dtype=torch.float64) @ basis
        ).hotelling
        for _ in range(draws)
    ]
    rate = sum(value > THRESHOLD for value in values) / draws
    assert abs(rate - 0.05) < 4 * (0.05 * 0.95 / draws) ** 0.5
    scaled = np.array(values) * 16 / (31 * 16)
    assert stats.kstest(scaled, stats.f(16, 16).cdf).pvalue > 1e-3
    assert not any(value / 32 > THRESHOLD for value in values)


def test_verdicts() -> None:
    fine = Statistic(1.0, 32.0, 16)
    strong, weak = Statistic(80.0, 2560.0, 16), Statistic(3.0, 96.0, 16)
    verdicts = judge(strong, fine)
    assert verdicts["reference"].counts
    assert verdicts["hotelling"].counts
    verdicts = judge(weak, fine)
    assert not verdicts["reference"].distinguished
    assert verdicts["hotelling"].counts
    # a check that fails, and one that is as large as what it checks
    verdicts = judge(strong, Statistic(73.0, 2336.0, 16))
    assert verdicts["reference"].distinguished
    assert not verdicts["reference"].reliable
    assert not verdicts["reference"].counts
    assert not judge(strong, Statistic(80.0001, 2560.0, 16))["reference"].distinguished
    assert not judge(strong, fine, threshold=90.0)["reference"].distinguished


def test_copies_are_renamed_and_different() -> None:
    data = of_networkx(nx.gnp_random_graph(8, 0.4, seed=1))
    data.x = torch.arange(8.0).view(-1, 1)
    data.edge_attr = data.edge_index.sum(0)
    copies = renamed_copies(data, 40, np.random.default_rng(0))
    assert copies[0].edge_index.sort(1).values.tolist() == data.edge_index.sort(1).values.tolist()
    assert len({str(sorted(copy.edge_index.T.tolist())) for copy in copies}) == 40
    for copy in copies:
        names = copy.x.flatten().long()
        assert isomorphic(
            Data(edge_index=copy.edge_index, num_nodes=8),
            Data(edge_index=data.edge_index, num_nodes=8),
        )
        # what nodes and edges carried, they carry still
        assert torch.equal(names[copy.edge_index].sum(0), copy.edge_attr)
    again = renamed_copies(data, 40, np.random.default_rng(0))
    assert all(torch.equal(a.edge_index, b.edge_index) for a, b in zip(copies, again, strict=True))


def test_symmetric_graphs_have_too_few_copies() -> None:
    with pytest.raises(ValueError, match=r"only about 4 different copies, 5 are needed"):
        renamed_copies(of_networkx(nx.star_graph(3)), 5, np.random.default_rng(0))


def test_graphs_of_a_comparison() -> None:
    one, other = hard_pair("molecules")
    pair, same = comparison_graphs(one, other, copies=10, seed=3)
    assert (len(pair), len(same)) == (20, 20)
    # rings of six against rings of five
    even, checked = (
        [nx.is_bipartite(nx.Graph(graph.edge_index.T.tolist())) for graph in group]
        for group in (pair, same)
    )
    assert even == [True, False] * 10
    assert len(set(checked)) == 1
    # either graph may check the reliability
    kinds = set()
    for seed in range(8):
        graph = comparison_graphs(one, other, copies=2, seed=seed)[1][0]
        kinds.add(nx.is_bipartite(nx.Graph(graph.edge_index.T.tolist())))
    assert kinds == {True, False}
