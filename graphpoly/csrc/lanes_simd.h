// Small matrices side by side, an entry in each lane. Included once for each instruction set like
// simd.h.

namespace graphpoly::GRAPHPOLY_SIMD {

// Copies `count` values of each of up to L entries between rows in memory and lanes.
template <class T, int L, class V>
GRAPHPOLY_INLINE void gather_lanes(V* to, const T* from, int count, int64_t entries) {
  T lanes[L] = {};
  for (int k = 0; k < count; ++k) {
    for (int64_t l = 0; l < entries; ++l) lanes[l] = from[l * count + k];
    to[k] = load<V>(lanes);
  }
}

template <class T, int L, class V>
GRAPHPOLY_INLINE void scatter_lanes(T* to, const V* from, int count, int64_t entries) {
  T lanes[L];
  for (int k = 0; k < count; ++k) {
    store(lanes, from[k]);
    for (int64_t l = 0; l < entries; ++l) to[l * count + k] = lanes[l];
  }
}

}  // namespace graphpoly::GRAPHPOLY_SIMD
