// graphpoly::intersect_count, intersect_rows, common_neighbors: for pairs (u, v), the columns that
// row u of one operator shares with row v of another: how many, which, and the sum of their
// features.
//
// Rows are sorted, so that two of like length are merged without a branch on what they hold, and
// a short one is looked up in a long one by doubling steps. A column that stands m times in one
// row and n times in the other is shared min(m, n) times.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

constexpr int64_t kSkew = 16;  // ratio of lengths from which on looking up beats merging
constexpr int64_t kPairs = 64;  // of one item of work
constexpr int64_t kShared = 1 << 16;  // common columns that are held before they are summed

// Writes the common columns to `out`, unless it is null, and returns their number. `out` has room
// for one more than the shorter row.
template <bool Write, class I>
int64_t intersect(const I* a, int64_t a_size, const I* b, int64_t b_size, I* out) {
  if (a_size > b_size) std::swap(a, b), std::swap(a_size, b_size);
  int64_t found = 0;
  if (b_size / kSkew > a_size) {
    int64_t low = 0;  // every column of b before it is smaller
    for (int64_t i = 0; i < a_size && low < b_size; ++i) {
      int64_t step = 1;
      while (low + step < b_size && b[low + step] < a[i]) low += step, step *= 2;
      const I* at = std::lower_bound(b + low, b + std::min(low + step + 1, b_size), a[i]);
      low = at - b;
      if (low < b_size && b[low] == a[i]) {
        if constexpr (Write) out[found] = a[i];
        ++found, ++low;
      }
    }
    return found;
  }
  for (int64_t i = 0, j = 0; i < a_size && j < b_size;) {
    const I one = a[i], other = b[j];
    if constexpr (Write) out[found] = one;
    found += one == other;
    i += one <= other;
    j += other <= one;
  }
  return found;
}

template <class I>
struct Pairs {
  Rows<I> a, b;
  const I* u;
  const I* v;
  int64_t count;

  int64_t room(int64_t p) const {
    return std::min<int64_t>(a.rowptr[u[p] + 1] - a.rowptr[u[p]],
                             b.rowptr[v[p] + 1] - b.rowptr[v[p]]);
  }
  template <bool Write>
  int64_t common(int64_t p, I* out) const {
    const int64_t a_begin = a.rowptr[u[p]], b_begin = b.rowptr[v[p]];
    return intersect<Write>(a.col + a_begin, a.rowptr[u[p] + 1] - a_begin, b.col + b_begin,
                            b.rowptr[v[p] + 1] - b_begin, out);
  }
  // Calls f(first pair, last pair) for parts of the pairs, in parallel.
  template <class F>
  void each_part(const F& f) const {
    parallel_items((count + kPairs - 1) / kPairs, count * 256, [&](int64_t part) {
      f(part * kPairs, std::min(count, (part + 1) * kPairs));
    });
  }
};

template <class T>
struct CommonArgs {
  const T* x;
  T* out;
  int64_t channels;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "common_neighbors.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

// The tensors of every operator here, dense and checked.
struct PairTensors {
  const char* op;
  Tensor rowptr_a, col_a, rowptr_b, col_b, u, v;

  PairTensors(const char* name, const Tensor& ra, const Tensor& ca, const Tensor& rb,
              const Tensor& cb, const Tensor& left, const Tensor& right)
      : op(name), rowptr_a(dense(ra)), col_a(dense(ca)), rowptr_b(dense(rb)), col_b(dense(cb)),
        u(dense(left)), v(dense(right)) {
    check_rows(op, rowptr_a, col_a);
    check_rows(op, rowptr_b, col_b);
    check(u.dim() == 1 && v.dim() == 1 && u.size(0) == v.size(0), op,
          ": u and v: expected one shape, [P]");
    check(col_a.scalar_type() == col_b.scalar_type() && u.scalar_type() == col_a.scalar_type() &&
              v.scalar_type() == col_a.scalar_type(),
          op, ": index tensors differ in dtype");
  }

  template <class I>
  Pairs<I> view() const {
    Pairs<I> pairs{rows_view<I>(op, rowptr_a, col_a), rows_view<I>(op, rowptr_b, col_b),
                   u.const_data_ptr<I>(), v.const_data_ptr<I>(), u.size(0)};
    for (int64_t p = 0; p < pairs.count; ++p) {
      check(pairs.u[p] >= 0 && pairs.u[p] < pairs.a.num_rows && pairs.v[p] >= 0 &&
                pairs.v[p] < pairs.b.num_rows,
            op, ": pair ", p, " = (", pairs.u[p], ", ", pairs.v[p], ") lies outside the ",
            pairs.a.num_rows, " and ", pairs.b.num_rows, " rows");
    }
    return pairs;
  }

  template <class F>
  auto dispatch(ScalarType value, const F& f) const {
    return dispatch_types(op, value, col_a.scalar_type(), f);
  }
};

Tensor intersect_count(Tensor rowptr_a, Tensor col_a, Tensor rowptr_b, Tensor col_b, Tensor u,
                       Tensor v) {
  const PairTensors given("intersect_count", rowptr_a, col_a, rowptr_b, col_b, u, v);
  return given.dispatch(ScalarType::Float, [&](auto, auto i) {
    using I = decltype(i);
    const auto pairs = given.view<I>();
    Tensor out = make_output<int64_t>(given.col_a, {pairs.count});
    int64_t* const count = out.mutable_data_ptr<int64_t>();
    pairs.each_part([&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p) count[p] = pairs.template common<false>(p, nullptr);
    });
    return out;
  });
}

Tensor intersect_rows(Tensor rowptr_a, Tensor col_a, Tensor rowptr_b, Tensor col_b, Tensor u,
                      Tensor v, Tensor rowptr, int64_t num_entries) {
  const PairTensors given("intersect_rows", rowptr_a, col_a, rowptr_b, col_b, u, v);
  check(rowptr.dim() == 1 && rowptr.size(0) == given.u.size(0) + 1 &&
            rowptr.scalar_type() == ScalarType::Long,
        given.op, ": rowptr: expected int64, [P+1]");
  rowptr = dense(rowptr);
  return given.dispatch(ScalarType::Float, [&](auto, auto i) {
    using I = decltype(i);
    const auto pairs = given.view<I>();
    const int64_t* const begin = rowptr.const_data_ptr<int64_t>();
    check(begin[0] == 0 && begin[pairs.count] == num_entries, given.op,
          ": rowptr does not end with the number of entries");
    for (int64_t p = 0; p < pairs.count; ++p) {
      check(begin[p] <= begin[p + 1], given.op, ": rowptr does not hold the counts of the pairs");
    }
    Tensor out = make_output<I>(given.col_a, {num_entries});
    I* const col = out.mutable_data_ptr<I>();
    std::atomic<int64_t> wrong{-1};
    pairs.each_part([&](int64_t first, int64_t last) {
      std::vector<I> common;
      for (int64_t p = first; p < last; ++p) {
        common.resize(static_cast<size_t>(pairs.room(p)) + 1);
        const int64_t found = pairs.template common<true>(p, common.data());
        if (found != begin[p + 1] - begin[p]) wrong = p;
        else std::copy(common.begin(), common.begin() + found, col + begin[p]);
      }
    });
    check(wrong < 0, given.op, ": rowptr does not hold the counts of the pairs");
    return out;
  });
}

Tensor common_neighbors(Tensor rowptr_a, Tensor col_a, Tensor rowptr_b, Tensor col_b, Tensor u,
                        Tensor v, Tensor x) {
  const PairTensors given("common_neighbors", rowptr_a, col_a, rowptr_b, col_b, u, v);
  check(x.dim() == 2, given.op, ": x: expected shape [C, F]");
  x = dense(x);
  return given.dispatch(x.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto pairs = given.view<I>();
    Tensor out = make_output<T>(x, {pairs.count, x.size(1)});
    const CommonArgs<T> args{x.const_data_ptr<T>(), out.mutable_data_ptr<T>(), x.size(1)};
    pairs.each_part([&](int64_t first, int64_t last) {
      std::array<I, kPairs + 1> rowptr{};  // the common columns of some pairs, in compressed rows
      std::vector<I> col;
      int64_t begin = first, at = 0;  // the first of those pairs, and how much they share
      const auto sum_up_to = [&](int64_t p) {
        const Rows<I> shared{rowptr.data(), col.data(), p - begin, at};
        GRAPHPOLY_CALL(sum_common, shared, args, begin);
        begin = p, at = 0;
      };
      for (int64_t p = first; p < last; ++p) {
        const int64_t room = pairs.room(p);
        if (at > 0 && at + room > kShared) sum_up_to(p);
        col.resize(static_cast<size_t>(at + room) + 1);
        at += pairs.template common<true>(p, col.data() + at);
        rowptr[p - begin + 1] = static_cast<I>(at);
      }
      sum_up_to(last);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("intersect_count", TORCH_BOX(&graphpoly::intersect_count));
  m.impl("intersect_rows", TORCH_BOX(&graphpoly::intersect_rows));
  m.impl("common_neighbors", TORCH_BOX(&graphpoly::common_neighbors));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, class I, int L, int N>
struct CommonTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> shared,
                  const CommonArgs<T> args, int64_t first_pair) {
    for (int64_t p = 0; p < shared.num_rows; ++p) {
      V sum[N] = {};
      RowSum<T, I, L, N>::add(sum, args.x + channel, args.channels, width, shared, nullptr,
                              shared.rowptr[p], shared.rowptr[p + 1]);
      T* out = args.out + (first_pair + p) * args.channels + channel;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(out, v, width, sum[v]);
    }
  }
};

template <class T, class I>
void sum_common(const Rows<I>& shared, const CommonArgs<T>& args, int64_t first_pair) {
  run_tiles<CommonTile, T, I>(0, args.channels, shared, args, first_pair);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
