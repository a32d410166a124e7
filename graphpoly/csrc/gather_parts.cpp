// graphpoly::gather_parts: parts of a tensor side by side, each copied in one piece, and raised by
// the steps of those before it where it is wanted. graphpoly::gather_columns: the same of several
// tensors at once, which is what a batch of a few graphs is made of.
//
// Nothing is read before the bounds of the chosen parts are known to lie inside; those of the
// others are not looked at.
#include "common.h"

#include <cstring>

namespace graphpoly {
namespace {

constexpr int64_t kAhead = 4096;  // bytes of the next part

std::tuple<Tensor, Tensor, Tensor> gather_parts(Tensor value, Tensor bounds, OptionalTensor step,
                                                Tensor chosen, int64_t dim) {
  const auto wide = [](const Tensor& t) { return t.scalar_type() == ScalarType::Long; };
  check(wide(bounds) && wide(chosen) && (!step.has_value() || (wide(*step) && wide(value))),
        "gather_parts: bounds, step, chosen, and a value that is raised: int64 is accepted");
  check(bounds.dim() == 1 && bounds.size(0) > 0 && chosen.dim() == 1,
        "gather_parts: bounds, chosen: expected [G+1] and [B]");
  check(!step.has_value() || (step->dim() == 1 && step->size(0) == bounds.size(0) - 1),
        "gather_parts: step: expected [G]");
  check(0 <= dim && dim < value.dim(), "gather_parts: dim: got ", dim);
  value = dense(value), bounds = dense(bounds), step = dense(step), chosen = dense(chosen);
  const int64_t num_parts = bounds.size(0) - 1, count = chosen.size(0), size = value.size(dim);
  const int64_t* const bound = bounds.const_data_ptr<int64_t>();
  const int64_t* const part = chosen.const_data_ptr<int64_t>();

  Tensor offsets = make_output<int64_t>(chosen, {count + 1});
  Tensor raised = make_output<int64_t>(chosen, {count});
  int64_t* const offset = offsets.mutable_data_ptr<int64_t>();
  int64_t* const shift = raised.mutable_data_ptr<int64_t>();
  const int64_t* const steps = step.has_value() ? step->const_data_ptr<int64_t>() : nullptr;
  offset[0] = 0;
  for (int64_t b = 0, before = 0; b < count; ++b) {
    const int64_t g = part[b];
    check(0 <= g && g < num_parts, "chosen: got a number outside [0, ", num_parts, ")");
    check(0 <= bound[g] && bound[g] <= bound[g + 1] && bound[g + 1] <= size,
          "bounds: expected ascending ones in [0, ", size, "]");
    offset[b + 1] = offset[b] + bound[g + 1] - bound[g];
    shift[b] = before;
    if (steps != nullptr) before += steps[g];
  }

  int64_t outer = 1, inner = static_cast<int64_t>(value.element_size());
  std::vector<int64_t> shape;
  for (int64_t d = 0; d < value.dim(); ++d) {
    shape.push_back(d == dim ? offset[count] : value.size(d));
    if (d < dim) outer *= value.size(d);
    if (d > dim) inner *= value.size(d);
  }
  Tensor out = torch::stable::new_empty(value, shape);
  if (outer == 0 || inner == 0 || offset[count] == 0) return {out, offsets, raised};
  const char* const from = static_cast<const char*>(value.const_data_ptr());
  char* const to = static_cast<char*>(out.mutable_data_ptr());
  const int64_t ranges = std::min<int64_t>(count, 4 * torch::stable::get_num_threads());
  parallel_items(outer * ranges, outer * inner * offset[count] / 64, [&](int64_t item) {
    const int64_t o = item / ranges, r = item % ranges;
    const int64_t read = o * size * inner, write = o * offset[count] * inner;
    const int64_t last = count * (r + 1) / ranges;
    for (int64_t b = count * r / ranges; b < last; ++b) {
      if (b + 1 < last) {  // small parts end before the processor sees where they lead
        const char* const next = from + read + bound[part[b + 1]] * inner;
        const int64_t span = std::min<int64_t>((offset[b + 2] - offset[b + 1]) * inner, kAhead);
        for (int64_t at = 0; at < span; at += 64) __builtin_prefetch(next + at);
      }
      const int64_t bytes = (offset[b + 1] - offset[b]) * inner;
      const char* const source = from + read + bound[part[b]] * inner;
      char* const target = to + write + offset[b] * inner;
      if (steps == nullptr) {
        std::memcpy(target, source, static_cast<size_t>(bytes));
      } else {
        const auto* const numbers = reinterpret_cast<const int64_t*>(source);
        auto* const moved = reinterpret_cast<int64_t*>(target);
        for (int64_t i = 0; i < bytes / 8; ++i) moved[i] = numbers[i] + shift[b];
      }
    }
  });
  return {out, offsets, raised};
}

// The place among the chosen parts of each node of them, and where the nodes of each begin.
std::pair<Tensor, Tensor> number_nodes(Tensor nodes, Tensor chosen) {
  check(nodes.scalar_type() == ScalarType::Long && nodes.dim() == 1, "nodes: expected [G], int64");
  check(chosen.scalar_type() == ScalarType::Long && chosen.dim() == 1, "chosen: expected [B], int64");
  nodes = dense(nodes), chosen = dense(chosen);
  const int64_t num_parts = nodes.size(0), count = chosen.size(0);
  const int64_t* const size = nodes.const_data_ptr<int64_t>();
  const int64_t* const part = chosen.const_data_ptr<int64_t>();
  Tensor ptr = make_output<int64_t>(chosen, {count + 1});
  int64_t* const begin = ptr.mutable_data_ptr<int64_t>();
  begin[0] = 0;
  for (int64_t b = 0; b < count; ++b) {
    const int64_t g = part[b];
    check(0 <= g && g < num_parts, "chosen: got a number outside [0, ", num_parts, ")");
    check(size[g] >= 0, "nodes: got a negative number");
    begin[b + 1] = begin[b] + size[g];
  }
  Tensor number = make_output<int64_t>(chosen, {begin[count]});
  int64_t* const to = number.mutable_data_ptr<int64_t>();
  for (int64_t b = 0; b < count; ++b) std::fill(to + begin[b], to + begin[b + 1], b);
  return {std::move(number), std::move(ptr)};
}

// For each value what gather_parts gives; where numbers of nodes are given, what number_nodes does.
std::vector<Tensor> gather_columns(Tensor chosen, std::vector<Tensor> value,
                                   std::vector<Tensor> bounds, std::vector<OptionalTensor> step,
                                   std::vector<int64_t> dim, OptionalTensor nodes) {
  check(value.size() == bounds.size() && value.size() == step.size() && value.size() == dim.size(),
        "gather_columns: bounds, step, dim: expected one for each value");
  std::vector<Tensor> found;
  found.reserve(3 * value.size() + 2);
  for (size_t i = 0; i < value.size(); ++i) {
    auto [out, offsets, raised] = gather_parts(value[i], bounds[i], step[i], chosen, dim[i]);
    for (Tensor* each : {&out, &offsets, &raised}) found.push_back(std::move(*each));
  }
  if (nodes.has_value()) {
    auto [number, ptr] = number_nodes(*nodes, chosen);
    for (Tensor* each : {&number, &ptr}) found.push_back(std::move(*each));
  }
  return found;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gather_parts", TORCH_BOX(&graphpoly::gather_parts));
  m.impl("gather_columns", TORCH_BOX(&graphpoly::gather_columns));
}
