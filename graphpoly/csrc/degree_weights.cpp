// graphpoly::degree_weights: the values of an operator without weights, by the degrees of its nodes,
// in two passes over the entries: count, and divide.
#include "common.h"

namespace graphpoly {
namespace {

enum class Loops { kept, replaced, missing };  // as ops/degree_weights.py names them
enum class Rule { none, sym, rw };

constexpr int64_t kRowsOfAnItem = 1024;

template <class T, class I>
void fill_weights(const Rows<I>& a, const I* perm, int64_t num_edges, Loops loops, Rule rule,
                  T* weight) {
  Scratch<T> scales(a.num_rows);
  T* const scale = scales.data();
  const int64_t items = (a.num_rows + kRowsOfAnItem - 1) / kRowsOfAnItem;
  const auto each_row = [&](const auto& run) {
    parallel_items(items, a.num_entries, [&](int64_t b) {
      const int64_t end = std::min(a.num_rows, (b + 1) * kRowsOfAnItem);
      for (int64_t r = b * kRowsOfAnItem; r < end; ++r) run(r);
    });
  };
  each_row([&](int64_t r) {
    const int64_t begin = a.rowptr[r], end = a.rowptr[r + 1];
    bool looped = false;
    for (int64_t k = begin; loops != Loops::kept && k < end; ++k) {
      looped |= perm[k] < num_edges && a.col[k] == static_cast<I>(r);
    }
    T degree = 0;
    for (int64_t k = begin; k < end; ++k) {
      T value = 1;
      if (looped && a.col[k] == static_cast<I>(r)) {
        const bool added = perm[k] >= num_edges;
        value = added == (loops == Loops::missing) ? T(0) : T(1);
      }
      weight[k] = value;
      degree += value;
    }
    if (rule == Rule::sym) scale[r] = degree > 0 ? T(1) / std::sqrt(degree) : T(0);
    if (rule == Rule::rw) scale[r] = degree > 0 ? T(1) / degree : T(0);
  });
  if (rule == Rule::none) return;
  each_row([&](int64_t r) {
    for (int64_t k = a.rowptr[r]; k < a.rowptr[r + 1]; ++k) {
      weight[k] *= scale[r];
      if (rule == Rule::sym) weight[k] *= scale[a.col[k]];
    }
  });
}

Tensor degree_weights(Tensor rowptr, Tensor col, OptionalTensor perm, int64_t num_edges,
                      int64_t loops, int64_t rule, bool wide) {
  constexpr const char* kName = "degree_weights";
  check_rows(kName, rowptr, col);
  check(loops >= 0 && loops <= 2 && rule >= 0 && rule <= 2, kName, ": unknown loops or rule");
  check(loops == 0 || perm.has_value(), kName, ": perm: is needed to tell edges from loops");
  rowptr = dense(rowptr), col = dense(col), perm = dense(perm);
  if (perm.has_value()) check_rows(kName, rowptr, *perm);
  check(!perm.has_value() || perm->size(0) == col.size(0), kName, ": perm: expected shape [E]");
  const auto type = wide ? ScalarType::Double : ScalarType::Float;
  return dispatch_types(kName, type, rowptr.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const Rows<I> a = rows_view<I>(kName, rowptr, col);
    Tensor out = make_output<T>(rowptr, {a.num_entries});
    fill_weights<T, I>(a, perm.has_value() ? perm->const_data_ptr<I>() : nullptr, num_edges,
                       static_cast<Loops>(loops), static_cast<Rule>(rule),
                       out.mutable_data_ptr<T>());
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("degree_weights", TORCH_BOX(&graphpoly::degree_weights));
}
