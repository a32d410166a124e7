// graphpoly::number_keys: keys in the order in which they are seen first, by one pass through a
// table: one with a place for each key up to the largest where there are about as many, which is
// small and stays in the cache, and one with open addresses otherwise.
#include "common.h"
#include "hashing.h"

namespace graphpoly {
namespace {

struct Found {
  int64_t number;
  bool added;
};

class Hashed {
 public:
  explicit Hashed(int64_t keys) {
    while (size_ < 2 * keys) size_ *= 2;
    slots_.assign(static_cast<size_t>(size_), {0, -1});
  }

  // The number that the key has, or gets.
  Found find_or_add(int64_t key, int64_t fresh) {
    for (uint64_t at = mix64(static_cast<uint64_t>(key));; ++at) {
      Slot& slot = slots_[at & static_cast<uint64_t>(size_ - 1)];
      if (slot.number < 0) {
        slot = {key, fresh};
        return {fresh, true};
      }
      if (slot.key == key) return {slot.number, false};
    }
  }

 private:
  struct Slot {
    int64_t key, number;
  };
  int64_t size_ = 16;
  std::vector<Slot> slots_;
};

class Direct {
 public:
  explicit Direct(int64_t keys) : numbers_(static_cast<size_t>(keys), -1) {}

  Found find_or_add(int64_t key, int64_t fresh) {
    const int32_t held = numbers_[static_cast<size_t>(key)];
    const int32_t number = held < 0 ? static_cast<int32_t>(fresh) : held;
    numbers_[static_cast<size_t>(key)] = number;
    return {number, held < 0};
  }

 private:
  std::vector<int32_t> numbers_;
};

struct Keys {
  const int64_t* data;
  int64_t size;

  // One more than the largest, where all are of [0, limit).
  std::optional<int64_t> range(int64_t limit) const {
    constexpr int64_t kLanes = 4;  // each waits for its last alone
    std::array<uint64_t, kLanes> largest{};  // a negative one is larger than all
    for (int64_t i = 0; i < size; ++i) {
      uint64_t& lane = largest[static_cast<size_t>(i % kLanes)];
      lane = std::max(lane, static_cast<uint64_t>(data[i]));
    }
    const uint64_t most = *std::max_element(largest.begin(), largest.end());
    if (most >= static_cast<uint64_t>(limit)) return std::nullopt;
    return static_cast<int64_t>(most) + 1;
  }
};

// Writes the number of each key found, and the places of the fresh ones; returns how many.
template <class Table>
int64_t number_all(Table table, Keys known, Keys found, int64_t* number, int64_t* first) {
  for (int64_t i = 0; i < known.size; ++i) table.find_or_add(known.data[i], i);
  int64_t fresh = 0;
  for (int64_t i = 0; i < found.size; ++i) {
    const Found one = table.find_or_add(found.data[i], known.size + fresh);
    number[i] = one.number;
    first[fresh] = i;
    fresh += one.added;
  }
  return fresh;
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
  int64_t* const number = numbers.mutable_data_ptr<int64_t>();
  Scratch<int64_t> first(keys.size + 1);
  constexpr int64_t kSparse = 16, kMost = std::numeric_limits<int32_t>::max();
  const int64_t all = old.size + keys.size, limit = all > kMost ? 0 : kSparse * all;
  const auto one = old.range(limit), other = keys.range(limit);
  const int64_t fresh =
      one.has_value() && other.has_value()
          ? number_all(Direct(std::max(*one, *other)), old, keys, number, first.data())
          : number_all(Hashed(all), old, keys, number, first.data());
  Tensor places = make_output<int64_t>(found, {fresh});
  std::copy(first.data(), first.data() + fresh, places.mutable_data_ptr<int64_t>());
  return {numbers, places};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("number_keys", TORCH_BOX(&graphpoly::number_keys));
}
