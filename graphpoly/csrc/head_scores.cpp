// graphpoly::head_scores and its gradient: the products of each head's features with one vector of
// attention or two, in one pass over the features.
#ifndef GRAPHPOLY_SIMD

#include "layers.h"

namespace graphpoly {
namespace {

constexpr int64_t kRowsOfAnItem = 128;

template <class T>
struct Scores {
  const T* x;                      // [N, H, C]
  const T *first, *second;         // [H, C]; the second may be missing
  int64_t heads, channels;
  T *to_first, *to_second;         // [N, H]
};

template <class T>
struct ScoreGrads {
  const T *of_first, *of_second;   // [N, H]
  T* to_x;                         // or null
  bool add;                        // to what is there
  T *to_first, *to_second;         // [H, C], of one range of rows
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "head_scores.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kScores = "head_scores";
constexpr const char* kScoresBackward = "head_scores_backward";

void check_heads(const char* op, const Tensor& x, const Tensor& first,
                 const OptionalTensor& second) {
  check(x.dim() == 3, op, ": x: expected shape [N, H, C]");
  for (const OptionalTensor& t : {OptionalTensor(first), second}) {
    if (!t) continue;
    check(t->dim() == 2 && t->size(0) == x.size(1) && t->size(1) == x.size(2), op,
          ": first and second: expected shape [", x.size(1), ", ", x.size(2), "]");
    check_like(op, "first and second", *t, x);
  }
}

template <class F>
void each_range(int64_t rows, int64_t size, const F& f) {
  const int64_t count = (rows + kRowsOfAnItem - 1) / kRowsOfAnItem;
  parallel_items(count, rows * size, [&](int64_t range) {
    const int64_t first = range * kRowsOfAnItem;
    f(range, first, std::min(rows, first + kRowsOfAnItem));
  });
}

// `deep` scores are [N, H, 1].
std::tuple<Tensor, Tensor> scores_of(Tensor x, Tensor first, OptionalTensor second, bool deep) {
  x = dense(x), first = dense(first), second = dense(second);
  return dispatch_types(kScores, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t rows = x.size(0), heads = x.size(1), channels = x.size(2);
    const auto make = [&](int64_t count) {
      return deep ? make_output<T>(x, {count, heads, 1}) : make_output<T>(x, {count, heads});
    };
    Tensor one = make(rows), two = make(second ? rows : 0);
    const Scores<T> scores{x.const_data_ptr<T>(), first.const_data_ptr<T>(),
                           second ? second->const_data_ptr<T>() : nullptr, heads, channels,
                           one.mutable_data_ptr<T>(), two.mutable_data_ptr<T>()};
    each_range(rows, heads * channels, [&](int64_t, int64_t from, int64_t to) {
      GRAPHPOLY_CALL(head_scores<T>, scores, from, to);
    });
    return std::tuple(one, two);
  });
}

std::tuple<Tensor, Tensor> head_scores(Tensor x, Tensor first, OptionalTensor second) {
  check_heads(kScores, x, first, second);
  return scores_of(x, first, second, false);
}

// Where there is `onto`, the gradient of x is added to it, and vectors are [1, H, C].
std::tuple<Tensor, Tensor, Tensor> gradients(Tensor x, Tensor first, OptionalTensor second,
                                             Tensor of_first, OptionalTensor of_second, bool to_x,
                                             const OptionalTensor& onto) {
  x = dense(x), first = dense(first), second = dense(second);
  of_first = dense(of_first), of_second = dense(of_second);
  return dispatch_types(kScoresBackward, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t rows = x.size(0), heads = x.size(1), channels = x.size(2);
    const int64_t size = heads * channels, vectors = second ? 2 : 1;
    const int64_t ranges = (rows + kRowsOfAnItem - 1) / kRowsOfAnItem;
    Tensor for_x = onto ? *onto : make_output<T>(x, {to_x ? rows : 0, heads, channels});
    const auto make = [&](int64_t count) {
      return onto ? make_output<T>(x, {1, count, channels}) : make_output<T>(x, {count, channels});
    };
    Tensor one = make(heads), two = make(second ? heads : 0);
    const Scores<T> scores{x.const_data_ptr<T>(), first.const_data_ptr<T>(),
                           second ? second->const_data_ptr<T>() : nullptr, heads, channels,
                           nullptr, nullptr};
    // sums of each range, added in the order of the ranges whoever computed them
    std::vector<T> partial(static_cast<size_t>(ranges * vectors * size), T(0));
    each_range(rows, size, [&](int64_t range, int64_t from, int64_t to) {
      T* const sums = partial.data() + range * vectors * size;
      const ScoreGrads<T> grads{of_first.const_data_ptr<T>(),
                                second ? of_second->const_data_ptr<T>() : nullptr,
                                to_x ? for_x.mutable_data_ptr<T>() : nullptr, onto.has_value(), sums,
                                sums + size};
      GRAPHPOLY_CALL(head_scores_backward<T>, scores, grads, from, to);
    });
    for (int64_t v = 0; v < vectors; ++v) {
      T* const sum = (v ? two : one).template mutable_data_ptr<T>();
      std::fill_n(sum, size, T(0));
      for (int64_t range = 0; range < ranges; ++range) {
        const T* from = partial.data() + (range * vectors + v) * size;
        for (int64_t k = 0; k < size; ++k) sum[k] += from[k];
      }
    }
    return std::tuple(for_x, one, two);
  });
}

std::tuple<Tensor, Tensor, Tensor> head_scores_backward(Tensor x, Tensor first,
                                                        OptionalTensor second, Tensor of_first,
                                                        OptionalTensor of_second, bool to_x) {
  check_heads(kScoresBackward, x, first, second);
  check(second.has_value() == of_second.has_value(), kScoresBackward,
        ": second and of_second: expected both or neither");
  for (const OptionalTensor& t : {OptionalTensor(of_first), of_second}) {
    if (!t) continue;
    check(t->dim() == 2 && t->size(0) == x.size(0) && t->size(1) == x.size(1), kScoresBackward,
          ": of_first and of_second: expected shape [N, H]");
    check_like(kScoresBackward, "of_first and of_second", *t, x);
  }
  return gradients(x, first, second, of_first, of_second, to_x, std::nullopt);
}

}  // namespace

std::tuple<Tensor, Tensor> deep_head_scores(Tensor x, Tensor first, Tensor second) {
  return scores_of(x, first, second, true);
}

std::tuple<Tensor, Tensor> deep_head_scores_backward(Tensor x, Tensor first, Tensor second,
                                                     Tensor of_first, Tensor of_second,
                                                     Tensor onto) {
  const auto [same, one, two] = gradients(x, first, second, of_first, of_second, true, onto);
  return {one, two};
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("head_scores", TORCH_BOX(&graphpoly::head_scores));
  m.impl("head_scores_backward", TORCH_BOX(&graphpoly::head_scores_backward));
}

#else  // the kernels

#include "arithmetic_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, int L = kLanes<T>>
GRAPHPOLY_INLINE T inner_product(const T* a, const T* b, int64_t count) {
  if constexpr (L == 1) {
    T sum = 0;
    for (int64_t c = 0; c < count; ++c) sum += a[c] * b[c];
    return sum;
  } else {
    if (count < L) return inner_product<T, L / 2>(a, b, count);
    typedef Vec<T, L> V;
    V sum[1] = {};
    int64_t c = 0;
    for (; c + L <= count; c += L) sum[0] += load<V>(a + c) * load<V>(b + c);
    T lanes[L];
    store(lanes, sum_lanes<T, L>(sum));
    return c < count ? lanes[0] + inner_product<T, L / 2>(a + c, b + c, count - c) : lanes[0];
  }
}

// Four heads of whole vectors, whose products are summed side by side.
template <class T>
GRAPHPOLY_INLINE void score_heads(const T* x, const T* vector, int64_t channels, T* to) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  V sum[4] = {};
  for (int64_t c = 0; c < channels; c += L) {
#pragma GCC unroll 4
    for (int h = 0; h < 4; ++h) {
      sum[h] += load<V>(x + h * channels + c) * load<V>(vector + h * channels + c);
    }
  }
  const V sums = sum_lanes<T, L>(sum);
  __builtin_memcpy(to, &sums, 4 * sizeof(T));
}

template <class T>
void head_scores(const Scores<T>& scores, int64_t first, int64_t last) {
  const Scores<T> s = scores;
  if constexpr (kLanes<T> >= 4) {
    if (s.channels % kLanes<T> == 0 && s.heads % 4 == 0) {
      for (int64_t i = first * s.heads; i < last * s.heads; i += 4) {
        const T* x = s.x + i * s.channels;
        const int64_t place = i % s.heads * s.channels;
        score_heads(x, s.first + place, s.channels, s.to_first + i);
        if (s.second) score_heads(x, s.second + place, s.channels, s.to_second + i);
      }
      return;
    }
  }
  for (int64_t i = first * s.heads; i < last * s.heads; ++i) {
    const T* x = s.x + i * s.channels;
    const int64_t place = i % s.heads * s.channels;
    s.to_first[i] = inner_product(x, s.first + place, s.channels);
    if (s.second) s.to_second[i] = inner_product(x, s.second + place, s.channels);
  }
}

// Some channels of one head, whose sums are kept in registers; returns how many.
template <class T, int L = kLanes<T>>
GRAPHPOLY_INLINE int64_t score_lanes(int64_t left, const Scores<T>& scores,
                                     const ScoreGrads<T>& grads, int64_t first, int64_t last,
                                     int64_t head, int64_t channel) {
  if constexpr (L > 1) {
    if (left < L) {
      return score_lanes<T, L / 2>(left, scores, grads, first, last, head, channel);
    }
  }
  typedef Vec<T, L> V;
  const int64_t heads = scores.heads, place = head * scores.channels + channel;
  const T *const of_first = grads.of_first, *const of_second = grads.of_second;
  T* const to_x = grads.to_x;
  const bool add = grads.add;
  const V one = load<V>(scores.first + place), none = {};
  const V two = scores.second ? load<V>(scores.second + place) : none;
  V to_first = {}, to_second = {};
  for (int64_t i = first; i < last; ++i) {
    const int64_t here = i * heads * scores.channels + place;
    const V x = load<V>(scores.x + here);
    const T a = of_first[i * heads + head], b = of_second ? of_second[i * heads + head] : T(0);
    to_first += a * x, to_second += b * x;
    if (to_x) store(to_x + here, (add ? load<V>(to_x + here) : none) + (a * one + b * two));
  }
  store(grads.to_first + place, to_first);
  if (scores.second) store(grads.to_second + place, to_second);
  return L;
}

template <class T>
void head_scores_backward(const Scores<T>& scores, const ScoreGrads<T>& grads, int64_t first,
                          int64_t last) {
  for (int64_t head = 0; head < scores.heads; ++head) {
    for (int64_t c = 0; c < scores.channels;) {
      c += score_lanes<T>(scores.channels - c, scores, grads, first, last, head, c);
    }
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
