// Functions between two linear maps, with their derivatives, over lanes. Included once for each
// instruction set like simd.h, behind arithmetic_simd.h.

namespace graphpoly::GRAPHPOLY_SIMD {

// What a function gives, and what of the gradient goes back through it.
template <class V>
struct Active {
  V value, back;
};

// What is no number passes, and lets its gradient pass.
struct Relu {
  template <class T, int L>
  static GRAPHPOLY_INLINE Active<Vec<T, L>> at(const Vec<T, L>& x, const Vec<T, L>& grad) {
    return {x < T(0) ? Vec<T, L>{} : x, x <= T(0) ? Vec<T, L>{} : grad};
  }
};

// x / (1 + e^-x)
struct Silu {
  template <class T, int L>
  static GRAPHPOLY_INLINE Active<Vec<T, L>> at(const Vec<T, L>& x, const Vec<T, L>& grad) {
    const Vec<T, L> share = T(1) / (exponential<L>(-x) + T(1));
    return {x * share, grad * share * (x * (T(1) - share) + T(1))};
  }
};

// e^(y y) erfc(y) for y >= 0. Times y + k it is smooth enough for one polynomial in 1 - 2 k / (y + k):
// through the roots of a Chebyshev polynomial, to 2e-7 and 8e-16 of its value.
template <int L>
GRAPHPOLY_INLINE Vec<float, L> scaled_tail(const Vec<float, L>& y) {
  constexpr float kTail[] = {
      8.85768293e-5f, 7.35287233e-5f, -0.000609438173f, -0.000862080043f, 0.00306769409f,
      0.00648746614f, -0.0215066218f, -0.0364434982f, 0.279471892f, -0.687160625f, 1.02158271f};
  const Vec<float, L> r = 1.0f / (y + 2.0f), t = r * -4.0f + 1.0f;
  Vec<float, L> p = t * kTail[0] + kTail[1];
#pragma GCC unroll 9
  for (int k = 2; k < 11; ++k) p = p * t + kTail[k];
  return p * r;
}

template <int L>
GRAPHPOLY_INLINE Vec<double, L> scaled_tail(const Vec<double, L>& y) {
  constexpr double kTail[] = {
      -3.4097915309843428e-11, -4.0216999365232583e-9, -3.3413239238280602e-9,
      3.9479005894828965e-8, 4.9416395373975425e-8, -2.171396373933342e-7, -4.1095432401407257e-7,
      9.838257880598297e-7, 2.7671358437160818e-6, -4.7402594908716778e-6, -1.747124168043987e-5,
      3.0394688499270358e-5, 0.00010756165634878754, -0.00027677698538315215,
      -0.00054830971796708384, 0.0030340618712663185, -0.001212416624961181, -0.026827234613604182,
      0.11952776128720228, -0.3104672619009872, 0.59022835710410281, -0.88339445316987884,
      1.0740069070883397};
  const Vec<double, L> r = 1.0 / (y + 3.0), t = r * -6.0 + 1.0;
  Vec<double, L> p = t * kTail[0] + kTail[1];
#pragma GCC unroll 21
  for (int k = 2; k < 23; ++k) p = p * t + kTail[k];
  return p * r;
}

// x times how likely a normal number is less than x.
struct Gelu {
  template <class T, int L>
  static GRAPHPOLY_INLINE Active<Vec<T, L>> at(const Vec<T, L>& x, const Vec<T, L>& grad) {
    constexpr T kRoot = T(0.70710678118654752), kDensity = T(0.39894228040143268);
    const Vec<T, L> y = (x < T(0) ? -x : x) * kRoot;
    const Vec<T, L> bell = exponential<L>(x * x * T(-0.5));
    const Vec<T, L> tail = bell * scaled_tail<L>(y) * T(0.5);
    const Vec<T, L> share = x < T(0) ? tail : T(1) - tail;
    return {x * share, grad * (x * bell * kDensity + share)};
  }
};

}  // namespace graphpoly::GRAPHPOLY_SIMD
