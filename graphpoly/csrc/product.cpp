// The kernels of product.h, for all files that multiply small matrices.
#ifndef GRAPHPOLY_SIMD

#include "product.h"

#include <bit>

#define GRAPHPOLY_KERNELS "product.cpp"
#include "foreach_simd.h"

namespace graphpoly {

template <class T>
void call_product(int64_t channels, const Product<T>& p) {
  GRAPHPOLY_CALL(product<T>, channels, p);
}

template <class T>
void call_dots(int64_t channels, const Product<T>& p) {
  GRAPHPOLY_CALL(dots<T>, channels, p);
}

template <class T>
bool are_few(int64_t channels, int64_t inner) {
  bool few = false;
  GRAPHPOLY_CALL(count_as_few<T>, channels, inner, &few);
  return few;
}

template void call_product(int64_t, const Product<float>&);
template void call_product(int64_t, const Product<double>&);
template void call_dots(int64_t, const Product<float>&);
template void call_dots(int64_t, const Product<double>&);
template bool are_few<float>(int64_t, int64_t);
template bool are_few<double>(int64_t, int64_t);

}  // namespace graphpoly

#else  // the kernels

#include "arithmetic_simd.h"
#include "dots_simd.h"
#include "product_simd.h"

#endif
