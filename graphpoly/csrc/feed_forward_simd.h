// What happens to rows between the maps of feed_forward. Included once for each instruction set like
// simd.h.

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, int L>
using Mask = Vec<std::conditional_t<sizeof(T) == 8, int64_t, int32_t>, L>;

// A vector of a row, 0 behind its end.
template <int L, class T>
GRAPHPOLY_INLINE Vec<T, L> within(const Vec<T, L>& v, int64_t channel, int64_t width) {
  if (channel + L <= width) return v;
  Mask<T, L> lane;
  for (int l = 0; l < L; ++l) lane[l] = l;
  return lane < Mask<T, L>{} + static_cast<int>(width - channel) ? v : Vec<T, L>{};
}

template <int L, class T>
GRAPHPOLY_INLINE T total(const Vec<T, L>& v) {
  Vec<T, L> one[] = {v};
  return sum_lanes<T, L>(one)[0];
}

// Takes the mean off a row, and returns one over the root of its variance.
template <int L, class T>
GRAPHPOLY_INLINE T centered(T* row, int64_t width, T eps) {
  typedef Vec<T, L> V;
  V sum{}, spread{};
  for (int64_t c = 0; c < width; c += L) sum += within<L, T>(load<V>(row + c), c, width);
  const T mean = total<L, T>(sum) / static_cast<T>(width);
  for (int64_t c = 0; c < width; c += L) {
    const V apart = within<L, T>(load<V>(row + c) - mean, c, width);
    spread += apart * apart;
    store(row + c, apart);
  }
  return 1 / std::sqrt(total<L, T>(spread) / static_cast<T>(width) + eps);
}

// The numbers of one vector at a place, less those that are dropped.
template <int L, class T>
GRAPHPOLY_INLINE Vec<T, L> dropped(const Drops<T>& d, const Vec<T, L>& x, int64_t place) {
  typedef Vec<uint32_t, L> W;
  if (d.keep == 0) return x;
  const auto begin = static_cast<uint32_t>(place);
  W low;
  for (int l = 0; l < L; ++l) low[l] = begin + static_cast<uint32_t>(l);
  const W high = W{} + static_cast<uint32_t>(place >> 32) + (low < begin ? W{} + 1 : W{});
  const W bits = mix_word(mix_word(low ^ d.first) + d.second + high * kGolden) >> 8;
  const auto kept = __builtin_convertvector(bits, Mask<T, L>) >= Mask<T, L>{} + d.threshold;
  return kept ? x * d.keep : Vec<T, L>{};
}

template <class F, class T>
void activate_by(const Inside<T> in) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  T* row = in.hidden;
  for (int64_t r = 0; r < in.rows; ++r, row += in.stride) {
    const T rate = in.scale ? centered<L>(row, in.width, in.eps) : T(1);
    for (int64_t c = 0; c < in.width; c += L) {
      V x = load<V>(row + c);
      if (in.scale) x = x * rate * load<V>(in.scale + c) + load<V>(in.shift + c);
      const V value = F::template at<T, L>(x, V{}).value;
      store(row + c, dropped<L, T>(in.drops, value, (in.begin + r) * in.width + c));
    }
  }
}

template <class F, class T>
void turn_back_by(const Inside<T> in) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  T *row = in.hidden, *grad = in.grad;
  for (int64_t r = 0; r < in.rows; ++r, row += in.stride, grad += in.stride) {
    const T rate = in.scale ? centered<L>(row, in.width, in.eps) : T(1);
    V sum{}, product{};
    for (int64_t c = 0; c < in.width; c += L) {
      const int64_t place = (in.begin + r) * in.width + c;
      const V normal = load<V>(row + c) * rate;
      const V scale = in.scale ? load<V>(in.scale + c) : V{} + T(1);
      const V x = in.scale ? normal * scale + load<V>(in.shift + c) : normal;
      const auto [value, back] =
          F::template at<T, L>(x, dropped<L, T>(in.drops, load<V>(grad + c), place));
      store(row + c, dropped<L, T>(in.drops, value, place));
      store(grad + c, back * scale);
      if (!in.scale) continue;
      store(in.row + c, normal);
      store(in.to_shift + c, load<V>(in.to_shift + c) + back);
      store(in.to_scale + c, load<V>(in.to_scale + c) + back * normal);
      const V scaled = within<L, T>(back * scale, c, in.width);
      sum += scaled, product += scaled * normal;
    }
    if (!in.scale) continue;
    const T mean = total<L, T>(sum) / static_cast<T>(in.width);
    const T slope = total<L, T>(product) / static_cast<T>(in.width);
    for (int64_t c = 0; c < in.width; c += L) {
      store(grad + c, (load<V>(grad + c) - mean - load<V>(in.row + c) * slope) * rate);
    }
  }
}

template <class T>
void activate(const Inside<T>& in) {
  switch (in.function) {
    case Function::relu: return activate_by<Relu>(in);
    case Function::silu: return activate_by<Silu>(in);
    case Function::gelu: return activate_by<Gelu>(in);
  }
}

template <class T>
void turn_back(const Inside<T>& in) {
  switch (in.function) {
    case Function::relu: return turn_back_by<Relu>(in);
    case Function::silu: return turn_back_by<Silu>(in);
    case Function::gelu: return turn_back_by<Gelu>(in);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly
