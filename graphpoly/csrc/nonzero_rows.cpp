// graphpoly::nonzero_rows: what is not 0 in a dense matrix, in compressed rows.
//
// Two passes over the matrix, one that counts and one that writes; both look at a few numbers at
// once, for most are 0.
#include "common.h"

namespace graphpoly {
namespace {

constexpr int64_t kGroup = 16;

template <class T>
int64_t count_row(const T* x, int64_t size) {
  int64_t count = 0;
  for (int64_t begin = 0; begin < size; begin += 4096) {
    int32_t part = 0;  // narrow, for more lanes
    const int64_t end = std::min(begin + 4096, size);
    for (int64_t j = begin; j < end; ++j) part += x[j] != T(0);
    count += part;
  }
  return count;
}

template <class T, class I>
void write_row(const T* x, int64_t size, I* col, T* value) {
  const auto one = [&](int64_t j) {
    if (x[j] == T(0)) return;
    *col++ = static_cast<I>(j);
    *value++ = x[j];
  };
  int64_t j = 0;
  for (; j + kGroup <= size; j += kGroup) {
    int32_t any = 0;
    for (int64_t k = 0; k < kGroup; ++k) any |= x[j + k] != T(0);
    if (!any) continue;
    for (int64_t k = 0; k < kGroup; ++k) one(j + k);
  }
  for (; j < size; ++j) one(j);
}

template <class T, class I>
std::tuple<Tensor, Tensor, Tensor> rows_of(const Tensor& x, int64_t most) {
  constexpr int64_t kRows = 64;
  const int64_t rows = x.size(0), size = x.size(1), blocks = (rows + kRows - 1) / kRows;
  const T* const from = x.const_data_ptr<T>();
  const auto each_row = [&](const auto& f) {
    parallel_items(blocks, rows * size, [&](int64_t block) {
      for (int64_t i = block * kRows; i < std::min(rows, (block + 1) * kRows); ++i) f(i);
    });
  };
  Scratch<int64_t> offset(rows + 1);
  int64_t* const begin = offset.data();
  each_row([&](int64_t i) { begin[i + 1] = count_row(from + i * size, size); });
  begin[0] = 0;
  for (int64_t i = 0; i < rows; ++i) begin[i + 1] += begin[i];
  const bool fits = begin[rows] <= most;
  const int64_t entries = fits ? begin[rows] : 0;
  Tensor rowptr = make_output<I>(x, {fits ? rows + 1 : 0});
  Tensor col = make_output<I>(x, {entries}), value = make_output<T>(x, {entries});
  if (!fits) return {rowptr, col, value};
  std::copy(begin, begin + rows + 1, rowptr.mutable_data_ptr<I>());
  I* const to = col.mutable_data_ptr<I>();
  T* const held = value.mutable_data_ptr<T>();
  each_row([&](int64_t i) {
    write_row(from + i * size, size, to + begin[i], held + begin[i]);
  });
  return {rowptr, col, value};
}

std::tuple<Tensor, Tensor, Tensor> nonzero_rows(Tensor x, int64_t most) {
  check(x.dim() == 2, "nonzero_rows: x: expected shape [N, F]");
  constexpr int64_t kNarrow = std::numeric_limits<int32_t>::max();
  const bool wide = std::max({x.size(0), x.size(1), std::min(most, x.numel())}) >= kNarrow;
  x = dense(x);
  return dispatch_types("nonzero_rows", x.scalar_type(), wide ? ScalarType::Long : ScalarType::Int,
                        [&](auto t, auto i) {
                          return rows_of<decltype(t), decltype(i)>(x, most);
                        });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("nonzero_rows", TORCH_BOX(&graphpoly::nonzero_rows));
}
