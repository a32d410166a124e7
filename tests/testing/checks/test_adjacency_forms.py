import pytest
from torch_geometric import EdgeIndex

from graphpoly.testing.checks import adjacency_forms
from tests.testing.checks.sound_conv import SoundConv, expect_broken, promised


class UntransposedConv(SoundConv):
    def from_sparse(self, adj_t):
        edge_index, edge_weight = super().from_sparse(adj_t)
        return edge_index.flip(0), edge_weight


class MisalignedConv(SoundConv):
    """Sorts an EdgeIndex and leaves the weights behind."""

    def forward(self, x, edge_index, edge_weight=None):
        if isinstance(edge_index, EdgeIndex):
            edge_index = edge_index.sort_by("col").values
        return super().forward(x, edge_index, edge_weight)


class DenseOnlyConv(SoundConv):
    def from_sparse(self, adj_t):
        raise NotImplementedError("no sparse matrices")


class ValuelessConv(SoundConv):
    def from_sparse(self, adj_t):
        return super().from_sparse(adj_t)[0], None


class ChoosyConv(SoundConv):
    def forward(self, x, edge_index, edge_weight=None):
        if edge_index.is_sparse or edge_index.is_sparse_csr:
            edge_weight = None
        return super().forward(x, edge_index, edge_weight)


class SpeechlessConv(SoundConv):
    def forward(self, x, edge_index, edge_weight=None):
        if edge_index.is_sparse_csr and edge_weight is not None:
            raise ValueError
        return super().forward(x, edge_index, edge_weight)


class AssertingConv(SoundConv):
    def forward(self, x, edge_index, edge_weight=None):
        assert not (edge_index.is_sparse_csr and edge_weight is not None)
        return super().forward(x, edge_index, edge_weight)


class DetachedConv(SoundConv):
    def from_sparse(self, adj_t):
        return super().from_sparse(adj_t.detach())


class HalfGradientConv(SoundConv):
    """Passes half of the gradient to a leaf."""

    def from_sparse(self, adj_t):
        edge_index, edge_weight = super().from_sparse(adj_t)
        if adj_t.is_leaf:
            return edge_index, 0.5 * edge_weight + 0.5 * edge_weight.detach()
        return edge_index, edge_weight


class ForgetfulLeafConv(SoundConv):
    def from_sparse(self, adj_t):
        return super().from_sparse(adj_t.detach() if adj_t.is_leaf else adj_t)


BROKEN = [
    (DetachedConv, "sparse_gradients", "directed: the values of a CSR adj_t get no gradient"),
    (HalfGradientConv, "sparse_gradients", "directed: gradient of a leaf CSR adj_t"),
    (ForgetfulLeafConv, "sparse_gradients", "directed: a leaf CSR adj_t gets no gradient"),
    (UntransposedConv, "adjacency_forms", "directed: CSR adj_t of ones and edge_index"),
    (MisalignedConv, "adjacency_forms", "EdgeIndex and edge_index"),
    (DenseOnlyConv, "adjacency_forms", "raised NotImplementedError: no sparse matrices"),
    (ValuelessConv, "sparse_weights", "directed: CSR adj_t with values and edge_weight"),
    (ChoosyConv, "weights_given_twice", "were accepted together"),
    (SpeechlessConv, "weights_given_twice", "ValueError without a message"),
    (AssertingConv, "weights_given_twice", "raised AssertionError"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layer(cls, name, words):
    expect_broken(cls, name, words)


def test_each_property_can_fail():
    assert {name for _, name, _ in BROKEN} == promised(adjacency_forms)
