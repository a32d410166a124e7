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
  explicit Hashed(int64_t keys) : size_(places(keys)), slots_(size_) {
    std::fill_n(slots_.data(), size_, Slot{0, -1});
  }

  // The number that the key has, or gets.
  Found find_or_add(int64_t key, int64_t fresh) {
    for (uint64_t at = mix64(static_cast<uint64_t>(key));; ++at) {
      Slot& slot = slots_.data()[at & static_cast<uint64_t>(size_ - 1)];
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

  static int64_t places(int64_t keys) {
    int64_t size = 16;
    while (size < 2 * keys) size *= 2;
    return size;
  }

  int64_t size_;
  Scratch<Slot> slots_;
};

class Direct {
 public:
  explicit Direct(int64_t places) : numbers_(places) { std::fill_n(numbers_.data(), places, -1); }

  Found find_or_add(int64_t key, int64_t fresh) {
    const int32_t held = numbers_.data()[key];
    const int32_t number = held < 0 ? static_cast<int32_t>(fresh) : held;
    numbers_.data()[key] = number;
    return {number, held < 0};
  }

 private:
  Scratch<int32_t> numbers_;
};

struct Keys {
  const int64_t* data;
  int64_t size;

  // One more than the largest, where all are of [0, limit).
  std::optional<int64_t> range(int64_t limit) const {
    uint64_t even = 0, odd = 0;  // each waits for its last alone; a negative one is above all
    int64_t i = 0;
    for (; i + 1 < size; i += 2) {
      even = std::max(even, static_cast<uint64_t>(data[i]));
      odd = std::max(odd, static_cast<uint64_t>(data[i + 1]));
    }
    if (i < size) even = std::max(even, static_cast<uint64_t>(data[i]));
    const uint64_t most = std::max(even, odd);
    if (most >= static_cast<uint64_t>(limit)) return std::nullopt;
    return static_cast<int64_t>(most) + 1;
  }
};

// Writes the number of each key found, and the places of the fresh ones; returns how many.
template <class Table, class I>
int64_t number_all(Table& table, Keys known, Keys found, int64_t* number, I* first) {
  for (int64_t i = 0; i < known.size; ++i) table.find_or_add(known.data[i], i);
  int64_t fresh = 0;
  for (int64_t i = 0; i < found.size; ++i) {
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
  constexpr int64_t kSparse = 16;
  Scratch<I> first(found.size + 1);
  const int64_t all = known.size + found.size, limit = sizeof(I) == 4 ? kSparse * all : 0;
  const auto one = known.range(limit), other = found.range(limit);
  int64_t fresh = 0;
  if (one.has_value() && other.has_value()) {
    Direct table(std::max(*one, *other));
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
