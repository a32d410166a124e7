// What the kernels that rewire graphs share: one graph of a batch as sorted lists of neighbours that
// may be edited, and the loop over graphs.
#pragma once

#include <utility>

#include "common.h"
#include "hashing.h"
#include "interrupt.h"

namespace graphpoly {

inline void check_ascending(const char* op, const char* name, const int64_t* offsets, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    check(offsets[i] <= offsets[i + 1], op, ": ", name, ": descends at ", i);
  }
}

// Many graphs side by side, in compressed rows that are in order; all int64.
struct GraphBatch {
  Rows<int64_t> rows;
  const int64_t* ptr;
  int64_t num_graphs;

  GraphBatch(const char* op, const Tensor& rowptr, const Tensor& col, const Tensor& ptr_)
      : rows(), ptr(nullptr), num_graphs(ptr_.size(0) - 1) {
    check_rows(op, rowptr, col);
    check(rowptr.scalar_type() == ScalarType::Long && ptr_.scalar_type() == ScalarType::Long, op,
          ": rowptr, col, ptr: int64 is accepted");
    check(ptr_.dim() == 1 && num_graphs >= 0, op, ": ptr: expected one dimension, [G+1]");
    rows = rows_view<int64_t>(op, rowptr, col);
    ptr = ptr_.const_data_ptr<int64_t>();
    check(ptr[0] == 0 && ptr[num_graphs] == rows.num_rows, op, ": ptr: expected 0 to ",
          rows.num_rows, " (the number of nodes)");
    check_ascending(op, "rowptr", rows.rowptr, rows.num_rows);
    check_ascending(op, "ptr", ptr, num_graphs);
    // the rows are in order, so that the reverses of a row's entries are met in their order, too
    std::vector<int64_t> next(rows.rowptr, rows.rowptr + rows.num_rows);
    for (int64_t g = 0; g < num_graphs; ++g) {
      for (int64_t v = ptr[g]; v < ptr[g + 1]; ++v) {
        for (int64_t e = rows.rowptr[v]; e < rows.rowptr[v + 1]; ++e) {
          check(rows.col[e] >= ptr[g] && rows.col[e] < ptr[g + 1] && rows.col[e] != v &&
                    (e == rows.rowptr[v] || rows.col[e - 1] < rows.col[e]),
                op, ": col: row ", v, " is not an ascending list of other nodes of its graph");
          int64_t& back = next[static_cast<size_t>(rows.col[e])];
          check(back < rows.rowptr[rows.col[e] + 1] && rows.col[back] == v, op, ": col: the edge ",
                v, " -> ", rows.col[e], " has no reverse");
          ++back;
        }
      }
    }
  }
  int64_t size(int64_t graph) const { return ptr[graph + 1] - ptr[graph]; }
  int64_t entries(int64_t graph) const {
    return rows.rowptr[ptr[graph + 1]] - rows.rowptr[ptr[graph]];
  }
};

// Neighbours in ascending order, by numbers that begin at 0 in each graph.
class EditableGraph {
 public:
  EditableGraph(const GraphBatch& batch, int64_t graph) {
    const int64_t first = batch.ptr[graph], last = batch.ptr[graph + 1];
    rows_.resize(static_cast<size_t>(last - first));
    for (int64_t v = first; v < last; ++v) {
      const int64_t begin = batch.rows.rowptr[v], end = batch.rows.rowptr[v + 1];
      auto& row = rows_[static_cast<size_t>(v - first)];
      row.reserve(static_cast<size_t>(end - begin) + 2);
      for (int64_t e = begin; e < end; ++e) {
        row.push_back(static_cast<int32_t>(batch.rows.col[e] - first));
      }
    }
  }
  int32_t size() const { return static_cast<int32_t>(rows_.size()); }
  const std::vector<int32_t>& row(int32_t v) const { return rows_[static_cast<size_t>(v)]; }
  int32_t degree(int32_t v) const { return static_cast<int32_t>(row(v).size()); }
  bool has(int32_t u, int32_t v) const {
    const auto& list = degree(u) <= degree(v) ? row(u) : row(v);
    return std::binary_search(list.begin(), list.end(), degree(u) <= degree(v) ? v : u);
  }
  void add(int32_t u, int32_t v) { insert(u, v), insert(v, u); }
  void remove(int32_t u, int32_t v) { erase(u, v), erase(v, u); }

 private:
  void insert(int32_t u, int32_t v) {
    auto& list = rows_[static_cast<size_t>(u)];
    list.insert(std::lower_bound(list.begin(), list.end(), v), v);
  }
  void erase(int32_t u, int32_t v) {
    auto& list = rows_[static_cast<size_t>(u)];
    list.erase(std::lower_bound(list.begin(), list.end(), v));
  }
  std::vector<std::vector<int32_t>> rows_;
};

}  // namespace graphpoly
