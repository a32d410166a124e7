// L^+ and (L^+)^2 of a simple undirected graph, for the kernels that need them.
#pragma once

#include "common.h"
#include "interrupt.h"

namespace graphpoly {

// Writes both matrices, [n, n], and the component of each node, counted in the order of their first
// nodes; rows of `rows` are ascending lists of other nodes. False if somebody has interrupted it.
bool laplacian_powers(const Rows<int64_t>& rows, double* inverse, double* square, int64_t* part,
                      const LongWork& work);

}  // namespace graphpoly
