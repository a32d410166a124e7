// graphpoly::coo_to_csr: a stable counting sort of the entries by row, with a check of every
// index, in the type in which it comes: what is narrowed first may wrap around. transposed_rows is
// the same sort of what it made, by column.
//
// Blocks of the input are counted and then placed in parallel, each block behind the earlier ones
// in every row: the result is the one stable order whatever the number of blocks. Input that is
// sorted already is recognised while it is counted, and copied.
#include "common.h"

namespace graphpoly {
namespace {

template <class I>
struct Extent {  // of the indices of one block
  I low = std::numeric_limits<I>::max(), high = std::numeric_limits<I>::min();
  void add(I index) { low = std::min(low, index), high = std::max(high, index); }
  void add(const Extent& o) { low = std::min(low, o.low), high = std::max(high, o.high); }
  void check_inside(const char* name, int64_t size) const {
    check(low > high || (low >= 0 && high < size), "coo_to_csr: a ", name,
          " index lies outside [0, ", size, "): got ", low, " to ", high);
  }
};

constexpr int64_t kAhead = 24;  // entries between a prefetch and its use
constexpr int64_t kRowsOfAnItem = 1024;

struct Blocks {
  int64_t total, count;
  int64_t begin(int64_t block) const {
    return total / count * block + total % count * block / count;
  }
};

template <class R, class C>
struct Survey {  // of one block, before anything is written
  Extent<R> rows;
  Extent<C> cols;
  bool sorted = true;
};

template <class I, class R, class C>
void sort_entries(const R* row, const C* col, int64_t num_entries, int64_t num_rows,
                  int64_t num_cols, I* rowptr, I* sorted_col, I* perm) {
  // as many blocks as threads, but never counters that outweigh the entries
  const int64_t threads = torch::stable::get_num_threads();
  const int64_t affordable = std::max<int64_t>(1, 2 * num_entries / (num_rows + 1));
  const int64_t useful = num_entries / 16384 + 1;
  const Blocks blocks{num_entries, std::max<int64_t>(1, std::min({threads, affordable, useful}))};

  std::vector<Survey<R, C>> surveys(static_cast<size_t>(blocks.count));
  parallel_items(blocks.count, num_entries, [&](int64_t b) {
    Survey<R, C> found;
    const int64_t begin = blocks.begin(b), end = blocks.begin(b + 1);
    for (int64_t e = begin; e < end; ++e) {
      found.rows.add(row[e]), found.cols.add(col[e]);
      found.sorted &= e == 0 || row[e - 1] <= row[e];
    }
    surveys[b] = found;
  });
  Survey<R, C> all;
  for (const auto& found : surveys) {
    all.rows.add(found.rows), all.cols.add(found.cols), all.sorted &= found.sorted;
  }
  all.rows.check_inside("row", num_rows);
  all.cols.check_inside("col", num_cols);

  if (all.sorted) {
    parallel_items(blocks.count, num_entries, [&](int64_t b) {
      const int64_t begin = blocks.begin(b), end = blocks.begin(b + 1);
      for (int64_t e = begin; e < end; ++e) {
        sorted_col[e] = static_cast<I>(col[e]), perm[e] = static_cast<I>(e);
      }
      // rows above the one before this block, up to that of its last entry, start here
      for (int64_t e = begin; e < end; ++e) {
        const int64_t from = e == 0 ? 0 : int64_t{row[e - 1]} + 1;
        for (int64_t r = from; r <= int64_t{row[e]}; ++r) rowptr[r] = static_cast<I>(e);
      }
    });
    const int64_t rest = num_entries == 0 ? 0 : int64_t{row[num_entries - 1]} + 1;
    std::fill(rowptr + rest, rowptr + num_rows + 1, static_cast<I>(num_entries));
    return;
  }

  Scratch<I> counters(blocks.count * num_rows);
  I* const count = counters.data();
  parallel_items(blocks.count, num_entries, [&](int64_t b) {
    I* mine = count + b * num_rows;
    std::fill(mine, mine + num_rows, I(0));
    for (int64_t e = blocks.begin(b); e < blocks.begin(b + 1); ++e) ++mine[row[e]];
  });
  I at = 0;
  for (int64_t r = 0; r < num_rows; ++r) {
    rowptr[r] = at;
    for (int64_t b = 0; b < blocks.count; ++b) {
      const I found = count[b * num_rows + r];
      count[b * num_rows + r] = at;
      at += found;
    }
  }
  rowptr[num_rows] = at;
  parallel_items(blocks.count, num_entries, [&](int64_t b) {
    I* next = count + b * num_rows;
    const int64_t end = blocks.begin(b + 1);
    for (int64_t e = blocks.begin(b); e < end; ++e) {
      // every write is to another page: call for the lines before they are needed
      if (e + 2 * kAhead < end) __builtin_prefetch(next + row[e + 2 * kAhead], 1);
      if (e + kAhead < end) {
        const I soon = next[row[e + kAhead]];
        __builtin_prefetch(sorted_col + soon, 1);
        __builtin_prefetch(perm + soon, 1);
      }
      const I to = next[row[e]]++;
      sorted_col[to] = static_cast<I>(col[e]);
      perm[to] = static_cast<I>(e);
    }
  });
}

// Calls f(T{}) with the type of an index tensor.
template <class F>
decltype(auto) dispatch_index(ScalarType index, const F& f) {
  const bool wide = index == ScalarType::Long;
  check(wide || index == ScalarType::Int, "coo_to_csr: int32 and int64 are accepted");
  return wide ? f(int64_t{}) : f(int32_t{});
}

std::tuple<Tensor, Tensor, Tensor> coo_to_csr(Tensor row, Tensor col, int64_t num_rows,
                                              int64_t num_cols, bool narrow) {
  check(row.dim() == 1 && col.dim() == 1 && row.size(0) == col.size(0),
        "coo_to_csr: row and col: expected one shape, [E]");
  check(narrow || row.scalar_type() == col.scalar_type(),
        "coo_to_csr: row and col differ in dtype");
  check(num_rows >= 0 && num_cols >= 0, "coo_to_csr: negative size");
  row = dense(row), col = dense(col);
  const int64_t num_entries = row.size(0);
  const auto sorted = [&](auto r, auto c, auto i) {
    using R = decltype(r);
    using C = decltype(c);
    using I = decltype(i);
    constexpr int64_t kMost = std::numeric_limits<I>::max();
    check(num_entries <= kMost && num_rows <= kMost && num_cols <= kMost,
          "coo_to_csr: too many entries, rows or columns for int32");
    Tensor rowptr = make_output<I>(row, {num_rows + 1});
    Tensor sorted_col = make_output<I>(row, {num_entries});
    Tensor perm = make_output<I>(row, {num_entries});
    sort_entries<I>(row.const_data_ptr<R>(), col.const_data_ptr<C>(), num_entries, num_rows,
                    num_cols, rowptr.mutable_data_ptr<I>(), sorted_col.mutable_data_ptr<I>(),
                    perm.mutable_data_ptr<I>());
    return std::make_tuple(rowptr, sorted_col, perm);
  };
  return dispatch_index(row.scalar_type(), [&](auto r) {
    return dispatch_index(col.scalar_type(), [&](auto c) {
      using R = decltype(r);
      constexpr bool kAlike = std::is_same_v<R, decltype(c)>;
      if constexpr (kAlike && std::is_same_v<R, int64_t>) {
        if (!narrow) return sorted(r, c, int64_t{});
      }
      return sorted(r, c, int32_t{});
    });
  });
}

// The transpose of sorted rows: the entries in the order of their columns, and where each stood.
std::tuple<Tensor, Tensor, Tensor> transposed_rows(Tensor rowptr, Tensor col, int64_t num_cols) {
  check_rows("transposed_rows", rowptr, col);
  check(num_cols >= 0, "transposed_rows: negative size");
  rowptr = dense(rowptr), col = dense(col);
  return dispatch_index(rowptr.scalar_type(), [&](auto i) {
    using I = decltype(i);
    const Rows<I> a = rows_view<I>("transposed_rows", rowptr, col);
    check(num_cols <= std::numeric_limits<I>::max(),
          "coo_to_csr: too many entries, rows or columns for int32");
    Scratch<I> rows(a.num_entries);
    I* const row = rows.data();
    parallel_items((a.num_rows + kRowsOfAnItem - 1) / kRowsOfAnItem, a.num_entries, [&](int64_t b) {
      const int64_t end = std::min(a.num_rows, (b + 1) * kRowsOfAnItem);
      for (int64_t r = b * kRowsOfAnItem; r < end; ++r) {
        std::fill(row + a.rowptr[r], row + a.rowptr[r + 1], static_cast<I>(r));
      }
    });
    Tensor colptr = make_output<I>(rowptr, {num_cols + 1});
    Tensor sorted_row = make_output<I>(rowptr, {a.num_entries});
    Tensor perm = make_output<I>(rowptr, {a.num_entries});
    sort_entries<I>(a.col, row, a.num_entries, num_cols, a.num_rows, colptr.mutable_data_ptr<I>(),
                    sorted_row.mutable_data_ptr<I>(), perm.mutable_data_ptr<I>());
    return std::make_tuple(colptr, sorted_row, perm);
  });
}

// Whether numbers lie in [0, last] and do not fall: the sign bits of what must not be negative, which
// every instruction set gathers many at a time. Steps count between numbers that are inside.
template <class I>
class Inside {
 public:
  explicit Inside(int64_t last)
      : last_(static_cast<U>(std::min<int64_t>(last, std::numeric_limits<I>::max()))) {}
  void add(I value) { signs_ |= static_cast<U>(value) | (last_ - static_cast<U>(value)); }
  void add_step(I from, I to) { signs_ |= static_cast<U>(to) - static_cast<U>(from); }
  bool holds() const { return static_cast<I>(signs_) >= 0; }

 private:
  using U = std::make_unsigned_t<I>;
  U last_, signs_ = 0;
};

// Copies in the type of the result, once everything there may be read by an operator.
template <class P, class C, class I>
std::tuple<Tensor, Tensor> rows_checked(const Tensor& rowptr, const Tensor& col,
                                        int64_t num_cols) {
  const int64_t num_rows = rowptr.size(0) - 1, num_entries = col.size(0);
  const P* const pointer = rowptr.const_data_ptr<P>();
  const C* const column = col.const_data_ptr<C>();
  Tensor out_ptr = make_output<I>(rowptr, {num_rows + 1});
  Tensor out_col = make_output<I>(col, {num_entries});
  I* const to_ptr = out_ptr.mutable_data_ptr<I>();
  I* const to_col = out_col.mutable_data_ptr<I>();
  Inside<P> pointers(num_entries);
  pointers.add(pointer[0]);
  to_ptr[0] = static_cast<I>(pointer[0]);
  for (int64_t r = 1; r <= num_rows; ++r) {
    pointers.add(pointer[r]), pointers.add_step(pointer[r - 1], pointer[r]);
    to_ptr[r] = static_cast<I>(pointer[r]);
  }
  check(pointers.holds() && pointer[0] == 0 && pointer[num_rows] == num_entries, "rowptr: got ", pointer[0],
        " to ", pointer[num_rows], ", expected ascending ones from 0 to ", num_entries,
        ", the length of col");
  Inside<C> columns(num_cols - 1);
  for (int64_t e = 0; e < num_entries; ++e) {
    columns.add(column[e]);
    to_col[e] = static_cast<I>(column[e]);
  }
  if (!columns.holds()) {
    Extent<C> extent;
    for (int64_t e = 0; e < num_entries; ++e) extent.add(column[e]);
    check(false, "col: got ", extent.low, " to ", extent.high, ", expected columns in [0, ",
          num_cols, ")");
  }
  return std::make_tuple(out_ptr, out_col);
}

std::tuple<Tensor, Tensor> checked_rows(Tensor rowptr, Tensor col, int64_t num_cols, bool narrow) {
  check(rowptr.dim() == 1 && rowptr.size(0) > 0, "rowptr: expected one dimension, [R+1]");
  check(col.dim() == 1, "col: expected one dimension, [E]");
  check(!narrow || (rowptr.size(0) <= std::numeric_limits<int32_t>::max() &&
                    col.size(0) < std::numeric_limits<int32_t>::max()),
        "rowptr, col: too many rows or entries for int32");
  rowptr = dense(rowptr), col = dense(col);
  return dispatch_index(rowptr.scalar_type(), [&](auto p) {
    return dispatch_index(col.scalar_type(), [&](auto c) {
      using P = decltype(p);
      using C = decltype(c);
      return narrow ? rows_checked<P, C, int32_t>(rowptr, col, num_cols)
                    : rows_checked<P, C, int64_t>(rowptr, col, num_cols);
    });
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("coo_to_csr", TORCH_BOX(&graphpoly::coo_to_csr));
  m.impl("transposed_rows", TORCH_BOX(&graphpoly::transposed_rows));
  m.impl("checked_rows", TORCH_BOX(&graphpoly::checked_rows));
}
