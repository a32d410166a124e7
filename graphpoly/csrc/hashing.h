// Random numbers that depend on a seed and on what they are for, and on nothing else.
#pragma once

#include <cstdint>

namespace graphpoly {

inline uint64_t mix64(uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// A number that depends on a seed and two others, as ops/hashing.py makes it.
inline uint64_t hash64(uint64_t seed, uint64_t a, uint64_t b) {
  return mix64(mix64(mix64(seed) + a) + b);
}

constexpr uint32_t kGolden = 0x9E3779B9u;

// As mix_word in simd.h does to many.
inline uint32_t mix_bits(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x21F0AAADu;
  x = (x ^ (x >> 15)) * 0x735A2D97u;
  return x ^ (x >> 15);
}

inline double uniform(uint64_t bits) {  // in [0, 1)
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

inline int64_t below(uint64_t bits, int64_t count) {  // in [0, count)
  return static_cast<int64_t>(
      static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(count)) >> 64));
}

}  // namespace graphpoly
