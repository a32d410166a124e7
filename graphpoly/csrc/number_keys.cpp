// graphpoly::number_keys: keys in the order in which they are seen first, by one pass through a
// table.
#include "key_tables.h"

namespace graphpoly {
namespace {

// Writes the number of each key found, and the places of the fresh ones; returns how many.
template <class Table, class I>
int64_t number_all(Table& table, Keys known, Keys found, int64_t* number, I* first) {
  for (int64_t i = 0; i < known.size; ++i) table.find_or_add(known.data[i], i);
  int64_t fresh = 0;
  for (int64_t i = 0; i < found.size; ++i) {
    table.prefetch(found.data[std::min(i + kKeysAhead, found.size - 1)]);
    const Found one = table.find_or_add(found.data[i], known.size + fresh);
    number[i] = one.number;
    first[fresh] = static_cast<I>(i);
    fresh += one.added;
  }
  return fresh;
}

// The same with a table of the kind that fits; returns the places. I is small where it may be.
template <class I>
Tensor number(const Tensor& like, Keys known, Keys found, int64_t* number) {
  Scratch<I> first(found.size + 1);
  const int64_t all = known.size + found.size, limit = sizeof(I) == 4 ? kSparseKeys * all : 0;
  const uint64_t most = std::max(known.largest(), found.largest());
  int64_t fresh = 0;
  if (most < static_cast<uint64_t>(limit)) {
    Direct table(static_cast<int64_t>(most) + 1);
    fresh = number_all(table, known, found, number, first.data());
  } else {
    Hashed table(all);
    fresh = number_all(table, known, found, number, first.data());
  }
  Tensor places = make_output<int64_t>(like, {fresh});
  std::copy_n(first.data(), fresh, places.mutable_data_ptr<int64_t>());
  return places;
}

std::tuple<Tensor, Tensor> number_keys(Tensor known, Tensor found) {
  for (const Tensor* t : {&known, &found}) {
    check(t->dim() == 1 && t->scalar_type() == ScalarType::Long,
          "number_keys: known, found: expected int64 [K] and [M]");
  }
  known = dense(known), found = dense(found);
  const Keys old{known.const_data_ptr<int64_t>(), known.size(0)};
  const Keys keys{found.const_data_ptr<int64_t>(), found.size(0)};
  Tensor numbers = make_output<int64_t>(found, {keys.size});
  int64_t* const to = numbers.mutable_data_ptr<int64_t>();
  const bool few = old.size + keys.size <= std::numeric_limits<int32_t>::max();
  return {numbers, few ? number<int32_t>(found, old, keys, to) : number<int64_t>(found, old, keys, to)};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("number_keys", TORCH_BOX(&graphpoly::number_keys));
}
