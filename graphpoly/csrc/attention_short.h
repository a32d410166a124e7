// Attention whose score is one number an entry and head (GAT's), where rows are short: the entries
// of many rows lie side by side, so that a row costs little beside its entries. Included once for
// each instruction set, after attention_simd.h.
//
// The heads are a usual number of them, known here, and those of an entry are one vector.

namespace graphpoly::GRAPHPOLY_SIMD {

// ------------------------------------------------------------------------------ sums over entries

// to[i] = factor[i] sum_e weight[e] x[other(e)], head by head; factors and weights are those of the
// span, or the weights are found at `place` and there are no factors.
template <class S>
struct RowSums {
  S* to;
  const S* x;
  const Computed<S> *weight, *factor;
};

template <class T, int L>
struct WeighRows {
  typedef Vec<T, L> V;

  template <int N, class S>
  static GRAPHPOLY_INLINE void tile(const RowSums<S>& s, const Layout<T>& y, int64_t k,
                                    const RowSpan& span, int64_t i) {
    const int64_t row = y.heads * y.width, begin = span.begin();
    V sum[N] = {};
    int64_t offset[N], head[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) offset[v] = y.offset[k + v], head[v] = y.head[k + v];
    for (int64_t e = span.start[i] - begin, end = span.start[i + 1] - begin; e < end; ++e) {
      const S* later = s.x + span.other[e + kLookAhead] * row;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) __builtin_prefetch(later + offset[v]);
      const S* from = s.x + span.other[e] * row;
      const T* w = s.weight + (s.factor ? e : span.place[e]) * y.heads;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sum[v] += w[head[v]] * load_lanes<V>(from + offset[v]);
    }
    S* to = s.to + (span.first + i) * row;
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      if (s.factor) sum[v] *= s.factor[i * y.heads + head[v]];
      store_lanes(to + offset[v], sum[v]);
    }
  }

  template <class S>
  static void run(const RowSums<S>& s, const Layout<T>& y, const RowSpan& span) {
    for (int64_t i = 0; i < span.last - span.first; ++i) {
      for (int64_t k = 0; k < y.vectors;) {
        const int64_t left = y.vectors - k;
        if (left >= 8) tile<8>(s, y, k, span, i), k += 8;
        else if (left >= 4) tile<4>(s, y, k, span, i), k += 4;
        else tile<1>(s, y, k, span, i), k += 1;
      }
    }
  }
};

// ------------------------------------------------------------------------------ sums over channels

// <grad, value> of each entry in [begin, end), and <grad, out> of rows that begin or end elsewhere,
// head by head. Of the other rows that is the weighted sum of the former.
template <class S>
struct RowPairs {
  static constexpr bool kRounded = !std::is_same_v<S, Computed<S>>;
  const S *grad, *out, *value;
  Computed<S> *product, *mean, *mine;  // the last one: room for a row as vectors
  int64_t begin, end;
  bool only_mean;  // where `out` is rounded, a walk over a row that does not fit in sums it first

  bool holds(const RowSpan& span, int64_t i) const {
    return begin <= span.start[i] && span.start[i + 1] <= end;
  }
};

template <class T, int L>
struct PairRows {
  template <class S>
  static void run(const RowPairs<S>& p, const Layout<T>& y, const RowSpan& span) {
    const int64_t row = y.heads * y.width, self = 0;
    const int64_t bytes = row * static_cast<int64_t>(sizeof(S)), ahead = bytes < 1024 ? bytes : 1024;
    const Pairing<T> pair{p.mine, nullptr, nullptr, nullptr, T(0)};
    for (int64_t i = 0; i < span.last - span.first; ++i) {
      const int64_t from = std::max(span.start[i], p.begin);
      const int64_t to = std::min(span.start[i + 1], p.end);
      if (from >= to) continue;
      y.spread(p.mine, p.grad + (span.first + i) * row, true);
      if (!p.kRounded && !p.holds(span, i)) {
        const Gather<S> own{p.out + (span.first + i) * row, row, &self, 1, 0};
        PairSum<T, L>::run(p.mean + i * y.heads, y.heads, y, own, pair);
      }
      const Gather<S> others{p.value, row, span.other + (from - span.begin()), to - from, ahead};
      PairSum<T, L>::run(p.product + (from - p.begin) * y.heads, y.heads, y, others, pair);
    }
  }
};

// ----------------------------------------------------------------------------------------- entries

template <class T, int H>
struct Entry {
  typedef Vec<T, H> V;

  // What the leaky ReLU of entry e is taken of.
  static GRAPHPOLY_INLINE V argument(const auto& at, const RowSpan& span, int64_t e,
                                     const V& target) {
    const int64_t* other = span.other + (e - span.begin());
    __builtin_prefetch(at.source + other[kLookAhead] * H);
    const V z = target + load<V>(at.source + *other * H);
    return at.edge ? z + load<V>(at.edge + e * H) : z;
  }

  // m / (1 - p) of entry e.
  static GRAPHPOLY_INLINE V kept(const auto& at, int64_t e) {
    const auto entry = static_cast<uint64_t>(e);
    const uint32_t key = mix_bits(static_cast<uint32_t>(entry) ^ at.first) + at.second +
                         static_cast<uint32_t>(entry >> 32) * kGolden;
    T keep[H];
    for (int h = 0; h < H; ++h) {
      const uint32_t bits = mix_bits(key + static_cast<uint32_t>(h + 1) * kGolden) >> 8;
      keep[h] = static_cast<int32_t>(bits) >= at.threshold ? at.keep : T(0);
    }
    return load<V>(keep);
  }

  // value[l] = e^value[l] of the first `count`, and of what follows up to a whole vector.
  static GRAPHPOLY_INLINE void raise(T* value, int64_t count) {
    for (int64_t l = 0; l < count; l += kLanes<T>) {
      store(value + l, exponential<kLanes<T>>(load<Vec<T, kLanes<T>>>(value + l)));
    }
  }
};

// The weights of the entries, what the sum of each row is to be multiplied by, and lse.
template <class T, int H>
struct Weights {
  typedef Vec<T, H> V;

  static void run(const RowSpan& span, const auto& at, T* weight, T* factor, T* lse) {
    const int64_t rows = span.last - span.first, shift = span.begin();
    const V none = V{} - std::numeric_limits<T>::infinity();
    for (int64_t i = 0; i < rows; ++i) {
      const V target = load<V>(at.target + (span.first + i) * H);
      V most = none;
      for (int64_t e = span.start[i]; e < span.start[i + 1]; ++e) {
        const V s = leaky_relu(Entry<T, H>::argument(at, span, e, target), at.slope);
        most = s > most ? s : most;
        store(weight + (e - shift) * H, s);
      }
      store(factor + i * H, most);
      const V safe = most == none ? V{} : most;
      for (int64_t e = span.start[i]; e < span.start[i + 1]; ++e) {
        T* s = weight + (e - shift) * H;
        store(s, load<V>(s) - safe);
      }
    }
    Entry<T, H>::raise(weight, (span.end() - shift) * H);
    for (int64_t i = 0; i < rows; ++i) {
      V total = {};
      for (int64_t e = span.start[i]; e < span.start[i + 1]; ++e) {
        T* p = weight + (e - shift) * H;
        total += load<V>(p);
        if (at.drop) store(p, load<V>(p) * Entry<T, H>::kept(at, e));
      }
      T sum[H], *most = factor + i * H, *to = lse + (span.first + i) * H;
      store(sum, total);
      for (int h = 0; h < H; ++h) {
        const bool empty = sum[h] == T(0);
        to[h] = empty ? -std::numeric_limits<T>::infinity() : most[h] + std::log(sum[h]);
        most[h] = empty ? T(0) : T(1) / sum[h];
      }
    }
  }
};

// alpha and slope of the entries in [pairs.begin, pairs.end); the sums of the latter are the
// gradients of the targets.
template <class T, int H>
struct Slopes {
  typedef Vec<T, H> V;

  template <class S>
  static void run(const RowSpan& span, const Attention<S, T>& at, const ShortGrad<S>& g,
                  const RowPairs<S>& pairs, T* argument, T* power) {
    const int64_t rows = span.last - span.first;
    for (int64_t i = 0; i < rows; ++i) {
      const V target = load<V>(at.target + (span.first + i) * H);
      const V sum = load<V>(g.lse + (span.first + i) * H);
      const V safe = sum == V{} - std::numeric_limits<T>::infinity() ? V{} : sum;
      for (int64_t e = first(span, pairs, i); e < last(span, pairs, i); ++e) {
        const V z = Entry<T, H>::argument(at, span, e, target);
        store(argument + (e - pairs.begin) * H, z);
        store(power + (e - pairs.begin) * H, leaky_relu(z, at.slope) - safe);
      }
    }
    Entry<T, H>::raise(power, (pairs.end - pairs.begin) * H);
    for (int64_t i = 0; i < rows; ++i) {
      T* to = g.to_target + (span.first + i) * H;
      V sum = pairs.begin > span.start[i] ? load<V>(to) : V{};
      V mean = {};
      for (int64_t e = first(span, pairs, i); e < last(span, pairs, i); ++e) {
        const int64_t l = (e - pairs.begin) * H;
        const V p = load<V>(power + l);
        V alpha = p, d = load<V>(pairs.product + l);
        if (at.drop) {
          const V keep = Entry<T, H>::kept(at, e);
          alpha = p * keep, d = d * keep;
          store(pairs.product + l, d);
        }
        mean += p * d;
        store(g.alpha + e * H, alpha);
      }
      if (pairs.only_mean) {
        store(pairs.mean + i * H, load<V>(pairs.mean + i * H) + mean);
        continue;
      }
      if (!pairs.holds(span, i)) mean = load<V>(pairs.mean + i * H);
      for (int64_t e = first(span, pairs, i); e < last(span, pairs, i); ++e) {
        const int64_t l = (e - pairs.begin) * H;
        V s = load<V>(power + l) * (load<V>(pairs.product + l) - mean);
        s = load<V>(argument + l) > T(0) ? s : at.slope * s;
        sum += s;
        store(g.slope + e * H, s);
      }
      store(to, sum);
    }
  }

 private:
  static int64_t first(const RowSpan& span, const auto& pairs, int64_t i) {
    return std::max(span.start[i], pairs.begin);
  }
  static int64_t last(const RowSpan& span, const auto& pairs, int64_t i) {
    return std::min(span.start[i + 1], pairs.end);
  }
};

// The gradients of the sources, which are the rows here.
template <class T, int H>
struct SourceSums {
  typedef Vec<T, H> V;

  static void run(const RowSpan& span, const auto& g) {
    for (int64_t j = 0; j < span.last - span.first; ++j) {
      V sum = {};
      for (int64_t e = span.start[j]; e < span.start[j + 1]; ++e) {
        sum += load<V>(g.slope + span.place[e - span.begin()] * H);
      }
      store(g.to_source + (span.first + j) * H, sum);
    }
  }
};

// Runs Kernel<T, H>::run(args...) with the heads of an Attention that `is_short`.
template <template <class, int> class Kernel, class T>
GRAPHPOLY_INLINE void with_heads(int64_t heads, const auto&... args) {
  switch (heads) {
    case 1: return Kernel<T, 1>::run(args...);
    case 2: return Kernel<T, 2>::run(args...);
    case 4: return Kernel<T, 4>::run(args...);
    default: return Kernel<T, 8>::run(args...);
  }
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
