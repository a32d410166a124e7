// graphpoly::attention: softmax over the entries of a row, head by head, and the sum that it
// weights.
//
// A row is read once. Of each block of its entries the scores are made, then the largest so far;
// if it grew, the sums so far are scaled down. The block's weights meet the features while these
// are in the cache. Short rows of simple scores go side by side: attention_short.h.
//
// bfloat16 is read and written as it is, and computed in float32; what scores are made of may be
// float32 beside it.
#ifndef GRAPHPOLY_SIMD

#include "attention.h"
#include "layers.h"

namespace graphpoly {
namespace {

template <class S>
struct AttentionOut {
  S* out;
  Computed<S>* lse;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "attention.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

template <class A, class S, class I>
void attend_short(const Rows<I>& a, const A& at, const AttentionOut<S>& to, int64_t first,
                  int64_t last, char* memory) {
  const int64_t most = kChunkLanes / at.heads;
  for_spans(a, static_cast<const I*>(nullptr), most, first, last, [&](const RowSpan& span) {
    if (span.end() - span.begin() <= most) {
      GRAPHPOLY_CALL(short_rows, span, at, to, memory);
    } else {
      GRAPHPOLY_CALL(attention, a, at, to, span.first, span.last, memory);
    }
  });
}

template <class S, class Q, class I>
void attend(const Rows<I>& a, const Attention<S, Q>& at, const AttentionOut<S>& to, int64_t first,
            int64_t last) {
  const Scratch<char> memory(static_cast<int64_t>(at.arena_bytes()));
  if constexpr (std::is_same_v<Q, Computed<S>>) {
    if (at.is_short()) return attend_short(a, at, to, first, last, memory.data());
  }
  GRAPHPOLY_CALL(attention, a, at, to, first, last, memory.data());
}

}  // namespace

std::tuple<Tensor, Tensor> attention(Tensor rowptr, Tensor col, Tensor target, Tensor source,
                                     Tensor value, OptionalTensor edge, OptionalTensor att,
                                     OptionalTensor seed, OptionalTensor, OptionalTensor,
                                     OptionalTensor, bool additive, double scale, double slope,
                                     double dropout) {
  const AttentionInputs in("attention", rowptr, col, target, source, value, edge, att, seed,
                           additive);
  return in.dispatch("attention", [&](auto s, auto q, auto i) {
    using S = decltype(s);
    using T = Computed<S>;
    using I = decltype(i);
    const auto a = rows_view<I>("attention", in.rowptr, in.col);
    const auto at = in.view<S, decltype(q)>(additive, scale, slope, dropout);
    Tensor out = make_output<S>(value, {a.num_rows, at.heads, at.width});
    Tensor lse = make_output<T>(value, {a.num_rows, at.heads});
    const AttentionOut<S> to{mutable_values<S>(out), lse.mutable_data_ptr<T>()};
    const auto bounds = balanced_ranges(a, at.channels());
    const int64_t work = (a.num_entries + a.num_rows) * at.channels();
    parallel_items(static_cast<int64_t>(bounds.size()) - 1, work, [&](int64_t r) {
      attend(a, at, to, bounds[r], bounds[r + 1]);
    });
    return std::make_tuple(out, lse);
  });
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("attention", TORCH_BOX(&graphpoly::attention));
}

#else  // the kernels

#include "attention_simd.h"
#include "attention_short.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class A>
struct Softmax {
  using T = typename A::T;
  typedef Vec<T, kLanes<T>> V;
  Workspace<A>& w;
  T *peak, *total, *shrink;  // patterns
  T* sum;                    // the features so far, as vectors
  T* weight;                 // [block, pitch]

  explicit Softmax(Workspace<A>& w_)
      : w(w_), peak(w_.arena.template take<T>(w_.pattern)),
        total(w_.arena.template take<T>(w_.pattern)),
        shrink(w_.arena.template take<T>(w_.pattern)),
        sum(w_.arena.template take<T>(w_.feature.vectors * w_.feature.lanes)), weight(w_.flat()) {}

  GRAPHPOLY_INLINE void start_row() {
    for (int64_t q = 0; q < w.pattern; ++q) {
      peak[q] = -std::numeric_limits<T>::infinity(), total[q] = T(0);
    }
    for (int64_t k = 0; k < w.feature.vectors * w.feature.lanes; ++k) sum[k] = T(0);
  }

  GRAPHPOLY_INLINE void add_block(int64_t count, bool first) {
    const int64_t lanes = w.lanes_of(count), pattern = w.pattern, pitch = w.pitch;
    bool grown = false;
    for (int64_t q = 0; q < pattern; q += kLanes<T>) {
      V most = load<V>(w.scores + q);
      for (int64_t j = pattern; j < lanes; j += pattern) {
        const V s = load<V>(w.scores + j + q);
        most = s > most ? s : most;
      }
      if (pitch < kLanes<T>) {
        T each[kLanes<T>];
        store(each, most);
        for (int64_t half = kLanes<T> / 2; half >= pitch; half /= 2) {
          for (int64_t l = 0; l < half; ++l) each[l] = each[l + half] > each[l] ? each[l + half] : each[l];
        }
        for (int64_t l = pitch; l < kLanes<T>; ++l) each[l] = each[l % pitch];
        most = load<V>(each);
      }
      const V before = load<V>(peak + q);
      const V now = before > most ? before : most;
      const V safe = now == -std::numeric_limits<T>::infinity() ? V{} : now;
      if (!first) {
        const V factor = exponential<kLanes<T>>(before - safe);
        store(shrink + q, factor);
        store(total + q, factor * load<V>(total + q));
        grown = true;
      }
      store(peak + q, now);
      V added = {};
      for (int64_t j = 0; j < lanes; j += pattern) {
        const V p = exponential<kLanes<T>>(load<V>(w.scores + j + q) - safe);
        added += p;
        store(weight + j + q, w.at.drop ? p * load<V>(w.keep + j + q) : p);
      }
      store(total + q, load<V>(total + q) + added);
    }
    if (grown) {
      for (int64_t k = 0; k < w.feature.vectors; ++k) {
        const T factor = shrink[w.feature.head[k]];
        for (int l = 0; l < w.feature.lanes; ++l) sum[k * w.feature.lanes + l] *= factor;
      }
    }
  }

  // Turns total[h] into what the sum of head h is to be multiplied by.
  GRAPHPOLY_INLINE void finish_row(T* lse) {
    w.fold(shrink, total);
    for (int64_t h = 0; h < w.at.heads; ++h) {
      const T sum_of = shrink[h];
      const bool none = sum_of == T(0);
      lse[h] = none ? -std::numeric_limits<T>::infinity() : peak[h] + std::log(sum_of);
      shrink[h] = none ? T(0) : T(1) / sum_of;
    }
  }
};

template <class S, class Q>
void attention(const IndexRows& a, const Attention<S, Q>& at, const AttentionOut<S>& to,
               int64_t first, int64_t last, char* memory) {
  using T = Computed<S>;
  if (at.heads == 0) return;
  Workspace<Attention<S, Q>> w(at, memory);
  Softmax<Attention<S, Q>> soft(w);
  const int64_t row = at.heads * at.width, bytes = row * static_cast<int64_t>(sizeof(S));
  for (int64_t i = first; i < last; ++i) {
    const int64_t begin = a.rowptr[i], end = a.rowptr[i + 1];
    w.start_row(at.target + i * at.heads * at.depth);
    soft.start_row();
    for (int64_t e = begin; e < end; e += w.block) {
      const int64_t count = end - e < w.block ? end - e : w.block;
      w.start_block(a, Indices(), e, count);
      w.make_scores(at.source, count);
      soft.add_block(count, e == begin);
      const Gather<S> x{at.value, row, w.ids, count, bytes < 1024 ? bytes : 1024};
      with_lanes<WeightedSum, T>(w.feature.lanes, soft.sum, w.feature, x, soft.weight, w.pitch);
    }
    soft.finish_row(to.lse + i * at.heads);
    w.feature.collect(to.out + i * row, soft.sum, soft.shrink);
  }
}

template <class S>
void short_rows(const RowSpan& span, const Attention<S, Computed<S>>& at,
                const AttentionOut<S>& to, char* memory) {
  using T = Computed<S>;
  Arena arena(memory);
  const Layout<T> feature(arena, at.heads, at.width);
  T* weight = arena.take<T>(kChunkLanes + kLanes<T>);
  T* peak = arena.take<T>(kChunkLanes);
  with_heads<Weights, T>(at.heads, span, at, weight, peak, to.lse);
  const RowSums<S> sums{to.out, at.value, weight, peak};
  with_lanes<WeighRows, T>(feature.lanes, sums, feature, span);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
