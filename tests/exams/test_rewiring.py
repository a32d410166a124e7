"""A dataset before and after rewiring: every number is counted again from the rewired graphs."""

import json
import re
from dataclasses import replace

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import dataset_from
from graphpoly.exams import rewiring_page, run_rewiring
from graphpoly.features.settings import RandomNodeInitSettings
from graphpoly.rewiring import FoSR, method_of
from graphpoly.rewiring.measures import bottlenecks
from graphpoly.rewiring.plan import side_by_side
from graphpoly.training import CheckpointError
from graphpoly.training.changes_file import changes_key

FOSR = method_of("fosr")


def graph(made, label):
    pairs = torch.tensor(list(made.edges), dtype=torch.long).reshape(-1, 2).T
    pairs = torch.cat([pairs, pairs.flip(0)], 1)
    return Data(x=torch.ones(len(made), 1), edge_index=pairs, y=torch.tensor([label]))


def written(tmp_path, graphs):
    torch.save(graphs, tmp_path / "mine.pt")
    return dataset_from(str(tmp_path / "mine.pt"))


GRAPHS = [
    *(graph(nx.barbell_graph(4, i % 3), i % 2) for i in range(70)),
    graph(nx.complete_graph(4), 0),
    graph(nx.empty_graph(1), 1),
    graph(nx.disjoint_union(nx.path_graph(4), nx.empty_graph(2)), 0),
]


def test_the_report_counts_what_the_transform_does(tmp_path):
    report = run_rewiring(written(tmp_path, GRAPHS), FOSR(edges=2), out=tmp_path / "out")
    after = [FoSR(2)(data.clone()) for data in GRAPHS]
    counts = torch.cat([data.rewired for data in after])
    assert [report.added, report.removed] == counts.sum(0).tolist()
    assert report.changed == int((counts.sum(1) > 0).sum()) == 71
    assert report.num_graphs == 73
    for place, some in enumerate((GRAPHS, after)):
        found = bottlenecks(side_by_side(some))
        gaps = [each.gap for each in found]
        assert report.values["gap"][place] == pytest.approx(gaps, abs=1e-12)
        assert report.values["edges"][place] == [each.edges for each in found]
        assert sum(report.curvature[place]) == sum(each.edges for each in found)
    shift = {each.measure: each for each in report.shifts}["gap"]
    assert shift.after > shift.before
    assert shift.rose == 71 / 73
    assert shift.fell == 0
    assert "71 of 73 graphs changed" in report.describe()


def test_the_example_is_a_changed_graph_and_its_changes(tmp_path):
    report = run_rewiring(written(tmp_path, GRAPHS), FOSR(edges=2), out=tmp_path / "out")
    example = report.example
    data = FoSR(2)(GRAPHS[example.graph].clone())
    drawn = {tuple(sorted(pair)) for pair in example.edges + example.added}
    assert drawn == {tuple(sorted(pair)) for pair in data.edge_index.T.tolist()}
    assert len(example.added) == 2
    assert example.of == data.num_nodes == len(example.nodes)


def test_of_a_large_graph_the_surroundings_of_a_change_are_drawn(tmp_path):
    data = graph(nx.connected_caveman_graph(40, 5), 0)
    data.y = torch.arange(200) % 2
    report = run_rewiring(written(tmp_path, data), FOSR(edges=1), out=tmp_path / "out")
    example = report.example
    assert len(example.nodes) <= 60 < example.of
    assert len(example.added) == 1
    assert "around the first change" in rewiring_page(report)


class Stop(Exception):
    pass


class Stopping:
    """Progress that ends a run after its first block."""

    def start(self, label, total, done, what=""):
        self.begun = done, total

    def update(self, done, scores):
        raise Stop

    def stop(self):
        pass


def test_a_run_that_was_stopped_goes_on(tmp_path):
    mine, out = written(tmp_path, GRAPHS), tmp_path / "out"
    whole = run_rewiring(mine, FOSR(edges=2), out=tmp_path / "whole")
    with pytest.raises(Stop):
        run_rewiring(mine, FOSR(edges=2), out=out, progress=Stopping())
    with pytest.raises(CheckpointError, match="holds a run already"):
        run_rewiring(mine, FOSR(edges=2), out=out)
    with pytest.raises(CheckpointError, match="was made with method="):
        run_rewiring(mine, FOSR(edges=3), out=out, resume=True)
    progress = Stopping()
    with pytest.raises(Stop):
        run_rewiring(mine, FOSR(edges=2), out=out, resume=True, progress=progress)
    assert progress.begun == (64, 73)
    resumed = run_rewiring(mine, FOSR(edges=2), out=out, resume=True)
    assert resumed.values == whole.values
    held = [json.loads((each / "results.json").read_text()) for each in (out, tmp_path / "whole")]
    assert [each.pop("seconds") >= 0 for each in held] == [True, True]
    assert held[0] == held[1]


def test_nothing_to_add_is_said(tmp_path):
    mine = written(tmp_path, [graph(nx.complete_graph(4), i % 2) for i in range(4)])
    report = run_rewiring(mine, FOSR(edges=2), out=tmp_path / "out")
    assert report.changed == 0
    assert report.example is None
    assert "nothing to add" in report.describe()
    assert "nothing to add" in rewiring_page(report)


def test_a_method_that_changes_no_edges_is_refused(tmp_path):
    with pytest.raises(ValueError, match="RandomNodeInit changes no edges"):
        run_rewiring(written(tmp_path, GRAPHS), RandomNodeInitSettings(), out=tmp_path / "out")


def test_a_directed_graph_is_refused_or_symmetrised(tmp_path):
    one_way = Data(
        x=torch.ones(4, 1), edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), y=torch.ones(1)
    )
    mine = written(tmp_path, [one_way, one_way])
    with pytest.raises(ValueError, match="symmetrize"):
        run_rewiring(mine, FOSR(edges=1), out=tmp_path / "refused")
    both = run_rewiring(mine, FOSR(edges=1, symmetrize=True), out=tmp_path / "both")
    assert both.values["edges"] == ([3, 3], [4, 4])


def test_the_page_stands_alone_and_carries_its_numbers(tmp_path):
    report = run_rewiring(written(tmp_path, GRAPHS), FOSR(edges=2), out=tmp_path / "out")
    page = rewiring_page(report, version="1.2")
    assert "http://" not in page
    assert "<link" not in page
    assert "src=" not in page
    held = page.partition('id="report">')[2].partition("</script>")[0]
    assert json.loads(held) == json.loads(json.dumps(report.to_dict()))
    assert page.count("<svg") == 5  # curvature, gap, resistance, least curvature, one graph


def test_the_distributions_hold_every_graph(tmp_path):
    report = run_rewiring(written(tmp_path, GRAPHS), FOSR(edges=2), out=tmp_path / "out")
    ends = [0.7, 0.75], [0.8, 1.1]  # in single precision the first is less, the last is more
    page = rewiring_page(replace(report, values={**report.values, "gap": ends}))
    drawn = re.search(r'aria-label="spectral gap of the graphs.*?</svg>', page, re.DOTALL)[0]
    for path in re.findall(r'<path d="([^"]+)"', drawn):
        heights = re.findall(r"L[\d.]+ ([\d.]+)L[\d.]+ \1", path)
        tall = [height for height in heights if height == min(heights, key=float)]
        assert len(tall) == 2  # half of the graphs each


def test_the_key_of_changes_is_that_of_edges_and_method():
    keys = [
        changes_key(GRAPHS, FOSR(edges=2)),
        changes_key(GRAPHS, FOSR(edges=3)),
        changes_key(GRAPHS[1:], FOSR(edges=2)),
    ]
    assert len(set(keys)) == 3
