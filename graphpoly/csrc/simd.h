// Vectors of the compiler's own kind, and tiles of them. No include guard: foreach_simd.h
// includes this once for each instruction set.
//
// A tile is the part of a row that fits in registers: N vectors of L lanes over `width` channels,
// the last one shifted left so that it ends with the tile. Shifted lanes are computed twice, to
// the same value; so no width needs masks or a scalar loop, but a kernel that updates in place
// reads all of a tile before it writes any of it.

#define GRAPHPOLY_INLINE inline __attribute__((always_inline))

namespace graphpoly::GRAPHPOLY_SIMD {

template <class T, int L>
struct VecOf {
  typedef T type __attribute__((vector_size(L * sizeof(T))));
};
template <class T>
struct VecOf<T, 1> {
  typedef T type;
};
template <class T, int L>
using Vec = typename VecOf<T, L>::type;

// What is computed with: bfloat16 is stored so and computed in float, the upper half of its bits.
// The even of L stored channels and the odd ones are then lower and upper halves of lanes, and
// no lane moves on the way to them and back.
template <int L>
struct Halves {
  Vec<float, L / 2> even, odd;

  GRAPHPOLY_INLINE void operator+=(const Halves& o) { even += o.even, odd += o.odd; }
  GRAPHPOLY_INLINE void operator-=(const Halves& o) { even -= o.even, odd -= o.odd; }
  GRAPHPOLY_INLINE void operator*=(const Halves& o) { even *= o.even, odd *= o.odd; }
  friend GRAPHPOLY_INLINE Halves operator*(const Halves& a, const Halves& b) {
    return {a.even * b.even, a.odd * b.odd};
  }
  friend GRAPHPOLY_INLINE Halves operator*(float a, const Halves& b) {
    return {a * b.even, a * b.odd};
  }
  friend GRAPHPOLY_INLINE Halves operator/(const Halves& a, float b) {
    return {a.even / b, a.odd / b};
  }
};

template <class T, int L>
struct ValuesOf {
  typedef Vec<T, L> type;
};
template <int L>
struct ValuesOf<BFloat16, L> {
  typedef Halves<L> type;
};
template <>
struct ValuesOf<BFloat16, 1> {
  typedef float type;
};
template <class T, int L>
using Values = typename ValuesOf<T, L>::type;

template <class T>
inline constexpr int kLanes = GRAPHPOLY_VECTOR_BYTES / sizeof(T);
// of a tile; halves take two registers, and only the widest come in numbers
template <class T>
inline constexpr int kTileVectors =
    std::is_same_v<T, BFloat16> && GRAPHPOLY_VECTOR_BYTES < 64 ? 4 : 8;

template <class V, class T>
GRAPHPOLY_INLINE V load(const T* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof(V));
  return v;
}

template <class V, class T>
GRAPHPOLY_INLINE void store(T* to, const V& v) {
  __builtin_memcpy(to, &v, sizeof(V));
}

// Offset of vector v of a tile.
template <int L, int N>
GRAPHPOLY_INLINE int64_t place(int v, int64_t width) {
  return v == N - 1 ? width - L : v * L;
}

template <int L>
GRAPHPOLY_INLINE Values<BFloat16, L> widen(const BFloat16* from) {
  if constexpr (L == 1) {
    return __builtin_bit_cast(float, static_cast<uint32_t>(from->bits) << 16);
  } else {
    typedef Vec<uint32_t, L / 2> Bits;
    typedef Vec<float, L / 2> V;
    const Bits bits = load<Bits>(from);
    return {__builtin_bit_cast(V, bits << 16), __builtin_bit_cast(V, bits & 0xffff0000u)};
  }
}

// Channels of a vector are lanes in their order, those of halves all even ones, then all odd ones.
template <class T, int L>
constexpr int channel_of(int lane) {
  if constexpr (!std::is_same_v<T, BFloat16> || L == 1) return lane;
  else return lane < L / 2 ? 2 * lane : 2 * lane - L + 1;
}

// Rounds the upper half of the bits to even; the lower half is left over.
template <class V>
GRAPHPOLY_INLINE auto rounded(const V& value) {
  typedef Vec<uint32_t, static_cast<int>(sizeof(V) / 4)> Bits;
  const Bits bits = __builtin_bit_cast(Bits, value);
  const Bits even = bits + 0x7fff + ((bits >> 16) & 1);
  const Bits quiet = bits | 0x400000;  // of a NaN, which rounding could turn into infinity
  return value == value ? even : quiet;
}

template <int L>
GRAPHPOLY_INLINE void narrow(BFloat16* to, const Values<BFloat16, L>& value) {
  if constexpr (L == 1) {
    to->bits = static_cast<uint16_t>(rounded(value) >> 16);
  } else {
    store(to, (rounded(value.even) >> 16) | (rounded(value.odd) & 0xffff0000u));
  }
}

template <int L, int N, class T>
GRAPHPOLY_INLINE auto load_at(const T* tile, int v, int64_t width) {
  const T* from = tile + place<L, N>(v, width);
  if constexpr (std::is_same_v<T, BFloat16>) return widen<L>(from);
  else return load<Vec<T, L>>(from);
}

template <int L, int N, class T, class V>
GRAPHPOLY_INLINE void store_at(T* tile, int v, int64_t width, const V& value) {
  T* to = tile + place<L, N>(v, width);
  if constexpr (std::is_same_v<T, BFloat16>) narrow<L>(to, value);
  else store(to, value);
}

template <class V, int... K>
GRAPHPOLY_INLINE void part(V& even, V& odd, const V& a, const V& b,
                           std::integer_sequence<int, K...>) {
  even = __builtin_shufflevector(a, b, (2 * K)...);
  odd = __builtin_shufflevector(a, b, (2 * K + 1)...);
}

template <class V, int... K>
GRAPHPOLY_INLINE void join(V& a, V& b, const V& even, const V& odd,
                           std::integer_sequence<int, K...>) {
  constexpr int L = sizeof...(K);
  a = __builtin_shufflevector(even, odd, (K % 2 * L + K / 2)...);
  b = __builtin_shufflevector(even, odd, (K % 2 * L + (K + L) / 2)...);
}

// The same for what is stored as it is computed, and belongs to channels of type T.
template <class T, int L, int N>
GRAPHPOLY_INLINE Values<T, L> load_computed(const Computed<T>* tile, int v, int64_t width) {
  const Computed<T>* from = tile + place<L, N>(v, width);
  if constexpr (!std::is_same_v<T, BFloat16> || L == 1) {
    return load<Vec<Computed<T>, L>>(from);
  } else if constexpr (L == 2) {
    return {from[0], from[1]};
  } else {
    typedef Vec<float, L / 2> V;
    Halves<L> values;
    part(values.even, values.odd, load<V>(from), load<V>(from + L / 2),
         std::make_integer_sequence<int, L / 2>{});
    return values;
  }
}

template <class T, int L, int N>
GRAPHPOLY_INLINE void store_computed(Computed<T>* tile, int v, int64_t width,
                                     const Values<T, L>& value) {
  Computed<T>* to = tile + place<L, N>(v, width);
  if constexpr (!std::is_same_v<T, BFloat16> || L == 1) {
    store(to, value);
  } else if constexpr (L == 2) {
    to[0] = value.even, to[1] = value.odd;
  } else {
    Vec<float, L / 2> first, second;
    join(first, second, value.even, value.odd, std::make_integer_sequence<int, L / 2>{});
    store(to, first), store(to + L / 2, second);
  }
}

// What is there again after a value has been stored as T.
template <class T, int L>
GRAPHPOLY_INLINE Values<T, L> as_stored(const Values<T, L>& value) {
  if constexpr (!std::is_same_v<T, BFloat16>) {
    return value;
  } else if constexpr (L == 1) {
    return __builtin_bit_cast(float, rounded(value) & 0xffff0000u);
  } else {
    typedef Vec<float, L / 2> V;
    return {__builtin_bit_cast(V, rounded(value.even) & 0xffff0000u),
            __builtin_bit_cast(V, rounded(value.odd) & 0xffff0000u)};
  }
}

// The bits of words mixed, as mix_bits in hashing.h does to one.
template <class W>
GRAPHPOLY_INLINE W mix_word(W x) {
  x = (x ^ (x >> 16)) * 0x21F0AAADu;
  x = (x ^ (x >> 15)) * 0x735A2D97u;
  return x ^ (x >> 15);
}

template <int Bytes>
GRAPHPOLY_INLINE void prefetch(const void* data) {
#pragma GCC unroll 16
  for (int line = 0; line < Bytes; line += 64) {
    __builtin_prefetch(static_cast<const char*>(data) + line);
  }
}

// Cuts [0, width) into tiles of at most `Most` vectors (fewer for a kernel that keeps more than
// one register for each) and calls Kernel<T, I, L, N>::run(first channel, tile width, args...).
// `run` takes what it reads at each row by value: a reference would be read again after each
// store, which for all the compiler knows has changed it, and that is a tenth of a small product.
template <template <class, class, int, int> class Kernel, class T, class I, int Most, int L,
          int N = 1>
GRAPHPOLY_INLINE void run_tile(int vectors, int64_t begin, int64_t width, const auto&... args) {
  if constexpr (N < (L == kLanes<T> ? Most : L > 1 ? 2 : 1)) {  // one number is one vector
    if (vectors > N) return run_tile<Kernel, T, I, Most, L, N + 1>(vectors, begin, width, args...);
  }
  Kernel<T, I, L, N>::run(begin, width, args...);
}

template <template <class, class, int, int> class Kernel, class T, class I, int Most, int L>
GRAPHPOLY_INLINE void run_narrow(int64_t begin, int64_t width, const auto&... args) {
  if constexpr (L > 1) {
    if (width < L) return run_narrow<Kernel, T, I, Most, L / 2>(begin, width, args...);
  }
  run_tile<Kernel, T, I, Most, L>(static_cast<int>((width + L - 1) / L), begin, width, args...);
}

template <template <class, class, int, int> class Kernel, class T, class I,
          int Most = kTileVectors<T>>
void run_tiles(int64_t channel, int64_t channels, const auto&... args) {
  const Panels tiles(channels, Most * kLanes<T>, kLanes<T>);
  for (int64_t t = 0; t < tiles.count; ++t) {
    run_narrow<Kernel, T, I, Most, kLanes<T>>(channel + tiles.begin(t), tiles.size(t), args...);
  }
}

// Entries between a prefetch and its use, where each asks for so many bytes: a third of the nearest
// cache is under way then, and of narrow rows enough to last for as long as memory takes to answer.
constexpr int64_t kLeastAhead = 12;
constexpr int64_t entries_ahead(int64_t bytes) {
  constexpr int64_t kUnderWay = 16384, kMost = 128;
  const int64_t entries = kUnderWay / (bytes > 0 ? bytes : 1);
  return entries < kLeastAhead ? kLeastAhead : entries > kMost ? kMost : entries;
}

// The sum of the weighted source rows of one target over one tile, in the order of the entries.
// Far: x is too large for the nearest caches.
template <class T, class I, int L, int N>
struct RowSum {
  typedef Values<T, L> V;

  template <bool Far = true>
  static GRAPHPOLY_INLINE void add(V (&sum)[N], const T* x, int64_t stride, int64_t width,
                                   const Rows<I>& a, const Computed<T>* weight, int64_t begin,
                                   int64_t end) {
    constexpr int kBytes = N * L * static_cast<int>(sizeof(T));
    constexpr int64_t kAhead = entries_ahead(kBytes);
    const int64_t last = a.num_entries - 1;
    // a vector of one number goes through another register at every step, a number does not
    constexpr bool kSingle = L == 1 && N == 1 && !std::is_same_v<T, BFloat16>;
    Computed<T> single{};
    if constexpr (kSingle) single = __builtin_bit_cast(Computed<T>, sum[0]);
    for (int64_t e = begin; e < end; ++e) {
      if constexpr (Far) {
        const int64_t soon = e + kAhead < last ? e + kAhead : last;
        prefetch<kBytes>(x + static_cast<int64_t>(a.col[soon]) * stride);
      }
      const T* from = x + static_cast<int64_t>(a.col[e]) * stride;
      const Computed<T> w = weight ? weight[e] : 1;
      if constexpr (kSingle) {
        single += w * *from;
      } else {
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] += w * load_at<L, N>(from, v, width);
      }
    }
    if constexpr (kSingle) sum[0] = __builtin_bit_cast(V, single);
  }
};

}  // namespace graphpoly::GRAPHPOLY_SIMD
