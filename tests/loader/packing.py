"""Epochs to pack and a network to train on them; as a script, it kills its children on the way.

    python -m tests.loader.packing FOLDER

Packing is killed at every place where it waits for the disk, training after every third step.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.nn import GraphSAGE

from graphpoly.files import replacing, write_atomically
from graphpoly.loader import DiskFeatures, NeighborLoader, PackedEpochs, pack_epochs

NODES, SEED, EPOCHS = 300, 7, 2
OPTIONS: dict[str, Any] = {
    "epochs": EPOCHS,
    "seed": SEED,
    "cache_bytes": 1600,
    "buffer_bytes": 2**13,
}


def graph(*, features: bool, dtype: torch.dtype = torch.float32) -> Data:
    """Return a graph, with its features or without; targets gather around the first nodes."""
    generator = torch.Generator().manual_seed(0)
    source, target = torch.randint(NODES, (2, 1500), generator=generator)
    data = Data(edge_index=torch.stack([source, target * target // NODES]), num_nodes=NODES)
    data.y = torch.arange(NODES) % 4
    data.edge_attr = torch.arange(1500)
    x = torch.randn(NODES, 5, generator=generator).mul(9).to(dtype)
    return data.update({"x": x}) if features else data


def loader(data: Any, **kwargs: Any) -> NeighborLoader:
    """Return a loader of either."""
    return NeighborLoader(data, [4, 3], batch_size=32, shuffle=True, **kwargs)


def stored(folder: Path, dtype: torch.dtype = torch.float32) -> DiskFeatures:
    """Write the features."""
    store = DiskFeatures(folder)
    store.put_tensor(graph(features=True, dtype=dtype).x, None, "x", None)
    return store


def network() -> tuple[GraphSAGE, torch.optim.Optimizer]:
    """Return a network with dropout, and its optimiser."""
    torch.manual_seed(1)
    model = GraphSAGE(5, 8, num_layers=2, out_channels=4, dropout=0.5)
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def step(model: GraphSAGE, optimizer: torch.optim.Optimizer, batch: Any) -> float:
    """Train on a batch, and return the loss."""
    optimizer.zero_grad()
    out = model(batch.x, batch.edge_index)[: batch.batch_size]
    loss = F.cross_entropy(out, batch.y[: batch.batch_size])
    loss.backward()
    optimizer.step()
    return loss.item()


def train(epochs: PackedEpochs, path: Path) -> None:
    """Train to the end from where a checkpoint is, and die after three steps."""
    model, optimizer = network()
    losses: list[float] = []
    if path.exists():
        held = torch.load(path)
        losses = held["losses"]
        model.load_state_dict(held["model"])
        optimizer.load_state_dict(held["optimizer"])
        torch.set_rng_state(held["rng"])
    done, begin = len(losses), divmod(len(losses), len(epochs))
    batches = (
        batch
        for epoch in range(begin[0], EPOCHS)
        for batch in epochs.batches(epoch, begin[1] if epoch == begin[0] else 0)
    )
    for batch in batches:
        if len(losses) == done + 3:
            os.kill(os.getpid(), signal.SIGKILL)
        losses.append(step(model, optimizer, batch))
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        with replacing(path) as temporary:
            torch.save({**state, "rng": torch.get_rng_state(), "losses": losses}, temporary)


def killed(child: Callable[[], object]) -> bool:
    """Run something in a child, and tell whether it was killed."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    if os.WEXITSTATUS(status):
        raise RuntimeError("the child failed")
    return False


def dying(number: int) -> None:
    """Die when the disk is waited for the n-th time, the file half there."""
    real, count = os.fsync, 0

    def fsync(handle: int) -> None:
        nonlocal count
        count += 1
        if count == number:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode):
                os.ftruncate(handle, status.st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        real(handle)

    os.fsync = fsync


def kill_packing(folder: Path, store: DiskFeatures) -> Iterator[str]:
    """Kill it at every place, finish it, and tell what a reader said in between."""
    own = loader(graph(features=False))
    pack_epochs(own, store, folder / "whole", **OPTIONS)
    for number in itertools.count(1):
        out = folder / f"killed {number}"

        def pack(out: Path = out, number: int = number) -> None:
            dying(number)
            pack_epochs(own, store, out, **OPTIONS)

        if not killed(pack):
            return
        try:
            PackedEpochs(own, out)
            yield "complete"
        except (FileNotFoundError, ValueError) as error:
            yield type(error).__name__
        pack_epochs(own, store, out, **OPTIONS)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    said = list(kill_packing(folder, stored(folder / "store")))
    packed = PackedEpochs(loader(graph(features=False)), folder / "whole")
    deaths = 0
    while killed(lambda: train(packed, folder / "checkpoint.pt")):
        deaths += 1
    write_atomically(folder / "said.json", json.dumps({"packing": said, "training": deaths}))
