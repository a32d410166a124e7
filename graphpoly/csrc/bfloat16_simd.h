// Stored numbers as lanes in the order of their channels, where they meet what is of another width
// (which entry won, say) or each other; elsewhere the halves of simd.h cost less. Included once for
// each instruction set like simd.h.

namespace graphpoly::GRAPHPOLY_SIMD {

template <class T>
GRAPHPOLY_INLINE T computed(const T& stored) {
  return stored;
}
GRAPHPOLY_INLINE float computed(const BFloat16& stored) { return widen<1>(&stored); }

// L numbers as lanes; V is Vec<T, L> of the T that they are computed in.
template <class V, class S>
GRAPHPOLY_INLINE V load_lanes(const S* from) {
  if constexpr (!std::is_same_v<S, BFloat16>) {
    return load<V>(from);
  } else if constexpr (sizeof(V) == sizeof(float)) {
    return computed(*from);
  } else {
    constexpr int L = sizeof(V) / sizeof(float);
    const auto bits = load<Vec<uint16_t, L>>(reinterpret_cast<const uint16_t*>(from));
    return __builtin_bit_cast(V, __builtin_convertvector(bits, Vec<uint32_t, L>) << 16);
  }
}

template <class S, class V>
GRAPHPOLY_INLINE void store_lanes(S* to, const V& value) {
  if constexpr (!std::is_same_v<S, BFloat16>) {
    store(to, value);
  } else if constexpr (sizeof(V) == sizeof(float)) {
    narrow<1>(to, value);
  } else {
    constexpr int L = sizeof(V) / sizeof(float);
    store(to, __builtin_convertvector(rounded(value) >> 16, Vec<uint16_t, L>));
  }
}

// Vector v of a tile.
template <class V, int L, int N, class S>
GRAPHPOLY_INLINE V lanes_at(const S* tile, int v, int64_t width) {
  return load_lanes<V>(tile + place<L, N>(v, width));
}

template <int L, int N, class S, class V>
GRAPHPOLY_INLINE void store_lanes_at(S* tile, int v, int64_t width, const V& value) {
  store_lanes(tile + place<L, N>(v, width), value);
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
