// Products with so few channels that lanes of them would be idle: lanes go along the sums. Included
// once for each instruction set like simd.h, behind product.h and arithmetic_simd.h.

namespace graphpoly::GRAPHPOLY_SIMD {

// out[r, c] = start[c] + sum_k a[r, k] b[c, k]. Rows of a and b are dense, of at least as many numbers
// as a register has.
template <class T, int C>
struct Dots {
  static constexpr int L = kLanes<T>;
  // sums that registers hold beside what they are made of
  static constexpr int kRows = GRAPHPOLY_VECTOR_BYTES == 64 ? 24 / C : 8 / C;
  typedef Vec<T, L> V;

  template <int R>
  static GRAPHPOLY_INLINE void add(V (&sum)[R][C], const V (&x)[R], const T* b, int64_t row_of_b) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const V right = load<V>(b + c * row_of_b);
#pragma GCC unroll 24
      for (int r = 0; r < R; ++r) sum[r][c] += x[r] * right;
    }
  }

  template <int R>
  static GRAPHPOLY_INLINE void rows(const Product<T>& p, int64_t first) {
    const T* const a = p.a + first * p.row_of_a;
    V sum[R][C] = {}, x[R];
    int64_t k = 0;
    for (; k + L <= p.inner; k += L) {
#pragma GCC unroll 24
      for (int r = 0; r < R; ++r) x[r] = load<V>(a + r * p.row_of_a + k);
      add<R>(sum, x, p.b + k, p.row_of_b);
    }
    if (k < p.inner) {  // the last ones, less those that have been added
      const int64_t last = p.inner - L;
      T share[L];
      for (int l = 0; l < L; ++l) share[l] = last + l < k ? T(0) : T(1);
      const V held = load<V>(share);
#pragma GCC unroll 24
      for (int r = 0; r < R; ++r) {
        const V value = load<V>(a + r * p.row_of_a + last);
        x[r] = held > T(0) ? value : V{};
      }
      add<R>(sum, x, p.b + last, p.row_of_b);
    }
    constexpr int G = L < C ? L : std::bit_ceil(static_cast<unsigned>(C));
    for (int r = 0; r < R; ++r) {
      T* const out = p.out + (first + r) * p.row_of_out;
      for (int c = 0; c < C; c += G) {
        V some[G];
#pragma GCC unroll 8
        for (int g = 0; g < G; ++g) some[g] = c + g < C ? sum[r][c + g] : V{};
        const V found = sum_lanes<T, L>(some);
        for (int g = 0; g < G && c + g < C; ++g) {
          out[c + g] = found[g] + (p.start ? p.start[c + g] : T(0));
        }
      }
    }
  }

  static void run(const Product<T>& p) {
    int64_t first = 0;
    for (; first + kRows <= p.rows; first += kRows) rows<kRows>(p, first);
    if constexpr (kRows > 4) {
      for (; first + 4 <= p.rows; first += 4) rows<4>(p, first);
    }
    for (; first < p.rows; ++first) rows<1>(p, first);
  }
};

template <class T>
inline constexpr int kMostDots = kLanes<T> / 2;

template <class T, int C = kMostDots<T>>
void dots(int64_t channels, const Product<T>& p) {
  if constexpr (C > 0) {
    if (channels == C) return Dots<T, C>::run(p);
    dots<T, C - 1>(channels, p);
  }
}

// Whether there are few channels, and enough of k for the sums over lanes to be worth it.
template <class T>
void count_as_few(int64_t channels, int64_t inner, bool* few) {
  const int64_t registers = channels <= kMostDots<T> / 2 ? (channels + 1) / 2 : 8;
  *few = channels <= kMostDots<T> && inner >= registers * kLanes<T>;
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
