from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import BREC_CATEGORIES, load_brec
from graphpoly.expressivity import TESTS, GraphSet, hard_pair, named_test, separated

# Pairs told apart of each family, as published where that is known and computed twice elsewhere.
GOLDEN = {
    "1-WL": [0, 0, 0, 0, 0, 0, 0],
    "2-WL": [0, 0, 0, 0, 0, 0, 0],
    "SPD-WL": [16, 14, 0, 41, 12, 0, 0],
    "S3": [52, 48, 0, 5, 0, 0, 0],
    "S4": [60, 49, 50, 84, 0, 0, 0],
    "SWL(VS)": [60, 50, 0, 100, 41, 0, 0],
    "2-FWL": [60, 50, 0, 100, 60, 0, 0],
}
# The right one tells apart whatever the left one does.
WEAKER = [
    ("1-WL", "SPD-WL"),
    ("1-WL", "S3"),
    ("1-WL", "N1"),
    ("S3", "N1"),
    ("N1", "N2"),
    ("S4", "N2"),
    ("SPD-WL", "SPD+RD-WL"),
    ("RD-WL", "SPD+RD-WL"),
    ("SPD-WL", "PSWL(VS)"),
    ("SPD+RD-WL", "2-FWL"),
    ("SWL(VS)", "SWL(SV)"),
    ("SWL(VS)", "PSWL(VS)"),
    ("SWL(SV)", "PSWL(SV)"),
    ("PSWL(VS)", "PSWL(SV)"),
    ("PSWL(SV)", "GSWL"),
    ("GSWL", "SSWL"),
    ("SSWL", "SLFWL(2)"),
    ("PSWL(VS)", "LFWL(2)"),
    ("LFWL(2)", "SLFWL(2)"),
    ("SLFWL(2)", "local 2-FWL"),
    ("local 2-FWL", "SLFWL(2)"),
    ("SSWL", "δ-2-LWL"),
    ("δ-2-LWL", "SSWL"),
    ("SLFWL(2)", "2-FWL"),
]


@pytest.mark.parametrize("labels", ["", "x", "edge_attr", "both"])
def test_the_order_holds_for_small_graphs(labels) -> None:
    """Distances alone do not see labels of edges."""
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for _ in range(150):
        size = int(torch.randint(2, 6, (), generator=generator))
        pairs = torch.combinations(torch.arange(size)).T
        pairs = pairs[:, torch.rand(pairs.size(1), generator=generator) < 0.6]
        kind = torch.randint(2, (pairs.size(1) + size,), generator=generator)
        data = Data(edge_index=torch.cat([pairs, pairs.flip(0)], 1), num_nodes=size)
        if labels in ("x", "both"):
            data.x = kind[-size:]
        if labels in ("edge_attr", "both"):
            data.edge_attr = kind[:-size].repeat(2)
        graphs.append(data)
    whole = GraphSet.of(graphs)
    names = {test: name(whole).tolist() for test, name in TESTS.items()}
    for weaker, stronger in WEAKER:
        if whole.edge_attr is None or "D-WL" not in weaker + stronger:
            joined = set(zip(names[weaker], names[stronger], strict=True))
            assert len(joined) == len(set(names[stronger])), (weaker, stronger)


@pytest.fixture(scope="module")
def pairs(data_root):
    if not (data_root / "brec").is_dir():
        pytest.skip("BREC is not there")
    return load_brec(data_root)


def counts(apart: torch.Tensor) -> list[int]:
    return [int(apart[list(members)].sum()) for members in BREC_CATEGORIES.values()]


@pytest.mark.data
@pytest.mark.parametrize(
    "test",
    [
        *("1-WL", "S3", "SPD-WL"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("SWL(VS)", "2-FWL")),
    ],
)
def test_golden_table(test, pairs) -> None:
    assert counts(separated(pairs, test)) == GOLDEN[test]


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_quick_tests_on_all_pairs(pairs) -> None:
    found = {test: separated(pairs, test) for test in TESTS if test not in ("3-FWL", "N2")}
    for test, expected in GOLDEN.items():
        assert counts(found[test]) == expected
    for weak, strong in ((weak, strong) for weak, strong in WEAKER if strong in found):
        assert not bool((found[weak] & ~found[strong]).any()), (weak, strong)
    assert int((found["LFWL(2)"] & ~found["SSWL"]).sum()) >= 0


@pytest.mark.data
@pytest.mark.slow
def test_order_of_strength_on_some_pairs(pairs) -> None:
    chosen = [pairs[i] for i in (*range(0, 160, 8), *range(160, 360, 20), 265, 277, 313)]
    chosen = [pair for pair in chosen if pair[0].num_nodes <= 60]
    found = {test: separated(chosen, test) for test in TESTS if test != "3-FWL"}
    for weak, strong in WEAKER:
        assert not bool((found[weak] & ~found[strong]).any()), (weak, strong)
    assert 0 < int(found["SPD-WL"].sum()) < int(found["SWL(VS)"].sum())


@pytest.mark.data
@pytest.mark.slow
def test_triples_tell_strongly_regular_graphs_apart(pairs) -> None:
    for name in ("StronglyRegular", "DistanceRegular"):
        chosen = pairs[BREC_CATEGORIES[name].start : BREC_CATEGORIES[name].stop]
        assert bool(separated(chosen, "3-FWL").all())


@pytest.mark.parametrize("test", TESTS)
def test_every_test_keeps_copies_together(test) -> None:
    one, other = hard_pair("k33-prism")
    moved = other.clone()
    moved.edge_index = torch.randperm(other.num_nodes)[other.edge_index]
    first, second = hard_pair("hexagon")
    found = separated([(other, moved), (one, one), (first, second)], test).tolist()
    assert found == [False, False, test not in ("1-WL", "2-WL")]
    assert separated([], test).tolist() == []


def test_names() -> None:
    for test in TESTS:
        assert named_test(f"{test}, at most") == test
    assert named_test("2-FWL (= 3-WL)") == named_test("3-WL") == "2-FWL"
    assert named_test("1-WLs") is named_test("") is named_test("polynomials") is None
    with pytest.raises(ValueError, match="did you mean '2-FWL'"):
        separated([], "2-FLW")
