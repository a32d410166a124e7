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

template <class T>
inline constexpr int kLanes = GRAPHPOLY_VECTOR_BYTES / sizeof(T);
inline constexpr int kTileVectors = 8;

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

// bfloat16 is stored so and computed in float: the upper half of its bits, rounded to even.
template <int L>
GRAPHPOLY_INLINE Vec<float, L> widen(const BFloat16* from) {
  if constexpr (L == 1) {
    return __builtin_bit_cast(float, static_cast<uint32_t>(from->bits) << 16);
  } else {
    typedef Vec<uint32_t, L> Bits;
    const Bits wide = __builtin_convertvector((load<Vec<uint16_t, L>>(from)), Bits);
    return __builtin_bit_cast(Vec<float, L>, wide << 16);
  }
}

template <int L>
GRAPHPOLY_INLINE void narrow(BFloat16* to, const Vec<float, L>& value) {
  typedef Vec<uint32_t, L> Bits;
  const Bits bits = __builtin_bit_cast(Bits, value);
  const Bits even = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Bits quiet = (bits >> 16) | 0x40;  // of a NaN, which rounding could turn into infinity
  const Bits rounded = value == value ? even : quiet;
  if constexpr (L == 1) {
    to->bits = static_cast<uint16_t>(rounded);
  } else {
    store(to, __builtin_convertvector(rounded, Vec<uint16_t, L>));
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
  if constexpr (N < (L == kLanes<T> ? Most : 2)) {
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
          int Most = kTileVectors>
void run_tiles(int64_t channel, int64_t channels, const auto&... args) {
  const Panels tiles(channels, Most * kLanes<T>, kLanes<T>);
  for (int64_t t = 0; t < tiles.count; ++t) {
    run_narrow<Kernel, T, I, Most, kLanes<T>>(channel + tiles.begin(t), tiles.size(t), args...);
  }
}

constexpr int64_t kAhead = 12;  // entries between a prefetch and its use

// The sum of the weighted source rows of one target over one tile, in the order of the entries.
// x is of type T, or of BFloat16 with T = float. Far: it is too large for the nearest caches.
template <class T, class I, int L, int N>
struct RowSum {
  typedef Vec<T, L> V;

  template <bool Far = true, class S>
  static GRAPHPOLY_INLINE void add(V (&sum)[N], const S* x, int64_t stride, int64_t width,
                                   const Rows<I>& a, const T* weight, int64_t begin, int64_t end) {
    const int64_t last = a.num_entries - 1;
    for (int64_t e = begin; e < end; ++e) {
      const int64_t soon = e + kAhead < last ? e + kAhead : last;
      if constexpr (Far) {
        prefetch<N * L * static_cast<int>(sizeof(S))>(x +
                                                      static_cast<int64_t>(a.col[soon]) * stride);
      }
      const S* from = x + static_cast<int64_t>(a.col[e]) * stride;
      const T w = weight ? weight[e] : T(1);
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sum[v] += w * load_at<L, N>(from, v, width);
    }
  }
};

}  // namespace graphpoly::GRAPHPOLY_SIMD
