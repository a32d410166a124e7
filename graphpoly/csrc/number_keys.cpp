// graphpoly::number_keys: keys in the order in which they are seen first, by one pass through a
// table with open addresses.
#include "common.h"
#include "hashing.h"

namespace graphpoly {
namespace {

class Table {
 public:
  explicit Table(int64_t keys) {
    while (size_ < 2 * keys) size_ *= 2;
    slots_.assign(static_cast<size_t>(size_), {0, -1});
  }

  // The number that the key has, or gets.
  int64_t find_or_add(int64_t key, int64_t fresh) {
    for (uint64_t at = mix64(static_cast<uint64_t>(key));; ++at) {
      Slot& slot = slots_[at & static_cast<uint64_t>(size_ - 1)];
      if (slot.number < 0) slot = {key, fresh};
      if (slot.key == key) return slot.number;
    }
  }

 private:
  struct Slot {
    int64_t key, number;
  };
  int64_t size_ = 16;
  std::vector<Slot> slots_;
};

std::tuple<Tensor, Tensor> number_keys(Tensor known, Tensor found) {
  for (const Tensor* t : {&known, &found}) {
    check(t->dim() == 1 && t->scalar_type() == ScalarType::Long,
          "number_keys: known, found: expected int64 [K] and [M]");
  }
  known = dense(known), found = dense(found);
  const int64_t num_known = known.size(0), num_found = found.size(0);
  const int64_t* const old = known.const_data_ptr<int64_t>();
  const int64_t* const key = found.const_data_ptr<int64_t>();
  Table table(num_known + num_found);
  for (int64_t i = 0; i < num_known; ++i) table.find_or_add(old[i], i);
  Tensor numbers = make_output<int64_t>(found, {num_found});
  int64_t* const number = numbers.mutable_data_ptr<int64_t>();
  std::vector<int64_t> first;
  for (int64_t i = 0; i < num_found; ++i) {
    const int64_t fresh = num_known + static_cast<int64_t>(first.size());
    number[i] = table.find_or_add(key[i], fresh);
    if (number[i] == fresh) first.push_back(i);
  }
  Tensor places = make_output<int64_t>(found, {static_cast<int64_t>(first.size())});
  std::copy(first.begin(), first.end(), places.mutable_data_ptr<int64_t>());
  return {numbers, places};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("number_keys", TORCH_BOX(&graphpoly::number_keys));
}
