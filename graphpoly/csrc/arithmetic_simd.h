// Exponentials and sums over lanes. Included once for each instruction set like simd.h.

namespace graphpoly::GRAPHPOLY_SIMD {

// e^x to about one rounding; 0 below the smallest normal number.
template <int L>
GRAPHPOLY_INLINE Vec<float, L> exponential(const Vec<float, L>& x) {
  typedef Vec<float, L> V;
  typedef Vec<int32_t, L> M;
  constexpr float kLow = -87.33654f, kHigh = 88.37f, kMagic = 12582912.0f;
  V c = x < kLow ? V{} + kLow : x;
  c = c > kHigh ? V{} + kHigh : c;
  const V turned = c * 1.44269504088896341f + kMagic;  // rounds to an integer in the low bits
  const V n = turned - kMagic;
  const V r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
  V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const M magic = __builtin_bit_cast(M, V{} + kMagic);
  const M power = (__builtin_bit_cast(M, turned) - magic + 127) << 23;
  return x < kLow ? V{} : p * __builtin_bit_cast(V, power);
}

template <int L>
GRAPHPOLY_INLINE Vec<double, L> exponential(const Vec<double, L>& x) {
  typedef Vec<double, L> V;
  typedef Vec<int64_t, L> M;
  constexpr double kLow = -708.396, kHigh = 709.0, kMagic = 6755399441055744.0;
  constexpr double kInverseFactorial[] = {
      1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
      1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5};
  V c = x < kLow ? V{} + kLow : x;
  c = c > kHigh ? V{} + kHigh : c;
  const V turned = c * 1.4426950408889634 + kMagic;
  const V n = turned - kMagic;
  const V r = (c - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6;
  V p = V{} + kInverseFactorial[0];
#pragma GCC unroll 12
  for (int k = 1; k < 12; ++k) p = p * r + kInverseFactorial[k];
  p = p * (r * r) + r + 1.0;
  const M magic = __builtin_bit_cast(M, V{} + kMagic);
  const M power = (__builtin_bit_cast(M, turned) - magic + 1023) << 52;
  return x < kLow ? V{} : p * __builtin_bit_cast(V, power);
}

// The even (odd) places of a and b, one after the other.
template <class V, int... K>
GRAPHPOLY_INLINE V every_other(const V& a, const V& b, std::integer_sequence<int, K...>) {
  return __builtin_shufflevector(a, b, (2 * K)...) + __builtin_shufflevector(a, b, (2 * K + 1)...);
}

// Lane g of the result is the sum over the lanes of v[g].
template <class T, int L, int G>
GRAPHPOLY_INLINE Vec<T, L> sum_lanes(Vec<T, L> (&v)[G]) {
  if constexpr (L > 1) {
    const auto places = std::make_integer_sequence<int, L>{};
#pragma GCC unroll 8
    for (int count = G; count > 1; count /= 2) {
#pragma GCC unroll 8
      for (int g = 0; g < count / 2; ++g) v[g] = every_other(v[2 * g], v[2 * g + 1], places);
    }
#pragma GCC unroll 8
    for (int rest = L / G; rest > 1; rest /= 2) v[0] = every_other(v[0], v[0], places);
  }
  return v[0];
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
