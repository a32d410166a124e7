"""Batches from the disk are those of the loader in memory, and so is what is learned from them."""

import threading

import pytest
import torch

from graphpoly.loader import PackedEpochs, pack_epochs, seeded_epoch

from . import packing

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.int64)


def same_batches(found, wanted, *, order=False):
    """Equal in every field; in the order of the fields, too, where they come from a pair."""
    for one, other in zip(found, wanted, strict=True):
        assert type(one) is type(other)
        for mine, theirs in zip(one.stores, other.stores, strict=True):
            assert mine._key == theirs._key
            assert set(mine.keys()) == set(theirs.keys())
            assert not order or list(mine.keys()) == list(theirs.keys())
            for key, value in theirs.items():
                assert type(mine[key]) is type(value)
                if isinstance(value, torch.Tensor):
                    assert mine[key].dtype == value.dtype
                    assert torch.equal(mine[key], value)
                else:
                    assert mine[key] == value


def pair(tmp_path, dtype=torch.float32, **options):
    """The epochs on the disk, and the loader in memory."""
    store = packing.stored(tmp_path / "store", dtype)
    own = packing.loader(packing.graph(features=False))
    packed = pack_epochs(own, store, tmp_path / "out", **{**packing.OPTIONS, **options})
    return packed, packing.loader(packing.graph(features=True, dtype=dtype))


@pytest.mark.parametrize("cache_bytes", [0, 1600, 10**6])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_batch_of_every_epoch(dtype, cache_bytes, tmp_path):
    packed, memory = pair(tmp_path, dtype, cache_bytes=cache_bytes)
    assert len(packed) == len(memory) == 10
    for epoch in range(2):
        same_batches(packed, seeded_epoch(memory, packing.SEED + epoch))
    with pytest.raises(ValueError, match="epoch: got 2, 2 were packed"):
        iter(packed)
    packed.set_epoch(1)
    same_batches(packed, seeded_epoch(memory, packing.SEED + 1))
    same_batches(packed.batches(1, start=7), seeded_epoch(memory, packing.SEED + 1, start=7))
    assert bool(packed.num_hits) == bool(cache_bytes)


@pytest.mark.parametrize("plain", [False, True])
def test_the_loss_is_the_same_to_the_last_bit(plain, tmp_path):
    packed, memory = pair(tmp_path)
    curves = []
    for disk in (True, False):
        model, optimizer = packing.network()
        model.dropout.p = 0.0 if plain else 0.5  # a plain loop shares its generator with dropout
        curves.append([])
        for epoch in range(2):
            if not disk and plain:
                torch.manual_seed(packing.SEED + epoch)
            in_memory = memory if plain else seeded_epoch(memory, packing.SEED + epoch)
            for batch in packed if disk else in_memory:
                curves[-1].append(packing.step(model, optimizer, batch))
    assert curves[0] == curves[1]
    assert len(set(curves[0])) == 20


def test_bytes_are_counted_as_by_hand(tmp_path):
    packed, memory = pair(tmp_path, cache_bytes=400)
    batches = [[*seeded_epoch(memory, packing.SEED + k)] for k in range(2)]
    counts = sum(torch.bincount(b.n_id, minlength=300) for b in [*batches[0], *batches[1]])
    kept = counts.sort(descending=True, stable=True).indices[:20]  # of 20 bytes each
    assert packed.bytes_read == 20 * (8 + 20)  # their numbers and rows
    rows = [int((~torch.isin(batch.n_id, kept)).sum()) for batch in batches[0]]
    list(packed)
    assert packed.bytes_read == 560 + sum(20 * n + -20 * n % 8 for n in rows)
    assert packed.num_misses == sum(rows)
    assert packed.num_hits == sum(batch.num_nodes for batch in batches[0]) - sum(rows)


def test_a_transform_sees_the_features_and_draws_outside(tmp_path):
    store = packing.stored(tmp_path / "store")

    def noisy(batch):
        batch.x = batch.x + torch.rand(1)
        return batch

    own, memory = (
        packing.loader(packing.graph(features=has), transform=noisy) for has in (False, True)
    )
    packed = pack_epochs(own, store, tmp_path / "out", **packing.OPTIONS)
    torch.manual_seed(3)
    found = list(packed)
    torch.manual_seed(3)
    same_batches(found, seeded_epoch(memory, packing.SEED))


def test_batches_of_one_do_not_share_memory(tmp_path):
    packed, memory = pair(tmp_path)
    for batch in packed:
        batch.x.fill_(float("nan"))
    packed.set_epoch(0)
    same_batches(packed, seeded_epoch(memory, packing.SEED))


@pytest.mark.parametrize("name", ["00000.rows", "00002.rows", "hot.rows", "manifest.json"])
def test_an_altered_byte_is_one_error_and_nothing_wrong_is_given(name, tmp_path):
    packed, memory = pair(tmp_path)
    path = tmp_path / "out" / name
    whole = path.read_bytes()
    wanted = [b for k in range(2) for b in seeded_epoch(memory, packing.SEED + k)]
    flipped = [
        whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :]
        for at in (0, len(whole) // 3, len(whole) // 2, len(whole) - 1)
    ]
    for content in (*flipped, whole[: len(whole) // 2]):
        path.write_bytes(content)
        given = []
        with pytest.raises(ValueError, match=rf"{name}: is (not what was written|altered|cut)"):
            read_all(packed.loader, path.parent, given)
        assert len(given) < len(wanted)
        same_batches(given, wanted[: len(given)])


def read_all(loader, folder, given):
    packed = PackedEpochs(loader, folder)
    for epoch in range(2):
        given.extend(packed.batches(epoch))


def test_another_graph_or_loader_is_refused(tmp_path):
    packed, _ = pair(tmp_path)
    other = packing.graph(features=False)
    other.edge_index = other.edge_index.roll(1, 0)
    message = "loader: epoch 0, batch 0, has sampled what was not packed"
    with pytest.raises(ValueError, match=message):
        next(iter(PackedEpochs(packing.loader(other), tmp_path / "out")))
    with pytest.raises(ValueError, match="loader: has 9 batches an epoch, 10 were packed"):
        PackedEpochs(packing.loader(other, drop_last=True), tmp_path / "out")
    for epoch in (-1, 2):
        with pytest.raises(ValueError, match=f"epoch: got {epoch}, 2 were packed"):
            packed.batches(epoch)
    with pytest.raises(ValueError, match="epoch: got 3"):
        packed.set_epoch(3)
    with pytest.raises(ValueError, match="prefetch: got 0"):
        PackedEpochs(packed.loader, tmp_path / "out", prefetch=0)
    with pytest.raises(FileNotFoundError, match=r"manifest\.json"):
        PackedEpochs(packed.loader, tmp_path)


@pytest.mark.parametrize("prefetch", [1, 3, 50])
def test_batches_are_read_ahead_by_one_thread(prefetch, tmp_path, monkeypatch):
    packed, _ = pair(tmp_path)
    packed.prefetch, asked, real = prefetch, [], packed._reader.read

    def read(*args):
        asked.append(threading.current_thread())
        return real(*args)

    monkeypatch.setattr(packed._reader, "read", read)
    before = set(threading.enumerate())
    for number, _ in enumerate(packed):
        assert len(asked) <= min(number + 1 + prefetch, 10)
        if number == 4:
            break
    assert len(asked) >= 5
    assert len(set(asked)) == 1
    assert asked[0] is not threading.main_thread()
    assert not [t for t in set(threading.enumerate()) - before if t.is_alive()]


def test_what_it_is(tmp_path):
    packed, _ = pair(tmp_path)
    assert repr(packed) == "PackedEpochs(epochs=2, batches=10)"
