// graphpoly::spmm_max: the largest (smallest) w_e x[col_e] of each row and channel, and the entry
// that gave it; graphpoly::spmm_max_backward: what flows back through the winners, read off the
// transpose. bfloat16 is read and written as it is, and computed in float32.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

template <class S, class I>
struct MaxArgs {
  const Computed<S>* weight;
  const S* x;
  S* out;
  I* arg;
  int64_t channels;
  bool largest, far;
};

template <class S, class I>
struct MaxGradArgs {
  const I* tperm;
  const Computed<S>* weight;
  const S* grad;
  const I* arg;
  S* out;
  int64_t channels;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "spmm_max.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

std::tuple<Tensor, Tensor> spmm_max(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x,
                                    OptionalTensor, OptionalTensor, OptionalTensor, bool largest) {
  check_rows("spmm_max", rowptr, col);
  check(x.dim() == 2, "spmm_max: x: expected shape [C, F]");
  check_weight("spmm_max", weight, col.size(0), x);
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  return dispatch_stored("spmm_max", x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using S = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>("spmm_max", rowptr, col);
    Tensor out = make_output<S>(x, {a.num_rows, x.size(1)});
    Tensor arg = make_output<I>(col, {a.num_rows, x.size(1)});
    const MaxArgs<S, I> args{weight ? weight->const_data_ptr<Computed<S>>() : nullptr,
                             values<S>(x), mutable_values<S>(out), arg.mutable_data_ptr<I>(),
                             x.size(1), largest, is_far<S>(x, kSharedCache)};
    parallel_rows<S>(a, args.channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
      GRAPHPOLY_CALL(spmm_max, a, args, r0, r1, c, width);
    });
    return std::make_tuple(out, arg);
  });
}

Tensor spmm_max_backward(Tensor colptr, Tensor row, Tensor tperm, OptionalTensor weight,
                         Tensor grad, Tensor arg) {
  constexpr const char* kName = "spmm_max_backward";
  check_rows(kName, colptr, row);
  check(tperm.dim() == 1 && tperm.size(0) == row.size(0), kName, ": tperm: expected shape [E]");
  check(grad.dim() == 2 && arg.dim() == 2 && arg.size(0) == grad.size(0) &&
            arg.size(1) == grad.size(1),
        kName, ": grad and arg: expected one shape, [R, F]");
  check(tperm.scalar_type() == row.scalar_type() && arg.scalar_type() == row.scalar_type(), kName,
        ": index tensors differ in dtype");
  check_weight(kName, weight, row.size(0), grad);
  colptr = dense(colptr), row = dense(row), tperm = dense(tperm), weight = dense(weight);
  grad = dense(grad), arg = dense(arg);
  return dispatch_stored(kName, grad.scalar_type(), row.scalar_type(), [&](auto t, auto i) {
    using S = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>(kName, colptr, row);
    Tensor out = make_output<S>(grad, {a.num_rows, grad.size(1)});
    const MaxGradArgs<S, I> args{tperm.const_data_ptr<I>(),
                                 weight ? weight->const_data_ptr<Computed<S>>() : nullptr,
                                 values<S>(grad),
                                 arg.const_data_ptr<I>(),
                                 mutable_values<S>(out),
                                 grad.size(1)};
    parallel_rows<S>(a, args.channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
      GRAPHPOLY_CALL(spmm_max_backward, a, args, r0, r1, c, width);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("spmm_max", TORCH_BOX(&graphpoly::spmm_max));
  m.impl("spmm_max_backward", TORCH_BOX(&graphpoly::spmm_max_backward));
}

#else  // the kernels

#include "bfloat16_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// Integers as wide as the values, so that a comparison of values selects among them.
template <class T>
using Mask = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <class To, int L, class From>
GRAPHPOLY_INLINE Vec<To, L> convert(const From& v) {
  if constexpr (L == 1) return static_cast<To>(v);
  else return __builtin_convertvector(v, Vec<To, L>);
}

template <class S, bool Largest>
struct MaxTiles {
  template <class T, class I, int L, int N>
  struct Tile {
    typedef Vec<T, L> V;
    typedef Vec<Mask<T>, L> M;

    static void run(int64_t channel, int64_t width, const Rows<I> a, const MaxArgs<S, I> args,
                    int64_t first, int64_t last) {
      constexpr int kBytes = N * L * static_cast<int>(sizeof(S));
      const int64_t ahead = args.far ? entries_ahead(kBytes) : kLeastAhead;
      const int64_t final_entry = a.num_entries - 1;
      const S* x = args.x + channel;
      for (int64_t i = first; i < last; ++i) {
        const int64_t begin = a.rowptr[i], end = a.rowptr[i + 1];
        V best[N] = {};
        M won[N] = {};  // counted from the first entry of the row
        for (int64_t e = begin; e < end; ++e) {
          const int64_t soon = e + ahead < final_entry ? e + ahead : final_entry;
          prefetch<kBytes>(x + int64_t{a.col[soon]} * args.channels);
          const S* from = x + int64_t{a.col[e]} * args.channels;
          const T w = args.weight ? args.weight[e] : T(1);
          const M here = M{} + static_cast<Mask<T>>(e - begin);
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) {
            const V value = w * lanes_at<V, L, N>(from, v, width);
            // a NaN beats every number, and nothing beats the first NaN
            const auto better = e == begin
                ? (here == here)
                : ((Largest ? value > best[v] : value < best[v]) |
                   ((value != value) & (best[v] == best[v])));
            best[v] = better ? value : best[v];
            won[v] = better ? here : won[v];
          }
        }
        const int64_t at = i * args.channels + channel;
        const I base = static_cast<I>(end > begin ? begin : a.num_entries);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          store_lanes_at<L, N>(args.out + at, v, width, best[v]);
          const Vec<I, L> entry = convert<I, L>(won[v]) + base;
          store_at<L, N>(args.arg + at, v, width, entry);
        }
      }
    }
  };
};

template <class S, class I>
void spmm_max(const Rows<I>& a, const MaxArgs<S, I>& args, int64_t first, int64_t last,
              int64_t channel, int64_t channels) {
  using T = Computed<S>;
  if (args.largest) {
    run_tiles<MaxTiles<S, true>::template Tile, T, I>(channel, channels, a, args, first, last);
  } else {
    run_tiles<MaxTiles<S, false>::template Tile, T, I>(channel, channels, a, args, first, last);
  }
}

template <class S>
struct MaxGrads {
  template <class T, class I, int L, int N>
  struct Tile {
    typedef Vec<T, L> V;

    static void run(int64_t channel, int64_t width, const Rows<I> a, const MaxGradArgs<S, I> args,
                    int64_t first, int64_t last) {
      constexpr int64_t kAhead = entries_ahead(N * L * static_cast<int>(sizeof(S) + sizeof(I)));
      const int64_t final_entry = a.num_entries - 1;
      for (int64_t j = first; j < last; ++j) {
        V sum[N] = {};
        for (int64_t t = a.rowptr[j]; t < int64_t{a.rowptr[j + 1]}; ++t) {
          const int64_t soon = t + kAhead < final_entry ? t + kAhead : final_entry;
          const int64_t later = int64_t{a.col[soon]} * args.channels + channel;
          prefetch<N * L * static_cast<int>(sizeof(S))>(args.grad + later);
          prefetch<N * L * static_cast<int>(sizeof(I))>(args.arg + later);
          const int64_t from = int64_t{a.col[t]} * args.channels + channel;
          const int64_t entry = args.tperm[t];
          const T w = args.weight ? args.weight[entry] : T(1);
          const Vec<I, L> wanted = Vec<I, L>{} + static_cast<I>(entry);
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) {
            const auto won = load_at<L, N>(args.arg + from, v, width) == wanted;
            const V value = w * lanes_at<V, L, N>(args.grad + from, v, width);
            sum[v] = sum[v] + (convert<Mask<T>, L>(won) ? value : V{});
          }
        }
        S* out = args.out + j * args.channels + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) store_lanes_at<L, N>(out, v, width, sum[v]);
      }
    }
  };
};

template <class S, class I>
void spmm_max_backward(const Rows<I>& a, const MaxGradArgs<S, I>& args, int64_t first,
                       int64_t last, int64_t channel, int64_t channels) {
  run_tiles<MaxGrads<S>::template Tile, Computed<S>, I>(channel, channels, a, args, first, last);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
