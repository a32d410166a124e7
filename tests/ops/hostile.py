"""Calls of every operator with arguments that do not fit, for children that may die of them.

``python -m tests.ops.hostile SEED FIRST LAST`` runs the cases FIRST to LAST - 1 and prints a line
before and after each. A case is a function of the seed and its number alone.
"""

from __future__ import annotations

import faulthandler
import random
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from graphpoly import ops
from graphpoly.errors import ConvergenceError
from graphpoly.ops import CSR
from tests.ops.hostile_calls import RECIPES
from tests.ops.hostile_draw import Draw

MEMORY = 6 * 2**30  # bytes that a child may map: more than any case needs, less than a machine has
SECONDS = 30  # for one case
ALLOWED = (ValueError, TypeError, ConvergenceError)

WIDE = (-(2**63), -(2**32), -(2**31) - 1, -1, 2**31 - 1, 2**31, 2**32 + 1, 2**40, 2**63 - 1)
SIZES: tuple[Any, ...] = (*WIDE, 0, 1, 2, 3, 2**62, 2**64, 2.5, "3", None)
# how long to go on: a large number is not wrong, and takes its time
STEPS: tuple[Any, ...] = (-(2**40), -1, 0, 1, 2, 2.5, "3")
DURATIONS = (
    *("steps", "rounds", "iterations", "max_iterations", "hops", "limit", "degree", "portion"),
    *("num_edges", "power", "power_steps"),
)


def _spoiled_tensor(d: Draw, tensor: Tensor) -> Tensor:
    rng, integer = d.rng, not tensor.is_floating_point()
    ways: list[Callable[[Tensor], Tensor]] = [
        lambda t: t.unsqueeze(0),
        lambda t: t.unsqueeze(-1),
        lambda t: t.reshape(-1),
        lambda t: t.sum(),
        lambda t: torch.cat([t, t], 0) if t.dim() else t,
        lambda t: t[:-1] if t.dim() else t,
        lambda t: t[:0] if t.dim() else t,
        lambda t: t.transpose(0, -1) if t.dim() else t,
        lambda t: t[..., :-1] if t.dim() else t,
        lambda t: t.to("meta"),
    ]
    if integer:
        ways += [_with_value(rng, w) for w in WIDE] * 2
        ways += [lambda t: t.to(torch.int32), lambda t: t.double(), lambda t: t.bool()]
        ways += [lambda t: t.flip(-1) if t.dim() else t, lambda t: t.to(torch.int16)]
    else:
        ways += [lambda t: t.expand(3, *t.shape), lambda t: t.to(torch.complex64)]
    return rng.choice(ways)(tensor)


def _with_value(rng: random.Random, value: int) -> Callable[[Tensor], Tensor]:
    def write(tensor: Tensor) -> Tensor:
        wide = tensor.long().clone(memory_format=torch.contiguous_format)
        if wide.numel():
            wide.view(-1)[rng.randrange(wide.numel())] = value
        return wide

    return write


def _spoiled_csr(d: Draw, adj: CSR) -> CSR:
    fields = dict(adj._asdict())
    names = [name for name in fields if fields[name] is not None]
    name = d.rng.choice(names)
    if name == "transposed":
        turn = list(fields[name])
        place = d.rng.randrange(3)
        turn[place] = _spoiled_tensor(d, turn[place])
        fields[name] = tuple(turn)
    elif name == "num_cols":
        fields[name] = d.rng.choice((adj.num_cols + 1, adj.num_cols - 1, *SIZES))
    else:
        fields[name] = _spoiled_tensor(d, fields[name])
    return CSR(**fields)


def _spoiled(d: Draw, key: str, value: Any) -> Any:
    rng = d.rng
    if key in DURATIONS:
        return rng.choice(STEPS)
    if isinstance(value, CSR):
        other = ops.to_csr(d.index(8, d.n + 1).view(2, -1), None, d.n + 1)
        return other if rng.random() < 0.2 else _spoiled_csr(d, value)
    if isinstance(value, Tensor):
        return _spoiled_tensor(d, value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice(SIZES)
    if isinstance(value, float):
        return rng.choice((-1.0, 0.0, 2.0, 1e300, -1e300))
    if isinstance(value, str):
        return rng.choice(("", "nothing", value.upper()))
    if value is None:
        return rng.choice((d.normal(d.n), d.index(d.n, 2), d.index(d.n + 1, 9)))
    if isinstance(value, tuple) and type(value) is tuple:
        return rng.choice(((), value[:-1], (*value, 1), tuple(-1 for _ in value)))
    return value


def case(seed: int, number: int) -> tuple[str, Callable[..., Any], dict[str, Any]]:
    """Draw a call: of its arguments none to three are spoiled."""
    rng = random.Random(f"{seed}-{number}")
    name = rng.choice(sorted(RECIPES))
    draw = Draw(rng)
    function, arguments = RECIPES[name](draw)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        key = rng.choice(sorted(arguments))
        arguments[key] = _spoiled(draw, key, arguments[key])
    return name, function, arguments


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _tensors(one)


def _has_nan(value: Any) -> bool:
    return any(
        bool(t.isnan().any())
        for t in _tensors(value)
        if t.layout == torch.strided and not t.is_meta and (t.is_floating_point() or t.is_complex())
    )


def run(seed: int, number: int) -> str:
    """Run one case; say what is wrong with what came of it, or nothing."""
    try:
        name, function, arguments = case(seed, number)
    except ALLOWED:  # the constructor of an operator has refused already
        return ""
    try:
        out = function(**arguments)
    except ALLOWED as error:
        return "" if str(error) else f"{name}: an error without a word"
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        return f"{name}: {type(error).__name__}: {text[:160]}"
    sizes = [abs(v) for v in arguments.values() if isinstance(v, float)]
    if _has_nan(out) and not _has_nan(arguments) and max(sizes, default=0) < 1e6:
        return f"{name}: NaN out of finite arguments"
    return ""


def main() -> None:
    seed, first, last = (int(word) for word in sys.argv[1:4])
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, last):
        sys.stdout.write(f"start {number}\n")
        sys.stdout.flush()
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        verdict = run(seed, number)
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(f"done {number} {verdict}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
