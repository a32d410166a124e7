from itertools import product

import pytest
import torch

from graphpoly.ops import edge_vectors, to_csr
from graphpoly.testing import assert_close
from tests.conftest import DEVICE
from tests.ops.graphs import random_csr

CELLS = {
    "cubic": torch.eye(3) * 4,
    "rectangular": torch.diag(torch.tensor([3.0, 5.0, 8.0])),
    "skewed": torch.tensor([[4.0, 0.0, 0.0], [1.5, 4.0, 0.0], [-1.0, 0.8, 5.0]]),
    "left-handed": torch.tensor([[0.0, 4.0, 0.5], [4.0, 0.0, 0.0], [0.0, 1.0, 4.0]]),
}


def drawn(num_nodes, dim=3, seed=0):
    return torch.randn(num_nodes, dim, generator=torch.manual_seed(seed), dtype=torch.float64)


def nearest(difference, cell):
    """The shortest of the 27 images in the neighbouring cells."""
    images = [
        difference + torch.tensor(n, dtype=torch.float64) @ cell
        for n in product((-1, 0, 1), repeat=3)
    ]
    return min(images, key=lambda image: float(image.norm()))


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
def test_targets_less_sources(dim):
    adj = random_csr((9, 9, 40), weighted=False)
    pos = drawn(9, dim)
    expected = pos[adj.rows().long()] - pos[adj.col.long()]
    assert torch.equal(edge_vectors(adj, pos), expected)


@pytest.mark.parametrize("name", CELLS)
def test_the_image_is_the_nearest_of_27(name):
    cell = CELLS[name].double()
    # points near one another, of which each lies in a cell of its own
    height = 1 / torch.linalg.inv(cell).norm(dim=0).max()
    near = (torch.rand(12, 3, generator=torch.manual_seed(1), dtype=torch.float64) - 0.5) * 0.45
    where = torch.randint(-1, 1, (12, 3), generator=torch.manual_seed(2)).double()
    pos = near * height + where @ cell
    adj = random_csr((12, 12, 60), weighted=False)
    got = edge_vectors(adj, pos, cell=cell)
    moved = 0
    for e, (i, j) in enumerate(zip(adj.rows().tolist(), adj.col.tolist(), strict=True)):
        assert_close(got[e], nearest(pos[i] - pos[j], cell))
        moved += int((pos[i] - pos[j] - got[e]).norm() > 1)
    assert moved > 20
    assert_close(edge_vectors(adj, pos + 3 * cell[0] - cell[2], cell=cell), got)


def test_every_graph_has_its_own_cell():
    cells = torch.stack([CELLS["cubic"], CELLS["skewed"]]).double()
    pairs = torch.tensor([[0, 1, 2, 3, 4, 2], [1, 2, 0, 4, 3, 1]])
    pos, batch = 6 * drawn(5), torch.tensor([0, 0, 0, 1, 1])
    both = edge_vectors(to_csr(pairs, num_nodes=5), pos, cell=cells, batch=batch)
    first, second = to_csr(pairs[:, [0, 1, 2, 5]]), to_csr(pairs[:, 3:5] - 3)
    alone = [
        edge_vectors(first, pos[:3], cell=cells[0]),
        edge_vectors(second, pos[3:], cell=cells[1:]),
    ]
    assert_close(both, torch.cat(alone))


@pytest.mark.parametrize("several", [False, True])
def test_gradients(several):
    adj = to_csr(torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 0]]), transposed=True)
    cell = CELLS["skewed"].double()
    batch = torch.tensor([0, 0, 1, 1]) if several else None
    cell = (torch.stack([cell, 1.5 * cell]) if several else cell).requires_grad_()
    pos = (5 * drawn(4)).requires_grad_()

    def function(pos, cell):
        return edge_vectors(adj, pos, cell=cell, batch=batch).sin()

    assert torch.autograd.gradcheck(function, (pos, cell))
    assert torch.autograd.gradgradcheck(function, (pos, cell))


def test_autocast_does_not_round_positions():
    adj = random_csr((9, 9, 40), weighted=False)
    pos, cell = 20 * drawn(9).float(), CELLS["skewed"]
    plain = edge_vectors(adj, pos, cell=cell)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(edge_vectors(adj, pos, cell=cell), plain)


REFUSED = {
    r"pos: got shape \(3,\), expected \[3, \*\]": {"pos": torch.zeros(3)},
    r"pos: got shape \(4, 3\), expected \[3, \*\]": {"pos": torch.zeros(4, 3)},
    r"pos: got dtype torch.int64": {"pos": torch.zeros(3, 3).long()},
    r"cell: got shape \[2, 2\], expected \[3, 3\] or one": {"cell": torch.eye(2)},
    r"cell: got dtype torch.int64": {"cell": torch.eye(3).long()},
    r"cell: got vectors that span no volume": {"cell": torch.ones(3, 3)},
    r"batch: got None, needed for the cells of 2 graphs": {"cell": torch.eye(3).repeat(2, 1, 1)},
    r"batch: got 0 to 2, expected indices in \[0, 2\)": {
        "cell": torch.eye(3).repeat(2, 1, 1),
        "batch": torch.tensor([0, 1, 2]),
    },
    f"batch: got a tensor on meta, the operator is on {DEVICE}": {
        "cell": torch.eye(3).repeat(2, 1, 1),
        "batch": torch.tensor([0, 1, 1], device="meta"),
    },
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_fit_is_refused_by_name(words):
    adj = to_csr(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    given = {"pos": torch.zeros(3, 3), **REFUSED[words]}
    with pytest.raises((ValueError, TypeError), match=words):
        edge_vectors(adj, **given)
