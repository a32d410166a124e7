// Vectors of one line of channels, met a few at a time: their coefficients and sums stay in registers.
// Included once for each instruction set like simd.h, behind lanczos.h.

namespace graphpoly::GRAPHPOLY_SIMD {

template <class T>
using Line = Vec<T, static_cast<int>(kLine<T>)>;

// Vectors at once: registers hold as many, and one that meets them.
inline constexpr int kMet = GRAPHPOLY_VECTOR_BYTES == 64 ? 12 : 4;

// The weighted sum of the rows of x at the entries of row i.
template <class T, class I>
GRAPHPOLY_INLINE Line<T> gathered(const Rows<I>& a, const T* weight, const T* x, int64_t i,
                                  bool far) {
  constexpr int L = static_cast<int>(kLine<T>);
  Line<T> sum[1] = {};
  if (far) {
    RowSum<T, I, L, 1>::add(sum, x, L, L, a, weight, a.rowptr[i], a.rowptr[i + 1]);
  } else {
    RowSum<T, I, L, 1>::template add<false>(sum, x, L, L, a, weight, a.rowptr[i], a.rowptr[i + 1]);
  }
  return sum[0];
}

// sums_j += <v_j, w>
template <class T, int J = kMet>
void overlaps(const Slice<T>& s, const T* v, int64_t vectors, const T* w, T* sums) {
  if constexpr (J > 0) {
    const Slice<T> nodes = s;
    for (; vectors >= J; vectors -= J, v += J * s.block, sums += J * kLine<T>) {
      Line<T> sum[J];
#pragma GCC unroll 12
      for (int j = 0; j < J; ++j) sum[j] = load<Line<T>>(sums + j * kLine<T>);
      for (int64_t n = 0; n < nodes.count; ++n) {
        const int64_t at = nodes.node(n) * kLine<T>;
        const auto mine = load<Line<T>>(w + at);
#pragma GCC unroll 12
        for (int j = 0; j < J; ++j) sum[j] += load<Line<T>>(v + j * nodes.block + at) * mine;
      }
#pragma GCC unroll 12
      for (int j = 0; j < J; ++j) store(sums + j * kLine<T>, sum[j]);
    }
    if (vectors > 0) overlaps<T, J - 1>(s, v, vectors, w, sums);
  }
}

// w -= sum_j h_j v_j
template <class T, int J = kMet>
void project(const Slice<T>& s, const T* v, int64_t vectors, const T* h, T* w) {
  if constexpr (J > 0) {
    const Slice<T> nodes = s;
    for (; vectors >= J; vectors -= J, v += J * s.block, h += J * kLine<T>) {
      Line<T> part[J];
#pragma GCC unroll 12
      for (int j = 0; j < J; ++j) part[j] = load<Line<T>>(h + j * kLine<T>);
      for (int64_t n = 0; n < nodes.count; ++n) {
        const int64_t at = nodes.node(n) * kLine<T>;
        auto mine = load<Line<T>>(w + at);
#pragma GCC unroll 12
        for (int j = 0; j < J; ++j) mine -= part[j] * load<Line<T>>(v + j * nodes.block + at);
        store(w + at, mine);
      }
    }
    if (vectors > 0) project<T, J - 1>(s, v, vectors, h, w);
  }
}

// to += w w
template <class T>
void add_square(const Slice<T>& s, const T* w, T* to) {
  auto sum = load<Line<T>>(to);
  for (int64_t n = 0; n < s.count; ++n) {
    const auto mine = load<Line<T>>(w + s.node(n) * kLine<T>);
    sum += mine * mine;
  }
  store(to, sum);
}

template <class T>
void scale_line(const Slice<T>& s, const T* by, T* w) {
  const auto factor = load<Line<T>>(by);
  for (int64_t n = 0; n < s.count; ++n) {
    T* mine = w + s.node(n) * kLine<T>;
    store(mine, load<Line<T>>(mine) * factor);
  }
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
