// graphpoly::entry_sum: out[e] = a[row_e] + b[col_e].
#include "common.h"

namespace graphpoly {
namespace {

Tensor entry_sum(Tensor rowptr, Tensor col, Tensor a, Tensor b, OptionalTensor, OptionalTensor,
                 OptionalTensor) {
  check_rows("entry_sum", rowptr, col);
  check(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(1),
        "entry_sum: a and b: expected shapes [R, P] and [C, P]");
  check(a.size(0) == rowptr.size(0) - 1, "entry_sum: a: expected a row for each row");
  check_like("entry_sum", "b", b, a);
  rowptr = dense(rowptr), col = dense(col), a = dense(a), b = dense(b);
  return dispatch_types("entry_sum", a.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto rows = rows_view<I>("entry_sum", rowptr, col);
    const int64_t channels = a.size(1);
    Tensor out = make_output<T>(a, {rows.num_entries, channels});
    const T *left = a.const_data_ptr<T>(), *right = b.const_data_ptr<T>();
    T* sums = out.mutable_data_ptr<T>();
    const auto bounds = balanced_ranges(rows, channels);
    const int64_t work = (rows.num_entries + rows.num_rows) * channels;
    parallel_items(static_cast<int64_t>(bounds.size()) - 1, work, [&](int64_t r) {
      for (int64_t row = bounds[r]; row < bounds[r + 1]; ++row) {
        const T* own = left + row * channels;
        for (int64_t e = rows.rowptr[row]; e < int64_t{rows.rowptr[row + 1]}; ++e) {
          const T* other = right + int64_t{rows.col[e]} * channels;
          for (int64_t c = 0; c < channels; ++c) sums[e * channels + c] = own[c] + other[c];
        }
      }
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("entry_sum", TORCH_BOX(&graphpoly::entry_sum));
}
