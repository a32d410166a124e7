// The vector parts of attention, included once for each instruction set like simd.h.
//
// Scores and weights of a block of entries lie entry by entry, each entry's heads padded to
// `pitch`: the next power of two, or a multiple of a vector. So a vector holds whole entries or a
// part of one, and what belongs to a row (its largest score, say) is a vector, or a few, that
// repeats: a pattern.
//
// Features lie as vectors none of which crosses from one head into the next: a Layout.

#include "arithmetic_simd.h"
#include "bfloat16_simd.h"

namespace graphpoly::GRAPHPOLY_SIMD {

template <class T>
using SameInt = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <class V, class T>
GRAPHPOLY_INLINE V leaky_relu(const V& z, T slope) {
  return z > T(0) ? z : slope * z;
}

// ---------------------------------------------------------------------------------------- memory

class Arena {
 public:
  explicit Arena(char* at) : at_(at) {}
  template <class U>
  GRAPHPOLY_INLINE U* take(int64_t count) {
    char* here = at_;
    const int64_t bytes = (count * static_cast<int64_t>(sizeof(U)) + 63) / 64 * 64;
    for (int64_t b = 0; b < bytes; ++b) here[b] = 0;
    at_ += bytes;
    return reinterpret_cast<U*>(here);
  }

 private:
  char* at_;
};

// Calls Kernel<T, H>::run(...) with the number of heads known where it is a usual one, else 0.
template <int H, class T, class Q>
GRAPHPOLY_INLINE void copy_heads_of(T* to, int64_t pitch, const Q* from, int64_t stride,
                                    const int64_t* ids, int64_t count, int64_t heads) {
  for (int64_t b = 0; b < count; ++b) {
    const Q* row = from + (ids ? ids[b] : b) * stride;
    if (ids) __builtin_prefetch(from + ids[b + kLookAhead] * stride);
    if constexpr (H > 0) store(to + b * pitch, load_lanes<Vec<T, H>>(row));
    else for (int64_t h = 0; h < heads; ++h) to[b * pitch + h] = computed(row[h]);
  }
}

// to[b * pitch + h] = from[ids[b] * stride + h]; row b where there are no ids. Where there are,
// kLookAhead more than `count` of them. Not inline: its loops stood in a dozen places.
template <class T, class Q>
__attribute__((noinline)) void copy_heads(T* to, int64_t pitch, const Q* from, int64_t stride,
                                          const int64_t* ids, int64_t count, int64_t heads) {
  switch (heads) {
    case 1: return copy_heads_of<1>(to, pitch, from, stride, ids, count, heads);
    case 2: return copy_heads_of<2>(to, pitch, from, stride, ids, count, heads);
    case 4: return copy_heads_of<4>(to, pitch, from, stride, ids, count, heads);
    case 8: return copy_heads_of<8>(to, pitch, from, stride, ids, count, heads);
    default: return copy_heads_of<0>(to, pitch, from, stride, ids, count, heads);
  }
}

// ---------------------------------------------------------------------------------------- layout

template <class T>
struct Layout {
  int64_t heads, width, per_head, vectors;
  int lanes;
  int32_t *offset, *head;  // of each vector, in the row

  Layout(Arena& arena, int64_t heads_, int64_t width_) : heads(heads_), width(width_) {
    lanes = kLanes<T>;
    while (lanes > 1 && lanes > width) lanes /= 2;
    per_head = (width + lanes - 1) / lanes;
    vectors = heads * per_head;
    offset = arena.take<int32_t>(vectors), head = arena.take<int32_t>(vectors);
    for (int64_t k = 0; k < vectors; ++k) {
      const int64_t v = k % per_head;
      head[k] = static_cast<int32_t>(k / per_head);
      offset[k] = static_cast<int32_t>(head[k] * width +
                                       (v == per_head - 1 ? width - lanes : v * lanes));
    }
  }

  // The row as vectors. Channels that two vectors hold are 0 in the second if `once`.
  template <class S>
  GRAPHPOLY_INLINE void spread(T* to, const S* row, bool once) const {
    if (per_head * lanes == width) {
      if constexpr (std::is_same_v<S, T>) {
        __builtin_memcpy(to, row, static_cast<size_t>(heads * width) * sizeof(T));
      } else {
        for (int64_t k = 0; k < heads * width; ++k) to[k] = computed(row[k]);
      }
      return;
    }
    const int64_t twice = per_head * lanes - width;
    for (int64_t k = 0; k < vectors; ++k) {
      for (int l = 0; l < lanes; ++l) to[k * lanes + l] = computed(row[offset[k] + l]);
      if (once && (k + 1) % per_head == 0) {
        for (int64_t l = 0; l < twice; ++l) to[k * lanes + l] = T(0);
      }
    }
  }

  // The vectors as a row, those of head h times factor[h].
  template <class S>
  GRAPHPOLY_INLINE void collect(S* row, const T* from, const T* factor) const {
    for (int64_t k = 0; k < vectors; ++k) {
      const T f = factor ? factor[head[k]] : T(1);
      for (int l = 0; l < lanes; ++l) store_lanes(row + offset[k] + l, f * from[k * lanes + l]);
    }
  }
};

// Rows of features, some of which a block of entries reads.
template <class S>
struct Gather {
  const S* data;
  int64_t stride;
  const int64_t* ids;  // and kLookAhead more than `count`
  int64_t count;
  int64_t ahead;  // bytes of a row to prefetch

  GRAPHPOLY_INLINE const S* row(int64_t b) const {
    if (ahead) {
      const auto* later = reinterpret_cast<const char*>(data + ids[b + kLookAhead] * stride);
      for (int64_t byte = 0; byte < ahead; byte += 64) __builtin_prefetch(later + byte);
    }
    return data + ids[b] * stride;
  }
};

// Runs Kernel<T, L>::run(args...) with the lanes of a layout.
template <template <class, int> class Kernel, class T>
GRAPHPOLY_INLINE void with_lanes(int lanes, const auto&... args) {
  if constexpr (kLanes<T> >= 16) {
    if (lanes == 16) return Kernel<T, 16>::run(args...);
  }
  if constexpr (kLanes<T> >= 8) {
    if (lanes == 8) return Kernel<T, 8>::run(args...);
  }
  if constexpr (kLanes<T> >= 4) {
    if (lanes == 4) return Kernel<T, 4>::run(args...);
  }
  if (lanes == 2) return Kernel<T, 2>::run(args...);
  Kernel<T, 1>::run(args...);
}

// ------------------------------------------------------------------------------ sums over entries

// sum[k] += sum_b weight[b, head of k] * x[b, k]
template <class T, int L>
struct WeightedSum {
  typedef Vec<T, L> V;

  template <int N, class S>
  static GRAPHPOLY_INLINE void tile(T* sum, const Layout<T>& y, int64_t first, const Gather<S>& x,
                                    const T* weight, int64_t pitch) {
    V total[N];
    int64_t offset[N], head[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      total[v] = load<V>(sum + (first + v) * L);
      offset[v] = y.offset[first + v], head[v] = y.head[first + v];
    }
    for (int64_t b = 0; b < x.count; ++b) {
      const S* from = x.row(b);
      const T* w = weight + b * pitch;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) total[v] += w[head[v]] * load_lanes<V>(from + offset[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) store(sum + (first + v) * L, total[v]);
  }

  template <class S>
  static void run(T* sum, const Layout<T>& y, const Gather<S>& all, const T* weight,
                  int64_t pitch) {
    Gather<S> x = all;
    for (int64_t k = 0; k < y.vectors;) {
      const int64_t left = y.vectors - k;
      if (left >= 8) tile<8>(sum, y, k, x, weight, pitch), k += 8;
      else if (left >= 4) tile<4>(sum, y, k, x, weight, pitch), k += 4;
      else if (left >= 2) tile<2>(sum, y, k, x, weight, pitch), k += 2;
      else tile<1>(sum, y, k, x, weight, pitch), k += 1;
      x.ahead = 0;
    }
  }
};

// ------------------------------------------------------------------------------ sums over channels

// out[b, h] = sum_f mine[h, f] x[b, h, f], or with `att` that of
// att[h, f] leaky_relu(mine[h, f] + x[b, h, f] + edge[b, h, f])
template <class T, class Q = T>
struct Pairing {
  const T* mine;  // as vectors; without att, each channel once
  const T* att;   // as vectors, each channel once, or null
  const Q* edge;
  const int64_t* entries;
  T slope;
};

template <class T, int L>
struct PairSum {
  typedef Vec<T, L> V;
  static constexpr int kGroup = L < 8 ? L : 8;

  template <int G, bool Leaky, class S, class Q>
  static GRAPHPOLY_INLINE void group(T* out, int64_t pitch, const Layout<T>& y, int64_t head,
                                     const Gather<S>& x, const Pairing<T, Q>& pair) {
    const int64_t n = y.per_head, row = y.heads * y.width;
    const T* mine = pair.mine + head * n * L;
    for (int64_t b = 0; b < x.count; ++b) {
      const S* from = x.row(b) + head * y.width;
      V sum[G] = {};
      for (int64_t v = 0; v < n; ++v) {
        const int64_t place = v == n - 1 ? y.width - L : v * L;
#pragma GCC unroll 8
        for (int g = 0; g < G; ++g) {
          const int64_t k = (g * n + v) * L, at = g * y.width + place;
          if constexpr (Leaky) {
            V z = load<V>(mine + k) + load_lanes<V>(from + at);
            if (pair.edge) {
              z += load_lanes<V>(pair.edge + pair.entries[b] * row + head * y.width + at);
            }
            sum[g] += load<V>(pair.att + head * n * L + k) * leaky_relu(z, pair.slope);
          } else {
            sum[g] += load<V>(mine + k) * load_lanes<V>(from + at);
          }
        }
      }
      const V total = sum_lanes<T, L, G>(sum);
      __builtin_memcpy(out + b * pitch + head, &total, G * sizeof(T));
    }
  }

  template <bool Leaky, class S, class Q>
  static GRAPHPOLY_INLINE void all(T* out, int64_t pitch, const Layout<T>& y, Gather<S> x,
                                   const Pairing<T, Q>& pair) {
    for (int64_t h = 0; h < y.heads;) {
      const int64_t left = y.heads - h;
      if constexpr (kGroup >= 8) {
        if (left >= 8) {
          group<8, Leaky>(out, pitch, y, h, x, pair), h += 8, x.ahead = 0;
          continue;
        }
      }
      if constexpr (kGroup >= 4) {
        if (left >= 4) {
          group<4, Leaky>(out, pitch, y, h, x, pair), h += 4, x.ahead = 0;
          continue;
        }
      }
      group<1, Leaky>(out, pitch, y, h, x, pair), h += 1, x.ahead = 0;
    }
  }

  template <class S, class Q>
  static void run(T* out, int64_t pitch, const Layout<T>& y, const Gather<S>& x,
                  const Pairing<T, Q>& pair) {
    if (pair.att) all<true>(out, pitch, y, x, pair);
    else all<false>(out, pitch, y, x, pair);
  }
};

// ---------------------------------------------------------------------------------- scores of rows

// One side of the entries: targets in a pass over rows, sources in a pass over the transpose.
template <class A>
struct Workspace {
  using T = typename A::T;
  using Q = typename A::Score;
  const A& at;
  int64_t pitch, pattern, block;
  Arena arena;
  Layout<T> score, feature;
  int64_t *ids, *entries;
  T *argument, *bias, *scores, *keep;   // [block, pitch]
  T *mine_score, *mine_once;            // [vectors] of this row
  T *att_once, *att_full, *att_pattern;
  T *row_score;  // pattern
  bool simple;   // an additive score of depth 1

  Workspace(const A& at_, char* memory)
      : at(at_), pitch(1), block(at_.block()), arena(memory), score(arena, at_.heads, at_.depth),
        feature(arena, at_.heads, at_.width), simple(at_.additive && at_.depth == 1) {
    constexpr int64_t L = kLanes<T>;
    while (pitch < at.heads && pitch < L) pitch *= 2;
    if (pitch < at.heads) pitch = (at.heads + L - 1) / L * L;
    pattern = pitch < L ? L : pitch;
    ids = arena.take<int64_t>(block + kLookAhead), entries = arena.take<int64_t>(block + kLookAhead);
    argument = flat(), bias = flat(), scores = flat(), keep = flat();
    row_score = arena.take<T>(pattern), att_pattern = arena.take<T>(pattern);
    const int64_t size = score.vectors * score.lanes;
    mine_score = arena.take<T>(size), mine_once = arena.take<T>(size);
    att_once = arena.take<T>(size), att_full = arena.take<T>(size);
    for (int64_t j = 0; j < pattern; ++j) att_pattern[j] = T(1);
    for (int64_t j = 0; j < size; ++j) att_full[j] = T(1);
    if (at.att) {
      if (simple) repeat(att_pattern, at.att);
      score.spread(att_full, at.att, false);
    }
    for (int64_t j = 0; j < size; ++j) att_once[j] = att_full[j];
    const int64_t twice = score.per_head * score.lanes - at.depth;
    for (int64_t k = score.per_head - 1; k < score.vectors && twice > 0; k += score.per_head) {
      for (int64_t l = 0; l < twice; ++l) att_once[k * score.lanes + l] = T(0);
    }
  }

  T* flat() { return arena.take<T>(block * pitch + pattern); }

  // Lanes of `count` entries, whole patterns of them.
  GRAPHPOLY_INLINE int64_t lanes_of(int64_t count) const {
    return (count * pitch + pattern - 1) / pattern * pattern;
  }

  template <class S>
  GRAPHPOLY_INLINE void repeat(T* to, const S* row) const {
    copy_heads(to, pitch, row, 0, static_cast<const int64_t*>(nullptr), pattern / pitch, at.heads);
  }

  GRAPHPOLY_INLINE void pad(T* values, int64_t count, T with) const {
    for (int64_t j = count * pitch, end = lanes_of(count); j < end; ++j) values[j] = with;
  }

  // What the scores of a row need of the row itself.
  GRAPHPOLY_INLINE void start_row(const Q* mine) {
    if (simple) {
      repeat(row_score, mine);
    } else if (at.additive) {
      score.spread(mine_score, mine, false);
    } else {
      score.spread(mine_once, mine, true);
    }
  }

  // Which entries the block [begin, begin + count) holds, and what is at their other end.
  GRAPHPOLY_INLINE void start_block(const IndexRows& a, const Indices& entry_of, int64_t begin,
                                    int64_t count) {
    const int64_t wanted = count + kLookAhead, last = a.num_entries - begin;
    const int64_t there = wanted < last ? wanted : last;
    for (int64_t b = 0; b < there; ++b) ids[b] = a.col[begin + b];
    for (int64_t b = there; b < wanted; ++b) ids[b] = a.col[a.num_entries - 1];
    if (!at.edge && !at.drop) return;
    for (int64_t b = 0; b < count; ++b) entries[b] = entry_of ? entry_of[begin + b] : begin + b;
    if (at.drop) fill_keep(count);
  }

  GRAPHPOLY_INLINE void fill_keep(int64_t count) {
    typedef Vec<uint32_t, kLanes<T>> W;
    const int64_t lanes = lanes_of(count);
    W head;
    for (int l = 0; l < kLanes<T>; ++l) head[l] = (l % pitch + 1) * kGolden;
    W word = {};
    for (int64_t j = 0; j < lanes; j += kLanes<T>) {
      for (int l = 0; l < kLanes<T>; l += pitch) {
        const int64_t b = (j + l) / pitch;
        const auto entry = static_cast<uint64_t>(entries[b < count ? b : count - 1]);
        const uint32_t key = mix_word(static_cast<uint32_t>(entry) ^ at.first) + at.second +
                             static_cast<uint32_t>(entry >> 32) * kGolden;
        for (int q = l; q < kLanes<T> && q < l + pitch; ++q) word[q] = key;
      }
      const auto shift = static_cast<uint32_t>(j % pitch) * kGolden;
      const W bits = mix_word(word + head + (pitch > kLanes<T> ? shift : 0u)) >> 8;
      for (int l = 0; l < kLanes<T>; ++l) {
        keep[j + l] = static_cast<int32_t>(bits[l]) >= at.threshold ? at.keep : T(0);
      }
    }
  }

  // scores [block, pitch] of a block; -inf past its end. `other` is [., H, D].
  GRAPHPOLY_INLINE void make_scores(const Q* other, int64_t count) {
    typedef Vec<T, kLanes<T>> V;
    const int64_t heads = at.heads, lanes = lanes_of(count);
    const bool added = at.edge && (simple || !at.additive);
    if (added) copy_heads(bias, pitch, at.edge, heads, entries, count, heads), pad(bias, count, 0);
    if (simple) {
      copy_heads(argument, pitch, other, heads, ids, count, heads), pad(argument, count, 0);
      for (int64_t j = 0; j < lanes; j += pattern) {
        for (int64_t q = 0; q < pattern; q += kLanes<T>) {
          V z = load<V>(argument + j + q) + load<V>(row_score + q);
          if (added) z += load<V>(bias + j + q);
          store(argument + j + q, z);
          z = leaky_relu(z, at.slope);
          if (at.att) z *= load<V>(att_pattern + q);
          store(scores + j + q, z);
        }
      }
    } else {
      const int64_t row = heads * at.depth, bytes = row * static_cast<int64_t>(sizeof(Q));
      const Gather<Q> x{other, row, ids, count, bytes < 1024 ? bytes : 1024};
      const Pairing<T, Q> pair{at.additive ? mine_score : mine_once,
                               at.additive ? att_once : nullptr, at.edge, entries, at.slope};
      with_lanes<PairSum, T>(score.lanes, scores, pitch, score, x, pair);
      if (!at.additive) {
        for (int64_t j = 0; j < lanes; j += kLanes<T>) {
          V s = at.scale * load<V>(scores + j);
          if (added) s += load<V>(bias + j);
          store(scores + j, s);
        }
      }
    }
    pad(scores, count, -std::numeric_limits<T>::infinity());
  }

  // Sums the entries of a pattern: total[h] for each head.
  template <class S>
  GRAPHPOLY_INLINE void fold(S* total, const T* lanes) const {
    for (int64_t h = 0; h < at.heads; ++h) {
      T sum = lanes[h];
      for (int64_t q = h + pitch; q < pattern; q += pitch) sum += lanes[q];
      store_lanes(total + h, sum);
    }
  }
};

}  // namespace graphpoly::GRAPHPOLY_SIMD
