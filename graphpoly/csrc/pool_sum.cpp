// graphpoly::pool_sum: the sum or mean of the rows of each group, in their order.
//
// Batches come sorted by graph: the rows of a group then stand together, and no operator has to be
// made of the index first. Where they do not, a counting sort puts them in order.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

template <class T>
struct PoolArgs {
  const T* x;
  T* out;
  int64_t channels;
  const int64_t* order;  // which row comes where, or nothing where they stand so
  bool mean;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "pool_sum.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kName = "pool_sum";

// Counts the rows of each group into ptr[group + 1]; whether groups ascend.
template <class I>
bool count_rows(const I* group, int64_t rows, int64_t groups, int64_t* ptr) {
  bool ascending = true;
  int64_t before = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = group[r];
    check(at >= 0 && at < groups, kName, ": index ", at, " lies outside [0, ", groups, ")");
    ++ptr[at + 1];
    ascending &= at >= before;
    before = at;
  }
  return ascending;
}

Tensor pool_sum(Tensor x, Tensor index, int64_t groups, bool mean) {
  check(x.dim() == 2, kName, ": x: expected shape [N, F]");
  check(index.dim() == 1 && index.size(0) == x.size(0), kName, ": index: expected shape [",
        x.size(0), "]");
  check(groups >= 0, kName, ": size: expected at least 0");
  x = dense(x), index = dense(index);
  return dispatch_stored(kName, x.scalar_type(), index.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const int64_t rows = x.size(0), channels = x.size(1);
    Tensor out = make_output<T>(x, {groups, channels});
    const Scratch<int64_t> memory(groups + 1 + rows);
    int64_t *const ptr = memory.data(), *const order = ptr + groups + 1;
    std::fill_n(ptr, groups + 1, int64_t{0});
    const I* const group = index.const_data_ptr<I>();
    const bool ascending = count_rows(group, rows, groups, ptr);
    for (int64_t g = 0; g < groups; ++g) ptr[g + 1] += ptr[g];
    if (!ascending) {
      const Scratch<int64_t> next(groups);
      std::copy_n(ptr, groups, next.data());
      for (int64_t r = 0; r < rows; ++r) order[next.data()[group[r]]++] = r;
    }
    const Rows<int64_t> a{ptr, nullptr, groups, rows};
    const PoolArgs<T> args{values<T>(x), mutable_values<T>(out), channels,
                           ascending ? nullptr : order, mean};
    parallel_rows<T>(a, channels, [&](int64_t first, int64_t last, int64_t c, int64_t width) {
      GRAPHPOLY_CALL(pool_sum, a, args, first, last, c, width);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("pool_sum", TORCH_BOX(&graphpoly::pool_sum));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, class I, int L, int N>
struct PoolTile {
  typedef Values<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> a, const PoolArgs<T> args,
                  int64_t first, int64_t last) {
    const T* x = args.x + channel;
    T* out = args.out + first * args.channels + channel;
    for (int64_t g = first; g < last; ++g, out += args.channels) {
      const int64_t begin = a.rowptr[g], end = a.rowptr[g + 1];
      V sum[N] = {};
      for (int64_t r = begin; r < end; ++r) {
        const T* from = x + (args.order ? args.order[r] : r) * args.channels;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] += load_at<L, N>(from, v, width);
      }
      if (args.mean && end > begin) {
        const auto count = static_cast<Computed<T>>(end - begin);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] = sum[v] / count;
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(out, v, width, sum[v]);
    }
  }
};

template <class T, class I>
void pool_sum(const Rows<I>& a, const PoolArgs<T>& args, int64_t first, int64_t last,
              int64_t channel, int64_t channels) {
  run_tiles<PoolTile, T, I>(channel, channels, a, args, first, last);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
