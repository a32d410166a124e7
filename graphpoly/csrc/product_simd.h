// Products of a few dozen rows with a small matrix. Included once for each instruction set like
// simd.h.

namespace graphpoly::GRAPHPOLY_SIMD {

// Registers of sums, and rows of them: all sixteen, or of 32 most, hold them and one row of b.
inline constexpr int kProductVectors = GRAPHPOLY_VECTOR_BYTES == 64 ? 4 : 2;
inline constexpr int kProductRows = 6;

template <class T, class I, int L, int N>
struct ProductTile {
  typedef Vec<T, L> V;

  template <int R>
  static GRAPHPOLY_INLINE void rows(int64_t channel, int64_t width, const Product<T> p,
                                    int64_t first) {
    V sum[R][N] = {};
    if (p.start) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const T* start = p.start + (first + r) * p.row_of_start + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[r][v] = load_at<L, N>(start, v, width);
      }
    }
    const T* a = p.a + first * p.row_of_a;
    const T* b = p.b + channel;
    for (int64_t k = 0; k < p.inner; ++k, a += p.step_of_a, b += p.row_of_b) {
      V right[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) right[v] = load_at<L, N>(b, v, width);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const T left = a[r * p.row_of_a];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[r][v] += left * right[v];
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      T* out = p.out + (first + r) * p.row_of_out + channel;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(out, v, width, sum[r][v]);
    }
  }

  template <int R = kProductRows>
  static GRAPHPOLY_INLINE void rest(int64_t channel, int64_t width, const Product<T>& p,
                                    int64_t first) {
    if constexpr (R > 0) {
      if (p.rows - first < R) return rest<R - 1>(channel, width, p, first);
      rows<R>(channel, width, p, first);
    }
  }

  static void run(int64_t channel, int64_t width, const Product<T> p) {
    int64_t first = 0;
    for (; first + kProductRows <= p.rows; first += kProductRows) {
      rows<kProductRows>(channel, width, p, first);
    }
    rest<kProductRows - 1>(channel, width, p, first);
  }
};

template <class T>
void product(int64_t channels, const Product<T>& p) {
  run_tiles<ProductTile, T, int64_t, kProductVectors>(0, channels, p);
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
