// Which instruction set the kernels run with, decided once.
#include "common.h"

#include <cstring>

namespace graphpoly {

namespace {

Simd supported() {
#ifdef GRAPHPOLY_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#ifdef GRAPHPOLY_NO_AVX512
  return avx2 ? Simd::avx2 : Simd::generic;
#endif
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return avx512 ? Simd::avx512 : avx2 ? Simd::avx2 : Simd::generic;
#else
  return Simd::generic;
#endif
}

Simd wanted() {
  const char* name = std::getenv("GRAPHPOLY_SIMD");
  if (name != nullptr && std::strcmp(name, "generic") == 0) return Simd::generic;
  if (name != nullptr && std::strcmp(name, "avx2") == 0) return Simd::avx2;
  return Simd::avx512;
}

Simd built(Simd level) {
#ifdef GRAPHPOLY_NO_AVX2
  if (level == Simd::avx2) return Simd::generic;
#endif
  return level;
}

}  // namespace

Simd simd_level() {
  static const Simd level = built(std::min(supported(), wanted()));
  return level;
}

}  // namespace graphpoly

// Read through ctypes by the loader, for its report.
extern "C" __attribute__((visibility("default"))) const char* graphpoly_simd() {
  switch (graphpoly::simd_level()) {
    case graphpoly::Simd::avx512: return "avx512";
    case graphpoly::Simd::avx2: return "avx2";
    default: return "generic";
  }
}
