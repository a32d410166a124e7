// graphpoly::balanced_forman: the curvature of every edge, in the order of the entries.
#include "balanced_forman.h"

namespace graphpoly {
namespace {

Tensor balanced_forman_all(Tensor rowptr, Tensor col, Tensor ptr) {
  constexpr const char* kOp = "balanced_forman";
  rowptr = dense(rowptr), col = dense(col), ptr = dense(ptr);
  const GraphBatch batch(kOp, rowptr, col, ptr);
  Tensor out = make_output<double>(col, {batch.rows.num_entries});
  double* const value = out.mutable_data_ptr<double>();
  const Listener listener;
  const int64_t work = 16 * batch.rows.num_entries;
  parallel_items(batch.num_graphs, work, [&](int64_t g) {
    const EditableGraph graph(batch, g);
    const int64_t n = batch.size(g), first = batch.ptr[g];
    const int64_t ranges = n < 4096 ? 1 : 8 * torch::stable::get_num_threads();
    parallel_items(ranges, work, [&](int64_t r) {
      Corners corners(n);
      for (int64_t i = n * r / ranges; i < n * (r + 1) / ranges && !listener.interrupted(); ++i) {
        const int64_t begin = batch.rows.rowptr[first + i];
        const auto& row = graph.row(static_cast<int32_t>(i));
        for (size_t e = 0; e < row.size(); ++e) {
          // either end computes the same number from the same counts
          value[begin + static_cast<int64_t>(e)] =
              corners.measure(graph, static_cast<int32_t>(i), row[e]);
        }
      }
    });
  });
  check(!listener.interrupted(), kOp, ": interrupted");
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("balanced_forman", TORCH_BOX(&graphpoly::balanced_forman_all));
}
