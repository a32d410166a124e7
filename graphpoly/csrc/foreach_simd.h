// Includes the file GRAPHPOLY_KERNELS once for each instruction set, with GRAPHPOLY_SIMD naming
// the namespace and GRAPHPOLY_VECTOR_BYTES the width of a register. A kernel file includes
// itself:
//
//     #ifndef GRAPHPOLY_SIMD
//     #define GRAPHPOLY_KERNELS "this_file.cpp"
//     #include "foreach_simd.h"
//     ... host side, which calls kernels with GRAPHPOLY_CALL ...
//     #else
//     ... kernels, in namespace graphpoly::GRAPHPOLY_SIMD ...
//     #endif
//
// One translation unit, and not one for each set of flags: an inline function of the standard
// library compiled with -mavx512f could otherwise be the copy that the linker keeps for
// everybody.

#define GRAPHPOLY_SIMD generic
#define GRAPHPOLY_VECTOR_BYTES 16
#include "simd.h"
#include GRAPHPOLY_KERNELS
#undef GRAPHPOLY_SIMD
#undef GRAPHPOLY_VECTOR_BYTES

#ifdef GRAPHPOLY_X86

#ifndef GRAPHPOLY_NO_AVX2

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif
#define GRAPHPOLY_SIMD avx2
#define GRAPHPOLY_VECTOR_BYTES 32
#include "simd.h"
#include GRAPHPOLY_KERNELS
#undef GRAPHPOLY_SIMD
#undef GRAPHPOLY_VECTOR_BYTES
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // GRAPHPOLY_NO_AVX2

#ifndef GRAPHPOLY_NO_AVX512

#ifdef __clang__
#pragma clang attribute push(__attribute__((target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2")
#endif
#define GRAPHPOLY_SIMD avx512
#define GRAPHPOLY_VECTOR_BYTES 64
#include "simd.h"
#include GRAPHPOLY_KERNELS
#undef GRAPHPOLY_SIMD
#undef GRAPHPOLY_VECTOR_BYTES
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // GRAPHPOLY_NO_AVX512

#endif  // GRAPHPOLY_X86
