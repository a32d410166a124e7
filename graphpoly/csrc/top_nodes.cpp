// graphpoly::top_nodes: the first nodes of each graph in a given order, and the edges among them.
#include "common.h"

namespace graphpoly {
namespace {

int64_t kept_of(int64_t nodes, double ratio, bool wide) {
  if (ratio >= 1) return ratio < static_cast<double>(nodes) ? static_cast<int64_t>(ratio) : nodes;
  const double share = wide ? ratio * static_cast<double>(nodes)
                            : static_cast<float>(ratio) * static_cast<float>(nodes);
  return std::clamp<int64_t>(static_cast<int64_t>(std::ceil(share)), 0, nodes);
}

Tensor first_nodes(const Tensor& order, const int64_t* batch, double ratio, bool wide) {
  const int64_t nodes = order.size(0);
  Scratch<int64_t> graphs(nodes), nexts(nodes), ends(nodes);
  int64_t* const graph = graphs.data();
  int64_t* const next = nexts.data();  // where the next node of each graph goes
  int64_t* const end = ends.data();
  int64_t kept = 0, count = 0;
  for (int64_t begin = 0, last = 0; begin < nodes; begin = last, ++count) {
    for (; last < nodes && batch[last] == batch[begin]; ++last) graph[last] = count;
    check(last == nodes || batch[last] > batch[begin], "top_nodes: batch: expected ascending ones");
    next[count] = kept;
    end[count] = kept += kept_of(last - begin, ratio, wide);
  }
  Tensor perm = make_output<int64_t>(order, {kept});
  int64_t* const to = perm.mutable_data_ptr<int64_t>();
  const int64_t* const from = order.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < nodes; ++i) {
    const int64_t node = from[i];
    check(node >= 0 && node < nodes, "top_nodes: order: an index is out of range");
    const int64_t at = graph[node];
    if (next[at] < end[at]) to[next[at]++] = node;
  }
  for (int64_t at = 0; at < count; ++at) {
    check(next[at] == end[at], "top_nodes: order: expected each node once");
  }
  return perm;
}

std::pair<Tensor, Tensor> edges_among(const Tensor& perm, const Tensor& edge_index, int64_t nodes) {
  const int64_t edges = edge_index.size(1);
  const int64_t* const source = edge_index.const_data_ptr<int64_t>();
  const int64_t* const target = source + edges;
  Scratch<int64_t> numbers(nodes), places(edges);
  int64_t* const number = numbers.data();
  int64_t* const place = places.data();
  std::fill(number, number + nodes, -1);
  const int64_t* const node = perm.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < perm.size(0); ++i) number[node[i]] = i;
  int64_t count = 0;
  for (int64_t e = 0; e < edges; ++e) {
    const bool known = source[e] >= 0 && source[e] < nodes && target[e] >= 0 && target[e] < nodes;
    check(known, "top_nodes: edge_index: an index is out of range");
    place[count] = e;
    count += number[source[e]] >= 0 && number[target[e]] >= 0;
  }
  Tensor among = make_output<int64_t>(perm, {2, count}), kept = make_output<int64_t>(perm, {count});
  int64_t* const to = among.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    to[i] = number[source[place[i]]];
    to[count + i] = number[target[place[i]]];
  }
  std::copy(place, place + count, kept.mutable_data_ptr<int64_t>());
  return {among, kept};
}

std::tuple<Tensor, Tensor, Tensor> top_nodes(Tensor order, Tensor batch, Tensor edge_index,
                                             double ratio, bool wide) {
  constexpr const char* kName = "top_nodes";
  check(order.dim() == 1, kName, ": order: expected shape [N]");
  check(batch.dim() == 1 && batch.size(0) == order.size(0), kName, ": batch: expected shape [N]");
  check(edge_index.dim() == 2 && edge_index.size(0) == 2, kName,
        ": edge_index: expected shape [2, E]");
  check(ratio >= 0, kName, ": ratio: got ", ratio, ", expected 0 or more");
  for (const Tensor& index : {order, batch, edge_index}) {
    check(index.scalar_type() == ScalarType::Long, kName, ": indices: int64 is accepted");
  }
  order = dense(order), batch = dense(batch), edge_index = dense(edge_index);
  Tensor perm = first_nodes(order, batch.const_data_ptr<int64_t>(), ratio, wide);
  auto [among, kept] = edges_among(perm, edge_index, order.size(0));
  return {perm, among, kept};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("top_nodes", TORCH_BOX(&graphpoly::top_nodes));
}
