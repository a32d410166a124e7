// Tables from keys to their numbers: one with a place for each key up to the largest where there are
// about as many, which is small and stays in the cache, and one with open addresses otherwise.
// Places are fetched before they are asked for.
#pragma once

#include "common.h"
#include "hashing.h"

namespace graphpoly {
namespace {

constexpr int64_t kSparseKeys = 16;  // places for each key, at most
constexpr int64_t kKeysAhead = 16;   // for which places are fetched

struct Keys {
  const int64_t* data;
  int64_t size;

  uint64_t largest() const {  // a negative one is above all
    std::array<uint64_t, 4> each{};  // waits for its last alone
    int64_t i = 0;
    for (; i + 4 <= size; i += 4) {
      for (int64_t k = 0; k < 4; ++k) each[k] = std::max(each[k], static_cast<uint64_t>(data[i + k]));
    }
    for (; i < size; ++i) each[0] = std::max(each[0], static_cast<uint64_t>(data[i]));
    return *std::max_element(each.begin(), each.end());
  }

  bool inside(int64_t limit) const {
    return size == 0 || largest() < static_cast<uint64_t>(limit);
  }
};

struct Found {
  int64_t number;
  bool added;
};

class Hashed {
 public:
  explicit Hashed(int64_t keys) : size_(places(keys)), slots_(size_) {
    std::fill_n(slots_.data(), size_, Slot{0, -1});
  }

  void prefetch(int64_t key) const { __builtin_prefetch(slots_.data() + place(key), 1); }

  // The number that the key has, or gets.
  Found find_or_add(int64_t key, int64_t fresh) {
    for (int64_t at = place(key);; at = (at + 1) & (size_ - 1)) {
      Slot& slot = slots_.data()[at];
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

  int64_t place(int64_t key) const {
    return static_cast<int64_t>(mix64(static_cast<uint64_t>(key))) & (size_ - 1);
  }

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

  void prefetch(int64_t key) const { __builtin_prefetch(numbers_.data() + key, 1); }

  Found find_or_add(int64_t key, int64_t fresh) {
    const int32_t held = numbers_.data()[key];
    const int32_t number = held < 0 ? static_cast<int32_t>(fresh) : held;
    numbers_.data()[key] = number;
    return {number, held < 0};
  }

 private:
  Scratch<int32_t> numbers_;
};

}  // namespace
}  // namespace graphpoly
