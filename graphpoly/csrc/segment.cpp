// graphpoly::segment_softmax, its gradient, and graphpoly::segment_logsumexp: over the entries of
// each row, head by head.
//
// A row is read once from memory and walked again in the cache: for its maximum, its exponentials
// and their sum, and the division. Exponentials are a polynomial on whole vectors.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

#include <cmath>

namespace graphpoly {
namespace {

template <class T>
struct SegmentArgs {
  const T* value;
  const T* grad;
  T* out;
  int64_t channels;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "segment.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

// `col` of the view says where each entry stands in `value`; null where they are in order.
template <class I>
Rows<I> segments_view(const char* op, const Tensor& rowptr, const OptionalTensor& perm,
                      const Tensor& value) {
  if (perm.has_value()) return rows_view<I>(op, rowptr, *perm);
  const int64_t num_rows = rowptr.size(0) - 1, num_entries = value.size(0);
  Rows<I> view{rowptr.const_data_ptr<I>(), nullptr, num_rows, num_entries};
  check(view.rowptr[0] == 0 && view.rowptr[num_rows] == num_entries, op, ": rowptr: got ",
        view.rowptr[0], " to ", view.rowptr[num_rows], ", expected 0 to ", num_entries);
  return view;
}

void check_segments(const char* op, const Tensor& rowptr, const OptionalTensor& perm,
                    const Tensor& value) {
  check(rowptr.dim() == 1 && rowptr.size(0) > 0, op, ": rowptr: expected one dimension, [R+1]");
  check(value.dim() == 2, op, ": value: expected shape [E, H]");
  if (!perm.has_value()) return;
  check_rows(op, rowptr, *perm);
  check(perm->size(0) == value.size(0), op, ": perm: expected shape [E]");
}

Tensor segment_softmax(Tensor rowptr, OptionalTensor perm, Tensor value) {
  constexpr const char* kName = "segment_softmax";
  check_segments(kName, rowptr, perm, value);
  rowptr = dense(rowptr), perm = dense(perm), value = dense(value);
  return dispatch_types(kName, value.scalar_type(), rowptr.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = segments_view<I>(kName, rowptr, perm, value);
    Tensor out = make_output<T>(value, {value.size(0), value.size(1)});
    const SegmentArgs<T> args{value.const_data_ptr<T>(), nullptr, out.mutable_data_ptr<T>(),
                              value.size(1)};
    parallel_rows<T>(a, args.channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
      GRAPHPOLY_CALL(segment_softmax, a, args, r0, r1, c, width);
    });
    return out;
  });
}

Tensor segment_softmax_backward(Tensor rowptr, OptionalTensor perm, Tensor out, Tensor grad) {
  constexpr const char* kName = "segment_softmax_backward";
  check_segments(kName, rowptr, perm, out);
  check(grad.dim() == 2 && grad.size(0) == out.size(0) && grad.size(1) == out.size(1), kName,
        ": grad: expected shape [E, H]");
  check_like(kName, "grad", grad, out);
  rowptr = dense(rowptr), perm = dense(perm), out = dense(out), grad = dense(grad);
  return dispatch_types(kName, out.scalar_type(), rowptr.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = segments_view<I>(kName, rowptr, perm, out);
    Tensor result = make_output<T>(out, {out.size(0), out.size(1)});
    const SegmentArgs<T> args{out.const_data_ptr<T>(), grad.const_data_ptr<T>(),
                              result.mutable_data_ptr<T>(), out.size(1)};
    parallel_rows<T>(a, args.channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
      GRAPHPOLY_CALL(segment_softmax_backward, a, args, r0, r1, c, width);
    });
    return result;
  });
}

Tensor segment_logsumexp(Tensor rowptr, OptionalTensor perm, Tensor value) {
  constexpr const char* kName = "segment_logsumexp";
  check_segments(kName, rowptr, perm, value);
  rowptr = dense(rowptr), perm = dense(perm), value = dense(value);
  return dispatch_types(kName, value.scalar_type(), rowptr.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = segments_view<I>(kName, rowptr, perm, value);
    Tensor out = make_output<T>(value, {a.num_rows, value.size(1)});
    const SegmentArgs<T> args{value.const_data_ptr<T>(), nullptr, out.mutable_data_ptr<T>(),
                              value.size(1)};
    parallel_rows<T>(a, args.channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
      GRAPHPOLY_CALL(segment_logsumexp, a, args, r0, r1, c, width);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("segment_softmax", TORCH_BOX(&graphpoly::segment_softmax));
  m.impl("segment_softmax_backward", TORCH_BOX(&graphpoly::segment_softmax_backward));
  m.impl("segment_logsumexp", TORCH_BOX(&graphpoly::segment_logsumexp));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T>
struct Exp;

// exp(x) = 2^n exp(r), |r| <= log(2) / 2: n is rounded by adding a number whose last place is 1,
// r is exact thanks to log(2) in two parts, and exp(r) is its Taylor polynomial.
template <>
struct Exp<float> {
  using Bits = int32_t;
  static constexpr float kLog2e = 1.44269504f, kHigh = 0.693359375f, kLow = -2.12194440e-4f;
  static constexpr float kRound = 12582912.0f, kLeast = -87.3f, kMost = 88.3f;
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kTerms[] = {1.f / 5040, 1.f / 720, 1.f / 120, 1.f / 24,
                                     1.f / 6,    0.5f,      1.f,       1.f};
};
template <>
struct Exp<double> {
  using Bits = int64_t;
  static constexpr double kLog2e = 1.4426950408889634, kHigh = 6.93147180369123816490e-01,
                          kLow = 1.90821492927058770002e-10;
  static constexpr double kRound = 6755399441055744.0, kLeast = -708.3, kMost = 709.0;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kTerms[] = {
      1. / 6227020800., 1. / 479001600., 1. / 39916800., 1. / 3628800., 1. / 362880.,
      1. / 40320.,      1. / 5040.,      1. / 720.,      1. / 120.,     1. / 24.,
      1. / 6.,          0.5,             1.,             1.};
};

// Zero below the normal numbers; a NaN stays one.
template <class T, int L>
GRAPHPOLY_INLINE Vec<T, L> exponential(const Vec<T, L>& given) {
  typedef Vec<T, L> V;
  typedef Vec<typename Exp<T>::Bits, L> B;
  V x = given < Exp<T>::kLeast ? V{} + Exp<T>::kLeast : given;
  x = x > Exp<T>::kMost ? V{} + Exp<T>::kMost : x;
  const V n = (x * Exp<T>::kLog2e + Exp<T>::kRound) - Exp<T>::kRound;
  const V r = (x - n * Exp<T>::kHigh) - n * Exp<T>::kLow;
  V value = V{} + Exp<T>::kTerms[0];
  for (size_t k = 1; k < std::size(Exp<T>::kTerms); ++k) value = value * r + Exp<T>::kTerms[k];
  B power;
  if constexpr (L == 1) power = n == n ? static_cast<B>(n) : 0;
  else power = __builtin_convertvector(n, B);
  power = (power + Exp<T>::kBias) << Exp<T>::kMantissa;
  V scale;
  __builtin_memcpy(&scale, &power, sizeof(V));
  return given < Exp<T>::kLeast ? V{} : value * scale;
}

template <class I>
GRAPHPOLY_INLINE int64_t where(const Rows<I>& a, int64_t entry) {
  return a.col ? static_cast<int64_t>(a.col[entry]) : entry;
}

// The maximum of a row, and the sum of the exponentials above it.
template <class T, class I, int L, int N, class Each>
GRAPHPOLY_INLINE void exponentials(typename VecOf<T, L>::type (&best)[N],
                                   typename VecOf<T, L>::type (&sum)[N], const Rows<I>& a,
                                   const T* value, int64_t channels, int64_t width, int64_t begin,
                                   int64_t end, const Each& each) {
  typedef Vec<T, L> V;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  constexpr int64_t kAhead = entries_ahead(sizeof(best));
  const int64_t final_entry = a.num_entries - 1;
#pragma GCC unroll 8
  for (int v = 0; v < N; ++v) best[v] = V{} - kInfinity, sum[v] = V{};
  for (int64_t e = begin; e < end; ++e) {
    if (a.col) {
      const int64_t soon = e + kAhead < final_entry ? e + kAhead : final_entry;
      prefetch<N * static_cast<int>(sizeof(V))>(value + int64_t{a.col[soon]} * channels);
    }
    const T* from = value + where(a, e) * channels;
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      const V here = load_at<L, N>(from, v, width);
      best[v] = here > best[v] ? here : best[v];
    }
  }
  for (int64_t e = begin; e < end; ++e) {
    const int64_t at = where(a, e) * channels;
    V power[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      power[v] = exponential<T, L>(load_at<L, N>(value + at, v, width) - best[v]);
      sum[v] += power[v];
    }
    each(at, power);
  }
}

template <class T, class I, int L, int N>
struct SoftmaxTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> a, const SegmentArgs<T> args,
                  int64_t first, int64_t last) {
    T* const out = args.out + channel;
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = a.rowptr[i], end = a.rowptr[i + 1];
      V best[N], sum[N];
      exponentials<T, I, L, N>(best, sum, a, args.value + channel, args.channels, width, begin,
                               end, [&](int64_t at, const V(&power)[N]) {
#pragma GCC unroll 8
                                 for (int v = 0; v < N; ++v) {
                                   store_at<L, N>(out + at, v, width, power[v]);
                                 }
                               });
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sum[v] = T(1) / sum[v];
      for (int64_t e = begin; e < end; ++e) {
        T* to = out + where(a, e) * args.channels;
        V value[N];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) value[v] = load_at<L, N>(to, v, width) * sum[v];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) store_at<L, N>(to, v, width, value[v]);
      }
    }
  }
};

template <class T, class I>
void segment_softmax(const Rows<I>& a, const SegmentArgs<T>& args, int64_t first, int64_t last,
                     int64_t channel, int64_t channels) {
  run_tiles<SoftmaxTile, T, I, 4>(channel, channels, a, args, first, last);
}

template <class T, class I, int L, int N>
struct SoftmaxGradTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> a, const SegmentArgs<T> args,
                  int64_t first, int64_t last) {
    constexpr int64_t kAhead = entries_ahead(2 * N * static_cast<int>(sizeof(V)));
    const int64_t final_entry = a.num_entries - 1;
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = a.rowptr[i], end = a.rowptr[i + 1];
      V sum[N] = {};
      for (int64_t e = begin; e < end; ++e) {
        if (a.col) {
          const int64_t soon = e + kAhead < final_entry ? e + kAhead : final_entry;
          const int64_t later = int64_t{a.col[soon]} * args.channels + channel;
          prefetch<N * static_cast<int>(sizeof(V))>(args.value + later);
          prefetch<N * static_cast<int>(sizeof(V))>(args.grad + later);
        }
        const int64_t at = where(a, e) * args.channels + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          sum[v] += load_at<L, N>(args.value + at, v, width) *
                    load_at<L, N>(args.grad + at, v, width);
        }
      }
      for (int64_t e = begin; e < end; ++e) {
        const int64_t at = where(a, e) * args.channels + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          const V value = load_at<L, N>(args.value + at, v, width) *
                          (load_at<L, N>(args.grad + at, v, width) - sum[v]);
          store_at<L, N>(args.out + at, v, width, value);
        }
      }
    }
  }
};

template <class T, class I>
void segment_softmax_backward(const Rows<I>& a, const SegmentArgs<T>& args, int64_t first,
                              int64_t last, int64_t channel, int64_t channels) {
  run_tiles<SoftmaxGradTile, T, I, 4>(channel, channels, a, args, first, last);
}

template <class T, class I, int L, int N>
struct LogSumTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> a, const SegmentArgs<T> args,
                  int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = a.rowptr[i], end = a.rowptr[i + 1];
      V best[N], sum[N];
      exponentials<T, I, L, N>(best, sum, a, args.value + channel, args.channels, width, begin,
                               end, [](int64_t, const V(&)[N]) {});
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        T high[L], total[L];
        store(high, best[v]), store(total, sum[v]);
        for (int l = 0; l < L; ++l) {
          if (begin == end) total[l] = T(0);
          else if (std::isinf(high[l])) total[l] = limit(a, args, begin, end, channel +
                                                         place<L, N>(v, width) + l);
          else total[l] = std::log(total[l]) + high[l];
        }
        store_at<L, N>(args.out + i * args.channels + channel, v, width, load<V>(total));
      }
    }
  }

  // Of a row whose maximum is infinite or that holds nothing but NaN: no number matters there.
  static T limit(const Rows<I>& a, const SegmentArgs<T>& args, int64_t begin, int64_t end,
                 int64_t channel) {
    T best = -std::numeric_limits<T>::infinity();
    for (int64_t e = begin; e < end; ++e) {
      const T value = args.value[where(a, e) * args.channels + channel];
      if (std::isnan(value)) return value;
      best = value > best ? value : best;
    }
    return best;
  }
};

template <class T, class I>
void segment_logsumexp(const Rows<I>& a, const SegmentArgs<T>& args, int64_t first, int64_t last,
                       int64_t channel, int64_t channels) {
  run_tiles<LogSumTile, T, I, 4>(channel, channels, a, args, first, last);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
