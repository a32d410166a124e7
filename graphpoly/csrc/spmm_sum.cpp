// graphpoly::spmm_sum: out[i] = sum_e w_e x[col_e], or the mean over the entries.
//
// The product is bound by the gathering of rows of x. A panel of the output row stays in
// registers while its entries are walked, the rows of later entries are prefetched, and ranges of
// rows hold equal numbers of entries, so that hubs do not keep one thread busy alone.
#ifndef GRAPHPOLY_SIMD

#include "layers.h"

namespace graphpoly {
namespace {

template <class T>
struct SumArgs {
  const Computed<T>* weight;
  const T* x;
  const T* own;  // of which a row is added to each sum `root` times, or nothing
  Computed<T> root;
  T* out;
  int64_t channels;
  bool mean;
  bool far;  // what is near need not be fetched ahead, which costs an eighth of the time
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "spmm_sum.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

template <class T, class I>
Tensor run_sum(const Tensor& rowptr, const Tensor& col, const OptionalTensor& weight,
               const Tensor& x, bool mean, const OptionalTensor& own = std::nullopt,
               double root = 1) {
  const auto a = rows_view<I>("spmm_sum", rowptr, col);
  Tensor out = make_output<T>(x, {a.num_rows, x.size(1)});
  const SumArgs<T> args{weight ? weight->const_data_ptr<Computed<T>>() : nullptr, values<T>(x),
                        own ? values<T>(*own) : nullptr, static_cast<Computed<T>>(root),
                        mutable_values<T>(out), x.size(1), mean, is_far<T>(x, kOwnCache)};
  const auto one = [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
    GRAPHPOLY_CALL(spmm_sum, a, args, r0, r1, c, width);
  };
  parallel_rows<T>(a, args.channels, one, !is_far<T>(x, kSharedCache));
  return out;
}

}  // namespace

Tensor spmm_sum(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, OptionalTensor,
                OptionalTensor, OptionalTensor, bool mean) {
  check_rows("spmm_sum", rowptr, col);
  check(x.dim() == 2, "spmm_sum: x: expected shape [C, F]");
  check_weight("spmm_sum", weight, col.size(0), x);
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  return dispatch_stored("spmm_sum", x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    return run_sum<decltype(t), decltype(i)>(rowptr, col, weight, x, mean);
  });
}

Tensor rooted_sum(Tensor rowptr, Tensor col, Tensor x, double root) {
  check_rows("rooted_sum", rowptr, col);
  check(x.dim() == 2 && x.size(0) == rowptr.size(0) - 1, "rooted_sum: x: expected shape [R, F]");
  rowptr = dense(rowptr), col = dense(col), x = dense(x);
  return dispatch_types("rooted_sum", x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    return run_sum<decltype(t), decltype(i)>(rowptr, col, std::nullopt, x, false, x, root);
  });
}

Tensor sum_onto(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, OptionalTensor onto) {
  check_rows("sum_onto", rowptr, col);
  check(x.dim() == 2, "sum_onto: x: expected shape [C, F]");
  check_weight("sum_onto", weight, col.size(0), x);
  if (onto) {
    check_like("sum_onto", "onto", *onto, x);
    check(onto->dim() == 2 && onto->size(0) == rowptr.size(0) - 1 && onto->size(1) == x.size(1),
          "sum_onto: onto: expected shape [R, F]");
  }
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  onto = dense(onto);
  return dispatch_types("sum_onto", x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    return run_sum<decltype(t), decltype(i)>(rowptr, col, weight, x, false, onto);
  });
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("spmm_sum", TORCH_BOX(&graphpoly::spmm_sum));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, class I, int L, int N>
struct SumTile {
  typedef Values<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> a, const SumArgs<T> args,
                  int64_t first, int64_t last) {
    const T* x = args.x + channel;
    T* out = args.out + first * args.channels + channel;
    int64_t begin = a.rowptr[first];
    for (int64_t i = first; i < last; ++i, out += args.channels) {
      const int64_t end = a.rowptr[i + 1];
      V sum[N] = {};
      if (args.far) {
        RowSum<T, I, L, N>::add(sum, x, args.channels, width, a, args.weight, begin, end);
      } else {
        RowSum<T, I, L, N>::template add<false>(sum, x, args.channels, width, a, args.weight,
                                                begin, end);
      }
      if (args.mean && end > begin) {
        const auto count = static_cast<Computed<T>>(end - begin);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] = sum[v] / count;
      }
      if (args.own) {
        const T* own = args.own + i * args.channels + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] += args.root * load_at<L, N>(own, v, width);
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(out, v, width, sum[v]);
      begin = end;
    }
  }
};

template <class T, class I>
void spmm_sum(const Rows<I>& a, const SumArgs<T>& args, int64_t first, int64_t last,
              int64_t channel, int64_t channels) {
  run_tiles<SumTile, T, I>(channel, channels, a, args, first, last);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
