// graphpoly::pair_matmul, graphpoly::pair_transpose: products and transposes of the n x n matrices
// of each graph and channel, which stand one after the other in the rows of [C, P].
//
// The matrices are small and of all sizes: a library's product of equal ones would be called once
// for each graph. A block of the result stays in registers while its sums run, in the order of k,
// so that they depend neither on the blocks nor on the number of threads.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

// One graph's matrices of one channel.
template <class T>
struct PairArgs {
  const T* a;
  const T* b;
  T* out;
  int64_t n;
  int64_t row_step, sum_step;  // from a[i, k] to a[i + 1, k] and to a[i, k + 1]
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "pair_blocks.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

// Some channels of one graph.
struct PairItem {
  int64_t n, offset, first, last;
};

struct PairItems {
  std::vector<PairItem> items;
  int64_t columns = 0;  // of all graphs
  int64_t work = 0;
};

PairItems pair_items(const char* op, const Tensor& size, const Tensor& x, int64_t power) {
  constexpr int64_t kWorkPerItem = 65536;
  check(size.dim() == 1 && size.scalar_type() == ScalarType::Long, op,
        ": size: expected int64, [B]");
  PairItems found;
  const int64_t channels = x.size(0), *sizes = size.const_data_ptr<int64_t>();
  for (int64_t g = 0; g < size.size(0); ++g) {
    const int64_t n = sizes[g];
    check(n >= 0, op, ": size: got ", n, " nodes");
    if (n == 0) continue;
    const int64_t work = power == 3 ? n * n * n : n * n;
    const int64_t step = std::max<int64_t>(1, kWorkPerItem / work);
    for (int64_t c = 0; c < channels; c += step) {
      found.items.push_back({n, found.columns, c, std::min(c + step, channels)});
    }
    found.columns += n * n;
    found.work += work * channels;
  }
  check(found.columns <= x.size(1), op, ": size: ", found.columns, " pairs of nodes, got ",
        x.size(1), " columns");
  return found;
}

template <class T>
void clear_columns(T* out, int64_t channels, int64_t width, int64_t first) {
  for (int64_t c = 0; c < channels; ++c) {
    std::fill(out + c * width + first, out + (c + 1) * width, T{});
  }
}

// out = x^T, both n x n. Whole blocks have a fixed size, which the compiler makes shuffles of.
template <class T>
void turn(const T* x, T* out, int64_t n) {
  constexpr int64_t kBlock = 8;
  const int64_t whole = n / kBlock * kBlock;
  for (int64_t i0 = 0; i0 < whole; i0 += kBlock) {
    for (int64_t j0 = 0; j0 < whole; j0 += kBlock) {
      T block[kBlock][kBlock];
      for (int64_t i = 0; i < kBlock; ++i) {
        for (int64_t j = 0; j < kBlock; ++j) block[j][i] = x[(i0 + i) * n + j0 + j];
      }
      for (int64_t j = 0; j < kBlock; ++j) {
        for (int64_t i = 0; i < kBlock; ++i) out[(j0 + j) * n + i0 + i] = block[j][i];
      }
    }
  }
  for (int64_t j = 0; j < n; ++j) {  // what is left to the right of the blocks and below
    for (int64_t i = j < whole ? whole : 0; i < n; ++i) out[j * n + i] = x[i * n + j];
  }
}

Tensor pair_matmul(Tensor size, Tensor a, Tensor b, bool transpose_a, bool transpose_b) {
  check(a.dim() == 2 && b.dim() == 2 && a.size(0) == b.size(0) && a.size(1) == b.size(1),
        "pair_matmul: a and b: expected one shape, [C, P]");
  check_like("pair_matmul", "b", b, a);
  size = dense(size), a = dense(a), b = dense(b);
  const PairItems found = pair_items("pair_matmul", size, a, 3);
  const int64_t count = static_cast<int64_t>(found.items.size()), width = a.size(1);
  return dispatch_types("pair_matmul", a.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    Tensor out = make_output<T>(a, {a.size(0), width});
    const T *left = a.const_data_ptr<T>(), *right = b.const_data_ptr<T>();
    T* products = out.mutable_data_ptr<T>();
    clear_columns(products, a.size(0), width, found.columns);
    parallel_items(count, found.work, [&](int64_t at) {
      const PairItem& item = found.items[at];
      const int64_t n = item.n;
      const Scratch<T> turned(transpose_b ? n * n : 0);
      for (int64_t c = item.first; c < item.last; ++c) {
        const int64_t start = c * width + item.offset;
        if (transpose_b) turn(right + start, turned.data(), n);
        const PairArgs<T> args{left + start, transpose_b ? turned.data() : right + start,
                               products + start, n, transpose_a ? 1 : n, transpose_a ? n : 1};
        GRAPHPOLY_CALL(pair_product, args);
      }
    });
    return out;
  });
}

template <class T>
void turn_all(const PairItems& found, const Tensor& x, Tensor& out) {
  const int64_t width = x.size(1);
  const T* from = static_cast<const T*>(x.const_data_ptr());
  T* to = static_cast<T*>(out.mutable_data_ptr());
  clear_columns(to, x.size(0), width, found.columns);
  parallel_items(static_cast<int64_t>(found.items.size()), found.work, [&](int64_t at) {
    const PairItem& item = found.items[at];
    for (int64_t c = item.first; c < item.last; ++c) {
      const int64_t start = c * width + item.offset;
      turn(from + start, to + start, item.n);
    }
  });
}

Tensor pair_transpose(Tensor size, Tensor x) {
  check(x.dim() == 2, "pair_transpose: x: expected shape [C, P]");
  size = dense(size), x = dense(x);
  const PairItems found = pair_items("pair_transpose", size, x, 2);
  Tensor out = torch::stable::empty_like(x);
  switch (x.scalar_type()) {
    case ScalarType::Float: turn_all<float>(found, x, out); break;
    case ScalarType::Double: turn_all<double>(found, x, out); break;
    case ScalarType::BFloat16:
    case ScalarType::Half: turn_all<BFloat16>(found, x, out); break;  // bits are moved
    default: check(false, "pair_transpose: x: a floating-point dtype is accepted");
  }
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("pair_matmul", TORCH_BOX(&graphpoly::pair_matmul));
  m.impl("pair_transpose", TORCH_BOX(&graphpoly::pair_transpose));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// R rows of the result in a tile of its columns.
template <class T, int L, int N, int R>
GRAPHPOLY_INLINE void product_rows(const PairArgs<T>& args, int64_t row, int64_t column,
                                   int64_t width) {
  typedef Vec<T, L> V;
  V sum[R][N] = {};
  const T* a = args.a + row * args.row_step;
  const T* b = args.b + column;
  for (int64_t k = 0; k < args.n; ++k, a += args.sum_step, b += args.n) {
    V from[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) from[v] = load_at<L, N>(b, v, width);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const T factor = a[r * args.row_step];
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sum[r][v] += factor * from[v];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    T* out = args.out + (row + r) * args.n + column;
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) store_at<L, N>(out, v, width, sum[r][v]);
  }
}

template <class T, class, int L, int N>
struct PairTile {
  static void run(int64_t column, int64_t width, const PairArgs<T>& args) {
    constexpr int kRows = 4;
    if (args.n < kRows) {
      for (int64_t row = 0; row < args.n; ++row) product_rows<T, L, N, 1>(args, row, column, width);
      return;
    }
    for (int64_t row = 0; row < args.n; row += kRows) {  // the last rows may be computed twice
      product_rows<T, L, N, kRows>(args, std::min(row, args.n - kRows), column, width);
    }
  }
};

template <class T>
void pair_product(const PairArgs<T>& args) {
  constexpr int kVectors = GRAPHPOLY_VECTOR_BYTES == 64 ? 4 : 2;  // what the registers hold
  run_tiles<PairTile, T, int32_t, kVectors>(0, args.n, args);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
