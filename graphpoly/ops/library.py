"""The operator schemas, in one place.

Every operator lives under ``graphpoly::``. Its plain-PyTorch reference is the kernel of last resort
(``CompositeExplicitAutograd``); the C++ extension registers the ``CPU`` key on top of it, so the
dispatcher alone decides which backend runs. Autograd and shape inference are registered here in
Python and hold for every backend.

Arguments that recur:

* ``rowptr [R+1], col [E]``: the operator in compressed rows, a row for each target node; both
  int32 or both int64. ``weight [E]``: its values in the same order, or None for ones.
* ``colptr [C+1], row [E], tperm [E]``: its transpose in compressed rows. Row ``j`` lists the
  targets that node ``j`` sends to, and ``tperm`` says where each entry stands in ``col``.
  Optional: only the backward pass reads them, and makes them where they are None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from types import SimpleNamespace
from typing import Any

import torch
from torch import _C, Tensor
from torch.autograd import forward_ad
from torch.overrides import has_torch_function

import graphpoly.ops._extension as _extension

try:
    from torch._functorch.utils import enable_single_level_autograd_function as _single_level
    from torch.autograd.function import _SingleLevelFunction
except ImportError:
    _single_level = None  # type: ignore[assignment]

__all__ = [
    "SCHEMAS",
    "call",
    "check_devices",
    "differentiated",
    "direct",
    "implement",
    "interruptible",
    "is_short",
]

# what the short way to a gradient needs of PyTorch's insides; without it, the public way
_LEAN = None not in (_single_level, getattr(forward_ad, "_current_level", None)) and all(
    hasattr(_C, name)
    for name in (
        "_AutoDispatchBelowAutograd",
        "_after_autograd_keyset",
        "_any_requires_grad",
        "_are_functorch_transforms_active",
        "_get_tracing_state",
        "_len_torch_dispatch_stack",
    )
)
_FUNCTIONS: dict[Any, Any] = {}  # how an operator gets its gradient, past the dispatcher

_TRANSPOSE = "Tensor? colptr, Tensor? row, Tensor? tperm"
_SCORES = (
    "Tensor rowptr, Tensor col, Tensor target, Tensor source, Tensor value, Tensor? edge,"
    " Tensor? att, Tensor? seed"
)
_SCORE_RULE = "bool additive, float scale, float slope, float dropout"
_PAIRS = "Tensor rowptr_a, Tensor col_a, Tensor rowptr_b, Tensor col_b, Tensor u, Tensor v"
_FORWARD = "Tensor x, Tensor? weight, Tensor? bias, Tensor? scale, Tensor? shift, Tensor last"
_MAPS = "Tensor weight, Tensor? bias, Tensor? scale, Tensor? shift"
_KEPT = "Tensor before, Tensor active, Tensor mean, Tensor var"
_SCAN = "Tensor ptr, Tensor x, Tensor delta, Tensor A, Tensor B, Tensor C"
_EDGES = (
    "Tensor rowptr, Tensor col, Tensor x, Tensor carried, Tensor weight, Tensor? bias, Tensor last,"
    " Tensor? last_bias"
)
_GRAPHS = "Tensor rowptr, Tensor col, Tensor ptr"  # sorted rows of simple undirected graphs; int64

SCHEMAS = {
    "coo_to_csr": "(Tensor row, Tensor col, SymInt num_rows, SymInt num_cols, bool narrow=False)"
    " -> (Tensor rowptr, Tensor col, Tensor perm)",
    "transposed_rows": "(Tensor rowptr, Tensor col, SymInt num_cols)"
    " -> (Tensor colptr, Tensor row, Tensor tperm)",
    "degree_weights": "(Tensor rowptr, Tensor col, Tensor? perm, SymInt num_edges, int loops,"
    " int rule, bool wide) -> Tensor",
    "turned_weight": "(Tensor? weight, Tensor row, Tensor tperm, Tensor? rowptr, bool wide)"
    " -> Tensor",
    "checked_rows": "(Tensor rowptr, Tensor col, SymInt num_cols, bool narrow)"
    " -> (Tensor rowptr, Tensor col)",
    "gather_parts": "(Tensor value, Tensor bounds, Tensor? step, Tensor chosen, int dim)"
    " -> (Tensor out, Tensor offsets, Tensor raised)",
    "gather_columns": "(Tensor chosen, Tensor[] value, Tensor[] bounds, Tensor?[] step, int[] dim,"
    " Tensor? nodes) -> Tensor[]",
    "number_keys": "(Tensor known, Tensor found) -> (Tensor number, Tensor first)",
    "sample_neighbors": "(Tensor rowptr, Tensor node, int count, bool replace, bool last,"
    " Tensor? weight, Tensor? time, Tensor? until, SymInt num_entries, int seed)"
    " -> (Tensor entry, Tensor offsets, Tensor owner)",
    "take_and_number": "(Tensor known, Tensor value, Tensor place, SymInt num_keys)"
    " -> (Tensor number, Tensor key)",
    "take_numbers": "(Tensor value, Tensor place) -> Tensor",
    "spmm_sum": f"(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, {_TRANSPOSE}, bool mean)"
    " -> Tensor",
    "spmm_max": f"(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, {_TRANSPOSE}, bool largest)"
    " -> (Tensor out, Tensor arg)",
    "spmm_max_backward": "(Tensor colptr, Tensor row, Tensor tperm, Tensor? weight, Tensor grad,"
    " Tensor arg) -> Tensor",
    "pool_sum": "(Tensor x, Tensor index, SymInt size, bool mean) -> Tensor",
    "sddmm": f"(Tensor rowptr, Tensor col, Tensor a, Tensor b, {_TRANSPOSE}) -> Tensor",
    "block_spmm": "(Tensor rowptr, Tensor col, Tensor blocks, Tensor x, Tensor? order,"
    f" {_TRANSPOSE}, bool adjoint) -> Tensor",
    "block_sddmm": f"(Tensor rowptr, Tensor col, Tensor a, Tensor b, {_TRANSPOSE}, bool diagonal)"
    " -> Tensor",
    "entry_sum": f"(Tensor rowptr, Tensor col, Tensor a, Tensor b, {_TRANSPOSE}) -> Tensor",
    "householder_transport": "(Tensor a, Tensor b, int size) -> Tensor",
    "householder_transport_backward": "(Tensor a, Tensor b, Tensor grad, int size)"
    " -> (Tensor, Tensor)",
    "restriction_products": "(Tensor target, Tensor source) -> (Tensor own, Tensor carried)",
    "restriction_products_backward": "(Tensor target, Tensor source, Tensor grad_own,"
    " Tensor grad_carried) -> (Tensor, Tensor)",
    "matrix_root": "(Tensor matrix) -> Tensor",
    "sylvester": "(Tensor root, Tensor right) -> Tensor",
    "connection": "(Tensor rowptr, Tensor col, Tensor x, int rank, Tensor? graph, bool borrow)"
    " -> Tensor",
    "column_space": "(Tensor rowptr, Tensor col, Tensor? weight, int rank, int iterations,"
    f" int seed, Tensor? graph, SymInt num_graphs, {_TRANSPOSE}) -> Tensor",
    "lanczos": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, int K, Tensor? graph,"
    f" SymInt num_graphs, float rounding, {_TRANSPOSE}) -> (Tensor basis, Tensor hessenberg)",
    "lanczos_backward": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor basis,"
    " Tensor hessenberg, Tensor x, Tensor? graph, SymInt num_graphs, Tensor grad_basis,"
    f" Tensor grad_hessenberg, {_TRANSPOSE}) -> (Tensor grad_x, Tensor adjoint)",
    "lanczos_filter": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor theta,"
    f" Tensor? graph, SymInt num_graphs, float rounding, {_TRANSPOSE})"
    " -> (Tensor z, Tensor basis, Tensor hessenberg)",
    "lanczos_filter_backward": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor theta,"
    " Tensor? graph, SymInt num_graphs, Tensor basis, Tensor hessenberg, Tensor grad,"
    f" {_TRANSPOSE}) -> (Tensor grad_x, Tensor grad_theta)",
    "polynomial": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor theta,"
    f" Tensor recurrence, {_TRANSPOSE}) -> Tensor",
    "polynomial_moments": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor theta,"
    f" Tensor recurrence, Tensor y, {_TRANSPOSE}) -> (Tensor z, Tensor moments)",
    "resolvent_solve": "(Tensor rowptr, Tensor col, Tensor weight, Tensor x, Tensor? block,"
    " SymInt num_blocks, bool dense, float tolerance, int max_iterations)"
    " -> (Tensor solution, Tensor residual)",
    "count_paths": "(Tensor rowptr, Tensor col, int longest, int kind) -> Tensor",
    "enumerate_paths": "(Tensor rowptr, Tensor col, int shortest, int longest, int kind, int seed,"
    " int max_paths, bool distances, Tensor? chosen) -> (Tensor count, Tensor path,"
    " Tensor distance)",
    "attention": f"({_SCORES}, {_TRANSPOSE}, {_SCORE_RULE}) -> (Tensor out, Tensor lse)",
    "attention_backward": f"({_SCORES}, Tensor colptr, Tensor row, Tensor tperm, {_SCORE_RULE},"
    " Tensor out, Tensor lse, Tensor grad, bool edge_grad) -> (Tensor target, Tensor source,"
    " Tensor value, Tensor edge, Tensor att)",
    "multi_aggregate": f"(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, {_TRANSPOSE},"
    " int[] aggregations) -> (Tensor out, Tensor mean, Tensor arg_max, Tensor arg_min)",
    "multi_aggregate_backward": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor grad,"
    " Tensor? mean, Tensor? std, Tensor? arg_max, Tensor? arg_min, Tensor colptr, Tensor row,"
    " Tensor tperm, int[] aggregations) -> Tensor",
    "segment_softmax": "(Tensor rowptr, Tensor? perm, Tensor value) -> Tensor",
    "segment_softmax_backward": "(Tensor rowptr, Tensor? perm, Tensor out, Tensor grad) -> Tensor",
    "segment_logsumexp": "(Tensor rowptr, Tensor? perm, Tensor value) -> Tensor",
    "head_scores": "(Tensor x, Tensor first, Tensor? second) -> (Tensor, Tensor)",
    "head_scores_backward": "(Tensor x, Tensor first, Tensor? second, Tensor of_first,"
    " Tensor? of_second, bool to_x) -> (Tensor, Tensor, Tensor)",
    "nonzero_rows": "(Tensor x, int most) -> (Tensor rowptr, Tensor col, Tensor value)",
    "top_nodes": "(Tensor order, Tensor batch, Tensor edge_index, float ratio, bool wide)"
    " -> (Tensor perm, Tensor among, Tensor kept)",
    "dropout": "(Tensor x, Tensor seed, float p, Tensor? place) -> Tensor",
    "linear": "(Tensor x, Tensor weight, Tensor? y, Tensor? other, Tensor? bias) -> Tensor",
    "linear_backward": "(Tensor grad, Tensor? x, Tensor? weight, Tensor? y, Tensor? other,"
    " bool bias) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "gcn_layer": f"(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor map, Tensor? bias,"
    f" {_TRANSPOSE}) -> (Tensor out, Tensor sum)",
    "gcn_layer_backward": "(Tensor grad, Tensor? sum, Tensor? map, Tensor? weight,"
    f" {_TRANSPOSE}, bool bias) -> (Tensor, Tensor, Tensor)",
    "gat_layer": "(Tensor rowptr, Tensor col, Tensor x, Tensor map, Tensor source, Tensor target,"
    f" Tensor? bias, Tensor? seed, {_TRANSPOSE}, float slope, float dropout) -> (Tensor out,"
    " Tensor value, Tensor of_source, Tensor of_target, Tensor attended, Tensor lse)",
    "gat_layer_backward": "(Tensor rowptr, Tensor col, Tensor x, Tensor map, Tensor source,"
    " Tensor target, Tensor? seed, Tensor colptr, Tensor row, Tensor tperm, Tensor value,"
    " Tensor of_source, Tensor of_target, Tensor attended, Tensor lse, Tensor grad, float slope,"
    " float dropout, bool to_x, bool bias) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "gat_network": "(Tensor rowptr, Tensor col, Tensor x, Tensor?[] maps, float slope,"
    " bool average) -> Tensor[]",
    "gat_network_backward": "(Tensor rowptr, Tensor col, Tensor colptr, Tensor row, Tensor tperm,"
    " Tensor x, Tensor?[] maps, Tensor[] kept, Tensor grad, float slope, bool average, bool to_x)"
    " -> Tensor[]",
    "perceptron": f"(Tensor x, {_MAPS}, Tensor? mean, Tensor? var, Tensor last,"
    f" Tensor? last_bias, int norm, float eps) -> (Tensor out, {_KEPT})",
    "perceptron_backward": f"(Tensor x, {_MAPS}, Tensor last, {_KEPT}, Tensor grad, int norm,"
    " float eps, bool to_x) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    "gin_layer": f"(Tensor rowptr, Tensor col, Tensor x, {_MAPS}, Tensor? mean, Tensor? var,"
    f" Tensor last, Tensor? last_bias, {_TRANSPOSE}, float root, int norm, float eps)"
    f" -> (Tensor out, Tensor sum, {_KEPT})",
    "gin_layer_backward": f"(Tensor rowptr, Tensor col, {_TRANSPOSE}, Tensor x, {_MAPS},"
    f" Tensor last, Tensor sum, {_KEPT}, Tensor grad, float root, int norm, float eps, bool to_x)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    "gin_network": "(Tensor rowptr, Tensor col, Tensor x, Tensor?[] maps, float root, int norm,"
    " float eps) -> Tensor[]",
    "gin_network_backward": "(Tensor? colptr, Tensor? row, Tensor?[] maps, Tensor[] kept,"
    " Tensor grad, float root, int norm, float eps, bool to_x) -> Tensor[]",
    "conv_network": "(Tensor rowptr, Tensor col, Tensor? weight, Tensor x, Tensor?[] maps,"
    " bool mean) -> Tensor[]",
    "conv_network_backward": "(Tensor rowptr, Tensor colptr, Tensor row, Tensor tperm,"
    " Tensor? weight, Tensor x, Tensor?[] maps, Tensor[] kept, Tensor grad, bool mean, bool to_x)"
    " -> Tensor[]",
    "feed_forward": f"({_FORWARD}, Tensor? last_bias, Tensor? seed, int activation, float p,"
    " float eps, bool keep) -> (Tensor out, Tensor before)",
    "feed_forward_backward": f"({_FORWARD}, Tensor? seed, Tensor before, Tensor grad,"
    " int activation, float p, float eps, bool to_x)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    "edge_message": f"({_EDGES}, {_TRANSPOSE}, bool sum, bool keep)"
    " -> (Tensor message, Tensor sums, Tensor ends, Tensor before)",
    "edge_message_backward": f"({_EDGES}, Tensor colptr, Tensor row, Tensor tperm, Tensor ends,"
    " Tensor before, Tensor? grad, Tensor? of_sums, bool to_x, bool to_carried)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    "selective_scan": f"({_SCAN}, bool reverse) -> Tensor",
    "selective_scan_backward": f"({_SCAN}, Tensor grad, bool reverse)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "intersect_count": f"({_PAIRS}) -> Tensor",
    "intersect_rows": f"({_PAIRS}, Tensor rowptr, SymInt num_entries) -> Tensor",
    "common_neighbors": f"({_PAIRS}, Tensor x) -> Tensor",
    "common_neighbors_backward": f"({_PAIRS}, Tensor grad, SymInt num_cols) -> Tensor",
    "pair_matmul": "(Tensor size, Tensor a, Tensor b, bool transpose_a, bool transpose_b)"
    " -> Tensor",
    "pair_transpose": "(Tensor size, Tensor x) -> Tensor",
    "color_rounds": "(Tensor rowptr, Tensor col, Tensor? edge, Tensor color, int rounds) -> Tensor",
    "color_stable": "(Tensor rowptr, Tensor col, Tensor? edge, Tensor color, int limit)"
    " -> (Tensor color, Tensor rounds)",
    "balanced_forman": f"({_GRAPHS}) -> Tensor",
    "fosr": f"({_GRAPHS}, int num_edges, int power_steps, float tolerance, int seed) -> Tensor",
    "sdrf": f"({_GRAPHS}, int iterations, float tau, float bound, int seed) -> Tensor",
    "laser": f"({_GRAPHS}, int snapshots, float share, int least, int power, int seed) -> Tensor",
    "laplacian_powers": "(Tensor rowptr, Tensor col)"
    " -> (Tensor inverse, Tensor square, Tensor part)",
    "edge_transport": "(Tensor rowptr, Tensor col, Tensor edges) -> (Tensor cost, Tensor farthest)",
    "gtr": f"({_GRAPHS}, int num_edges) -> (Tensor pairs, Tensor drop)",
}

_LIBRARY = torch.library.Library("graphpoly", "DEF")
for _name, _schema in SCHEMAS.items():
    _LIBRARY.define(_name + _schema, tags=(torch.Tag.pt2_compliant_tag,))


def implement(
    name: str,
    *,
    reference: Callable[..., Any],
    fake: Callable[..., Any],
    setup_context: Callable[..., None] | None = None,
    backward: Callable[..., Any] | None = None,
) -> None:
    """Give operator ``name`` its reference kernel, its shapes and its gradient."""
    _LIBRARY.impl(name, _in_given_types(name, reference), "CompositeExplicitAutograd")
    torch.library.register_fake(f"graphpoly::{name}", _on_one_device(name, fake), lib=_LIBRARY)
    if backward is not None:
        if setup_context is None or not _LEAN:
            torch.library.register_autograd(
                f"graphpoly::{name}", backward, setup_context=setup_context, lib=_LIBRARY
            )
        else:
            kernel = _autograd_kernel(name, setup_context, backward)
            _LIBRARY.impl(name, kernel, "Autograd", with_keyset=True)
    if "Tensor?[]" in SCHEMAS[name]:  # lists that PyTorch's own kernels for these do not look into
        for key in ("Negative", "ZeroTensor"):
            _LIBRARY.impl(name, _with_numbers_made(name), key)


def _with_numbers_made(name: str) -> Callable[..., Any]:
    """Give the operator tensors whose numbers lie in memory: signs turned, zeros written."""
    operator = getattr(torch.ops.graphpoly, name).default

    def made(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [made(one) for one in value]
        if not isinstance(value, Tensor):
            return value
        return torch.zeros_like(value) if value._is_zerotensor() else value.resolve_neg()

    def run(*arguments: Any) -> Any:
        return operator(*map(made, arguments))

    return run


def check_devices(name: str, arguments: tuple[Any, ...]) -> None:
    """Refuse tensors on several devices: the dispatcher goes by one of them alone.

    Raises:
        ValueError: If there are.
    """
    first: Tensor | None = None
    for place, tensor in enumerate(arguments):
        if not isinstance(tensor, Tensor) or tensor.dim() == 0:
            continue
        if place == 0 and name in _SIZES_FIRST and not tensor.is_meta:
            continue
        if first is None:
            first = tensor
        elif tensor.device != first.device:
            schema = getattr(torch.ops.graphpoly, name).default._schema
            raise ValueError(
                f"{schema.arguments[place].name}: got a tensor on {tensor.device}, expected "
                f"{first.device}, as of the arguments before it (graphpoly::{name})"
            )


# operators whose first argument lies on the CPU, wherever the others are
_SIZES_FIRST = ("pair_matmul", "pair_transpose")


def _on_one_device(name: str, fake: Callable[..., Any]) -> Callable[..., Any]:
    """A tensor on the meta device among others would make shapes without values of a result."""

    @wraps(fake)
    def run(*arguments: Any, **named: Any) -> Any:
        check_devices(name, arguments)
        return fake(*arguments, **named)

    return run


def _in_given_types(name: str, reference: Callable[..., Any]) -> Callable[..., Any]:
    """Keep autocast from narrowing the products that a reference is made of."""

    @wraps(reference)
    def run(*arguments: Any) -> Any:
        check_devices(name, arguments)
        device = arguments[0].device.type
        if device == "cpu":
            _extension.say_what_is_missing()
        if not torch.is_autocast_enabled(device):
            return reference(*arguments)
        with torch.autocast(device, enabled=False):
            return reference(*arguments)

    return run


def call(operator: Any, *arguments: Any) -> Any:
    """Call an operator, past the dispatcher on its way to a gradient, or past the gradient.

    Its autograd kernel is Python's, and on a small graph going there and back costs as much as the
    work itself.
    """
    if torch.compiler.is_compiling() or not _is_eager():
        return operator(*arguments)
    if not (_C.is_grad_enabled() and _C._any_requires_grad(*arguments)):
        with _C._AutoDispatchBelowAutograd():
            return operator(*arguments)
    function = _FUNCTIONS.get(operator)
    if function is None or _is_watched(arguments):
        return operator(*arguments)
    return function.apply(*arguments)


def is_short(*arguments: Any) -> bool:
    """Whether :func:`call` goes the short way with these to a gradient."""
    return not torch.compiler.is_compiling() and _is_eager() and not _is_watched(arguments)


def _is_eager() -> bool:
    return (
        _LEAN
        and not _C._are_functorch_transforms_active()
        and forward_ad._current_level < 0  # tangents would be lost: the long way refuses them
    )


def _is_watched(arguments: tuple[Any, ...]) -> bool:
    """Whether somebody sees what the dispatcher is asked for: a mode, a subclass, a trace."""
    return (
        has_torch_function(arguments)
        or _C._len_torch_dispatch_stack() > 0
        or _C._get_tracing_state() is not None
    )


# each operator by its name, as call() calls it
direct = SimpleNamespace(
    **{name: partial(call, getattr(torch.ops.graphpoly, name).default) for name in SCHEMAS}
)


def interruptible(operator: Any, *arguments: Any) -> Any:
    """Call an operator that gives up its work when a signal comes.

    Python's own handler runs on the way here: if it has raised nothing, the work starts anew.
    """
    if torch.compiler.is_compiling():
        return operator(*arguments)
    while (found := _unless_interrupted(operator, arguments)) is None:
        pass
    return found


def _unless_interrupted(operator: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return operator(*arguments)
    except RuntimeError as error:
        if not str(error).partition("\n")[0].endswith(": interrupted"):
            raise
        return None


def differentiated(
    reference: Callable[..., Any],
    inputs: Sequence[Any],
    wanted: Sequence[int],
    outer: Sequence[Tensor],
) -> list[Tensor | None]:
    """Return the gradients of a reference, which is how gradients get gradients of their own.

    Args:
        reference: Called with ``inputs``; returns a tuple of tensors.
        inputs: Tensors among them.
        wanted: Places of the inputs whose gradients are wanted.
        outer: What comes back to each result.

    Returns:
        One for each input, None where it is not wanted or nothing depends on it.
    """
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        held = [t.view_as(t) if i in wanted else t for i, t in enumerate(inputs)]
        pairs = zip(reference(*held), outer, strict=True)
        kept = [(result, given) for result, given in pairs if result.requires_grad]
        found = torch.autograd.grad(
            [result for result, _ in kept],
            [held[i] for i in wanted],
            [given for _, given in kept],
            create_graph=create_graph,
            allow_unused=True,
        )
    gradients: list[Tensor | None] = [None] * len(inputs)
    for i, gradient in zip(wanted, found, strict=True):
        gradients[i] = gradient
    return gradients


def _autograd_kernel(
    name: str, setup_context: Callable[..., None], backward: Callable[..., Any]
) -> Callable[..., Any]:
    """What ``torch.library.register_autograd`` makes, for operators with positional arguments only.

    It does without a record of each call and without filling in defaults, which the schemas do not
    have: a third of the time of a call.
    """
    operator = getattr(torch.ops.graphpoly, name).default
    after = _C._after_autograd_keyset

    def forward(ctx: Any, *inputs: Any) -> Any:
        with _C._AutoDispatchBelowAutograd():
            output = operator(*inputs)
        setup_context(ctx, inputs, output)
        return output

    def forward_within(ctx: Any, *arguments: Any) -> Any:
        *inputs, keys = arguments
        # a function's forward has both kinds of gradients off: the levels below would lose theirs
        with (
            torch.enable_grad(),
            forward_ad._set_fwd_grad_enabled(True),
            _C._AutoDispatchBelowAutograd(),
        ):
            output = operator.redispatch(keys & after, *inputs)
        setup_context(ctx, tuple(inputs), output)
        return output

    def backward_within(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        found = backward(ctx, *grads)
        return (*found, None) if isinstance(found, tuple) else (found, None)  # None: the keys

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    function: Any = type(f"Backward_{name}", (torch.autograd.Function,), members)
    _FUNCTIONS[operator] = function
    members = {"forward": staticmethod(forward_within), "backward": staticmethod(backward_within)}
    within: Any = type(f"Backward_{name}", (_SingleLevelFunction,), members)

    def kernel(keys: Any, *arguments: Any) -> Any:
        if _C._are_functorch_transforms_active():
            # the transforms have brought us to their own level: the public apply would go there
            with _single_level():
                return within.apply(*arguments, keys)
        wanted = _C.is_grad_enabled() and _C._any_requires_grad(*arguments)
        if wanted or forward_ad._current_level >= 0:
            return function.apply(*arguments)
        with _C._AutoDispatchBelowAutograd():
            return operator.redispatch(keys & after, *arguments)

    return kernel
