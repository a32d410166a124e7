// graphpoly::dropout: y = m x / (1 - p), the mask m a hash of a seed and of the place.
//
// It is never stored: whoever needs it makes it again, for less than it takes to read one.
#ifndef GRAPHPOLY_SIMD

#include "common.h"
#include "hashing.h"

namespace graphpoly {
namespace {

// Features are stored as S and multiplied as T.
template <class T, class S>
struct Dropping {
  const S* x;
  S* out;
  const int64_t* place;  // of each number, or none: they stand one after another
  uint32_t first, second;
  int32_t threshold;  // a number whose bits >> 8 are less is dropped
  T keep;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "dropout.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

template <class T, class S>
Tensor run_dropout(const Tensor& x, const OptionalTensor& place, uint64_t seed, double p) {
  constexpr int64_t kBlock = int64_t{1} << 14;
  const int64_t size = x.numel(), blocks = (size + kBlock - 1) / kBlock;
  Tensor out = torch::stable::empty_like(x);
  advise_large_pages(out.data_ptr(), static_cast<size_t>(size) * sizeof(S));
  Dropping<T, S> d;
  d.x = static_cast<const S*>(x.const_data_ptr());
  d.out = static_cast<S*>(out.mutable_data_ptr());
  d.place = place ? place->const_data_ptr<int64_t>() : nullptr;
  d.first = mix_bits(static_cast<uint32_t>(seed));
  d.second = mix_bits(static_cast<uint32_t>(seed >> 32) + d.first + kGolden);
  d.threshold = static_cast<int32_t>(std::floor(p * (1 << 24) + 0.5));
  d.keep = p < 1 ? static_cast<T>(1 / (1 - p)) : T(0);
  parallel_items(blocks, size, [&](int64_t block) {
    GRAPHPOLY_CALL(drop, d, block * kBlock, std::min(size, (block + 1) * kBlock));
  });
  return out;
}

Tensor dropout(Tensor x, Tensor seed, double p, OptionalTensor place) {
  check(seed.numel() == 1 && seed.scalar_type() == ScalarType::Long,
        "dropout: seed: expected one int64");
  check(p >= 0 && p <= 1, "dropout: p: got ", p, ", expected a probability");
  if (place) {
    check(place->scalar_type() == ScalarType::Long && place->dim() == x.dim() &&
              place->numel() == x.numel(),
          "dropout: place: expected int64, one for each number of x");
  }
  x = dense(x), seed = dense(seed), place = dense(place);
  const auto bits = static_cast<uint64_t>(*seed.const_data_ptr<int64_t>());
  if (x.scalar_type() == ScalarType::BFloat16) {
    return run_dropout<float, BFloat16>(x, place, bits, p);
  }
  return dispatch_types("dropout", x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    return run_dropout<decltype(t), decltype(t)>(x, place, bits, p);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("dropout", TORCH_BOX(&graphpoly::dropout));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// Of numbers at places whose lower and upper halves these are: the bits that decide.
template <class W, class T, class S>
GRAPHPOLY_INLINE W bits_of(const Dropping<T, S>& d, W low, W high) {
  return mix_word(mix_word(low ^ d.first) + d.second + high * kGolden) >> 8;
}

template <class T, class S>
GRAPHPOLY_INLINE void drop_one(const Dropping<T, S>& d, int64_t at) {
  const int64_t place = d.place == nullptr ? at : d.place[at];
  const auto low = static_cast<uint32_t>(place), high = static_cast<uint32_t>(place >> 32);
  const bool kept = static_cast<int32_t>(bits_of(d, low, high)) >= d.threshold;
  if constexpr (std::is_same_v<S, BFloat16>) {
    narrow<1>(d.out + at, kept ? widen<1>(d.x + at) * d.keep : 0.0f);
  } else {
    d.out[at] = kept ? d.x[at] * d.keep : T(0);
  }
}

template <int L, class T, class S>
GRAPHPOLY_INLINE void drop_some(const Dropping<T, S>& d, int64_t at) {
  typedef Vec<uint32_t, L> W;
  typedef Vec<std::conditional_t<sizeof(T) == 8, int64_t, int32_t>, L> M;
  W low, high;
  if (d.place == nullptr) {
    const auto begin = static_cast<uint32_t>(at);
    for (int l = 0; l < L; ++l) low[l] = begin + static_cast<uint32_t>(l);
    high = W{} + static_cast<uint32_t>(at >> 32) + (low < begin ? W{} + 1 : W{});
  } else {
    const auto place = load<Vec<int64_t, L>>(d.place + at);
    low = __builtin_convertvector(place, W);
    high = __builtin_convertvector(place >> 32, W);
  }
  const M kept = __builtin_convertvector(bits_of(d, low, high), M) >= M{} + d.threshold;
  if constexpr (std::is_same_v<S, BFloat16>) {
    typedef Vec<uint16_t, L> Stored;  // lanes are places in their order
    const W bits = __builtin_convertvector(load<Stored>(d.x + at), W) << 16;
    const auto value = __builtin_bit_cast(Vec<T, L>, bits) * d.keep;
    store(d.out + at, __builtin_convertvector(rounded(kept ? value : Vec<T, L>{}) >> 16, Stored));
  } else {
    store(d.out + at, kept ? load<Vec<T, L>>(d.x + at) * d.keep : Vec<T, L>{});
  }
}

template <class T, class S>
void drop(const Dropping<T, S>& given, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  const Dropping<T, S> d = given;  // a copy, which no store can change
  int64_t at = begin;
  for (; at + L <= end; at += L) drop_some<L>(d, at);
  for (; at < end; ++at) drop_one(d, at);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
