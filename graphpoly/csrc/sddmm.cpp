// graphpoly::sddmm: out[e] = <a[row_e], b[col_e]>, one inner product for each entry.
#ifndef GRAPHPOLY_SIMD

#include <utility>

#include "common.h"

namespace graphpoly {
namespace {

template <class T>
struct DotArgs {
  const T* a;
  const T* b;
  T* out;
  int64_t channels;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "sddmm.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

Tensor sddmm(Tensor rowptr, Tensor col, Tensor a, Tensor b, OptionalTensor, OptionalTensor,
             OptionalTensor) {
  check_rows("sddmm", rowptr, col);
  check(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(1),
        "sddmm: a and b: expected shapes [R, F] and [C, F]");
  check(a.size(0) == rowptr.size(0) - 1, "sddmm: a: expected a row for each row of the operator");
  check_like("sddmm", "b", b, a);
  rowptr = dense(rowptr), col = dense(col), a = dense(a), b = dense(b);
  return dispatch_types("sddmm", a.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto rows = rows_view<I>("sddmm", rowptr, col);
    Tensor out = make_output<T>(a, {rows.num_entries});
    const DotArgs<T> args{a.const_data_ptr<T>(), b.const_data_ptr<T>(), out.mutable_data_ptr<T>(),
                          a.size(1)};
    const auto bounds = balanced_ranges(rows, args.channels);
    const int64_t work = (rows.num_entries + rows.num_rows) * args.channels;
    parallel_items(static_cast<int64_t>(bounds.size()) - 1, work, [&](int64_t r) {
      GRAPHPOLY_CALL(sddmm, rows, args, bounds[r], bounds[r + 1]);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("sddmm", TORCH_BOX(&graphpoly::sddmm)); }

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, int L, int... Half>
GRAPHPOLY_INLINE T add_lanes(const Vec<T, L>& v, std::integer_sequence<int, Half...>) {
  if constexpr (L == 2) {
    return v[0] + v[1];
  } else {
    constexpr auto quarter = std::make_integer_sequence<int, L / 4>{};
    return add_lanes<T, L / 2>(__builtin_shufflevector(v, v, Half...) +
                                   __builtin_shufflevector(v, v, (Half + L / 2)...),
                               quarter);
  }
}

// Four chains of sums over whole vectors, then ever narrower vectors over what is left.
template <class T, int L>
GRAPHPOLY_INLINE T dot(const T* a, const T* b, int64_t count) {
  if constexpr (L == 1) {
    return count > 0 ? a[0] * b[0] : T(0);
  } else {
    typedef Vec<T, L> V;
    V chain[4] = {};
    int64_t c = 0;
    for (; c + 4 * L <= count; c += 4 * L) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) chain[v] += load<V>(a + c + v * L) * load<V>(b + c + v * L);
    }
    for (; c + L <= count; c += L) chain[0] += load<V>(a + c) * load<V>(b + c);
    const V sum = (chain[0] + chain[1]) + (chain[2] + chain[3]);
    const T total = add_lanes<T, L>(sum, std::make_integer_sequence<int, L / 2>{});
    return c < count ? total + dot<T, L / 2>(a + c, b + c, count - c) : total;
  }
}

template <class T, class I>
void sddmm(const Rows<I> rows, const DotArgs<T> args, int64_t first, int64_t last) {
  const int64_t channels = args.channels, final_entry = rows.num_entries - 1;
  const int64_t ahead = std::min<int64_t>(channels * static_cast<int64_t>(sizeof(T)), 1024);
  const int64_t distance = entries_ahead(ahead);
  for (int64_t i = first; i < last; ++i) {
    const T* a = args.a + i * channels;
    for (int64_t e = rows.rowptr[i]; e < int64_t{rows.rowptr[i + 1]}; ++e) {
      const int64_t soon = e + distance < final_entry ? e + distance : final_entry;
      const T* next = args.b + int64_t{rows.col[soon]} * channels;
      const auto* later = reinterpret_cast<const char*>(next);
      for (int64_t byte = 0; byte < ahead; byte += 64) __builtin_prefetch(later + byte);
      args.out[e] = dot<T, kLanes<T>>(a, args.b + int64_t{rows.col[e]} * channels, channels);
    }
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
