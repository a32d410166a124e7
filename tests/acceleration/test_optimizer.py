"""Optimisers given to accelerate: the steps of PyTorch's own, in one pass."""

import copy
import pickle
from unittest import mock

import pytest
import torch
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from graphpoly.acceleration import accelerate, restore
from graphpoly.acceleration.optimizer import AcceleratedAdam


def net(dtype=torch.float64):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).to(
        dtype
    )


def train(model, optimizer, steps=6):
    torch.manual_seed(1)
    dtype = model[0].weight.dtype
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(7, 3, dtype=dtype)).square().sum().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def close(found, wanted, rtol):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=0)


OPTIONS = {
    "plain": {},
    "decay": {"weight_decay": 0.1},
    "amsgrad": {"amsgrad": True, "betas": (0.8, 0.9)},
    "maximize": {"maximize": True, "eps": 1e-4},
}


@pytest.mark.parametrize("kind", [Adam, AdamW])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_steps_are_the_same(kind, options):
    model, twin = net(), net()
    optimizer, plain = (kind(each.parameters(), 0.01, **options) for each in (model, twin))
    report = accelerate(model, optimizer)
    assert report.accelerated == {"optimizer 0": kind.__name__}
    assert optimizer.param_groups[0]["fused"] is True
    close(train(model, optimizer), train(twin, plain), 1e-11)


def by_hand(optimizer, gradients, steps=4):
    (parameter,) = optimizer.param_groups[0]["params"]
    torch.manual_seed(2)
    for _ in range(steps):
        parameter.grad = gradients(parameter)
        optimizer.step()
    return [parameter.detach().clone()]


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


LAYOUTS = {
    "turned parameter": (lambda: drawn(3, 4).t(), lambda _: drawn(4, 3)),
    "turned gradient": (lambda: drawn(4, 3), lambda _: drawn(3, 4).t()),
    "spread gradient": (lambda: drawn(4, 3), lambda _: drawn(4, 1).expand(4, 3)),
    "gradient of a slice": (lambda: drawn(4, 3), lambda _: drawn(4, 6)[:, ::2]),
    "slice": (lambda: drawn(4, 6)[:, ::2], lambda p: drawn(4, 3) * p.detach()),
    "a column": (lambda: drawn(4, 1), lambda _: drawn(1, 4).t()),
    "of no rows": (lambda: drawn(0, 3), lambda _: drawn(3, 0).t()),
}


@pytest.mark.parametrize("options", [{}, {"amsgrad": True}], ids=["plain", "amsgrad"])
@pytest.mark.parametrize(("value", "gradients"), LAYOUTS.values(), ids=LAYOUTS)
def test_whatever_the_order_in_memory(value, gradients, options):
    found = []
    for fast in (True, False):
        torch.manual_seed(0)
        optimizer = Adam([torch.nn.Parameter(value())], 0.1, **options)
        if fast:
            assert accelerate(net(), optimizer).accelerated
        found.append(by_hand(optimizer, gradients))
    close(*found, 1e-11)


def test_moments_in_another_order():
    model, twin = net(), net()
    optimizer, plain = (Adam(each.parameters(), 0.01) for each in (model, twin))
    accelerate(model, optimizer)
    for each, its in ((model, optimizer), (twin, plain)):
        train(each, its, 2)
        each[0].weight.data = each[0].weight.data.t().contiguous().t()
        train(each, its, 2)
    close(list(model.parameters()), list(twin.parameters()), 1e-11)


def test_groups_schedules_and_steps_taken_before():
    model, twin = net(), net()
    found = []
    for each in (model, twin):
        groups = [{"params": each[0].parameters(), "lr": 0.1}, {"params": each[2].parameters()}]
        optimizer = Adam(groups, 0.01)
        train(each, optimizer, 3)
        if each is model:
            accelerate(model, optimizer)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        for _ in range(3):
            found.append(train(each, optimizer, 2))
            schedule.step()
    for fused, plain in zip(found[:3], found[3:], strict=True):
        close(fused, plain, 1e-11)


def test_a_state_saved_without_it():
    model, twin = net(), net()
    plain = Adam(twin.parameters(), 0.01)
    train(twin, plain, 3)
    optimizer = Adam(model.parameters(), 0.01)
    accelerate(model, optimizer)
    model.load_state_dict(twin.state_dict())
    optimizer.load_state_dict(
        copy.deepcopy(plain.state_dict())
    )  # with it comes the choice of passes
    assert optimizer.param_groups[0]["fused"] is None
    assert accelerate(model, optimizer).accelerated == {"optimizer 0": "Adam"}
    assert optimizer.param_groups[0]["fused"] is True
    close(train(model, optimizer, 3), train(twin, plain, 3), 1e-11)


def test_left_alone_and_why():
    model = net()
    for options in ({"foreach": True}, {"foreach": False}, {"fused": False}, {"fused": True}):
        optimizer = Adam(model.parameters(), **options)
        before = copy.deepcopy(optimizer.param_groups[0])
        report = accelerate(model, optimizer)
        (name, value), *_ = options.items()
        assert report.left_alone == {
            "optimizer 0": f"Adam: {name}={value}: made with a choice of its own"
        }
        assert optimizer.param_groups[0]["fused"] is before["fused"]

    def left(optimizer):
        report = accelerate(model, optimizer)
        assert not report.accelerated
        assert not optimizer.param_groups[0].get("fused")
        return report.left_alone["optimizer 0"]

    assert "differentiable=True" in left(Adam(model.parameters(), differentiable=True))
    assert "capturable=True" in left(Adam(model.parameters(), capturable=True))
    assert "lr: a tensor" in left(Adam(model.parameters(), torch.tensor(0.1), foreach=None))
    assert left(SGD(model.parameters(), 0.1)) == "SGD: Adam and AdamW are accelerated"
    assert left(RMSprop(model.parameters())) == "RMSprop: Adam and AdamW are accelerated"
    assert "of torch.bfloat16" in left(Adam(net(torch.bfloat16).parameters()))
    assert "on meta" in left(Adam(net().to("meta").parameters()))
    assert "of torch.complex64" in left(Adam([torch.zeros(2, dtype=torch.complex64)]))

    class Own(Adam):
        pass

    assert left(Own(model.parameters())) == "Own: Adam and AdamW are accelerated"


def test_one_group_that_cannot_keeps_all():
    model = net()
    wide = [{"params": model[0].parameters()}, {"params": net(torch.bfloat16).parameters()}]
    optimizer = Adam(wide)
    assert not accelerate(model, optimizer).accelerated
    assert [group["fused"] for group in optimizer.param_groups] == [None, None]


def test_a_group_that_comes_later():
    model = net()
    optimizer = Adam(model[0].parameters())
    accelerate(model, optimizer)
    optimizer.add_param_group({"params": model[2].parameters()})
    assert accelerate(model, optimizer).accelerated == {"optimizer 0": "Adam"}
    assert [group["fused"] for group in optimizer.param_groups] == [True, True]
    optimizer.add_param_group({"params": net(torch.bfloat16).parameters()})
    assert restore(model, optimizer) == ["optimizer 0"]
    assert [group["fused"] for group in optimizer.param_groups] == [None, None, None]


@pytest.mark.parametrize("way", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_are_accelerated(way):
    model = net()
    optimizer = AdamW(model.parameters())
    accelerate(model, optimizer)
    assert str(optimizer).startswith("AdamW (")
    other = way(optimizer)
    assert accelerate(model, other).accelerated == {"optimizer 0": "AdamW"}
    assert restore(model, other) == ["optimizer 0"]
    assert type(other) is AdamW
    assert optimizer.param_groups[0]["fused"] is True


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_short_way_is_that_of_pytorch_to_the_bit(options):
    """Its own fused optimiser, with some parameters frozen, groups, and a change of the rate."""
    model, twin = net(), net()
    found = []
    for each in (model, twin):
        groups = [{"params": each[0].parameters(), "lr": 0.1}, {"params": each[2].parameters()}]
        optimizer = Adam(groups, 0.01, fused=None if each is model else True, **options)
        if each is model:
            accelerate(model, optimizer)
        train(each, optimizer, 1)
        sorted_tensors = Optimizer._group_tensors_by_device_and_dtype  # each step of PyTorch's does
        with mock.patch.object(
            Optimizer, "_group_tensors_by_device_and_dtype", side_effect=sorted_tensors
        ) as way:
            train(each, optimizer, 2)
            each[0].bias.requires_grad_(False)
            optimizer.param_groups[1]["lr"] *= 0.5
            train(each, optimizer, 2)
            assert way.called is (each is twin)
        state = optimizer.state_dict()["state"]
        found.append(
            [*each.parameters(), *(value for one in state.values() for value in one.values())]
        )
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


SCALED = {
    "accelerated": lambda model: accelerate(model, made := Adam(model.parameters(), 0.01)) and made,
    "made so": lambda model: AcceleratedAdam(model.parameters(), 0.01, fused=True),
    "of PyTorch": lambda model: Adam(model.parameters(), 0.01, fused=True),
}


def test_gradients_that_are_scaled_and_skipped():
    found = []
    for make in SCALED.values():
        model = net(torch.float32)
        optimizer = make(model)
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        for step in range(4):
            optimizer.zero_grad()
            loss = model(torch.ones(2, 3)).sum() * (torch.inf if step == 1 else 1)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        steps = {float(one["step"]) for one in optimizer.state_dict()["state"].values()}
        assert steps == {3.0}
        found.append(list(model.parameters()))
    for others in found[1:]:
        assert all(torch.equal(*pair) for pair in zip(found[0], others, strict=True))


def test_sparse_gradients_are_refused_in_pytorchs_words():
    table = torch.nn.Embedding(3, 2)
    optimizer = Adam(table.parameters())
    accelerate(table, optimizer)
    for _ in range(2):
        table(torch.tensor([1])).sum().backward()
        optimizer.step()
    table.weight.grad = torch.eye(3, 2).to_sparse()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()


def test_parameters_of_two_types_in_one_group():
    found = []
    for fast in (True, False):
        model, wide = net(torch.float32), net()
        optimizer = Adam([*model.parameters(), *wide.parameters()], 0.01)
        if fast:
            accelerate(model, optimizer)
        for _ in range(3):
            for each in (model, wide):
                each(torch.ones(2, 3, dtype=each[0].weight.dtype)).sum().backward()
            optimizer.step()
        found.append([*model.parameters(), *wide.parameters()])
    close(*found, 1e-5)


def test_compiled_steps_are_the_same():
    model, twin = net(), net()
    optimizer, plain = (Adam(each.parameters(), 0.01) for each in (model, twin))
    accelerate(model, optimizer)
    optimizer.step = torch.compile(optimizer.step, backend="eager")
    close(train(model, optimizer), train(twin, plain), 1e-11)


def test_restored():
    model = net()
    optimizer = AdamW(model.parameters())
    kept = copy.deepcopy(optimizer.state_dict()["param_groups"])
    accelerate(model, optimizer)
    assert restore(model, optimizer) == ["optimizer 0"]
    assert optimizer.state_dict()["param_groups"] == kept
    assert restore(model, optimizer) == []
    assert accelerate(model, optimizer).accelerated == {"optimizer 0": "AdamW"}


def test_the_state_dict_has_the_same_names():
    model, twin = net(), net()
    optimizer, plain = Adam(model.parameters()), Adam(twin.parameters())
    accelerate(model, optimizer)
    train(model, optimizer)
    train(twin, plain)
    found, wanted = optimizer.state_dict(), plain.state_dict()
    assert found.keys() == wanted.keys()
    assert found["param_groups"][0].keys() == wanted["param_groups"][0].keys()
    assert found["state"][0].keys() == wanted["state"][0].keys()
    assert float(found["state"][0]["step"]) == float(wanted["state"][0]["step"])
