// graphpoly::take_and_number: number_keys of numbers that are still to be read from places anywhere
// in memory. One thread numbers what has been read, block by block in their order, while others read
// the blocks behind.
#include "key_tables.h"

#include <thread>

namespace graphpoly {
namespace {

constexpr int64_t kBlock = 4096;

// Runs `read` on blocks in any order and, as long as it says that all is well, `number` on one
// after the other, each when it has been read. One thread does so, which has the table in its cache.
template <class Read, class Number>
void in_step(int64_t blocks, int64_t work, const Read& read, const Number& number) {
  std::vector<std::atomic<bool>> ready(static_cast<size_t>(blocks));
  std::atomic<std::thread::id> numbering{};
  int64_t next = 0;
  const auto go_on = [&] {
    while (next < blocks && ready[static_cast<size_t>(next)].load(std::memory_order_acquire)) {
      number(next++);
    }
  };
  const auto step = [&](int64_t block) {
    if (read(block)) ready[static_cast<size_t>(block)].store(true, std::memory_order_release);
    std::thread::id nobody{}, me = std::this_thread::get_id();
    if (numbering.compare_exchange_strong(nobody, me) || nobody == me) go_on();
  };
  parallel_items(blocks, work, step, true);
  go_on();  // what others have read since
}

std::tuple<Tensor, Tensor> take_and_number(Tensor known, Tensor value, Tensor place,
                                           int64_t num_keys) {
  for (const Tensor* t : {&known, &value, &place}) {
    check(t->dim() == 1 && t->scalar_type() == ScalarType::Long,
          "take_and_number: known, value, place: expected int64 [K], [N] and [M]");
  }
  known = dense(known), value = dense(value), place = dense(place);
  const Keys old{known.const_data_ptr<int64_t>(), known.size(0)};
  const Keys at{place.const_data_ptr<int64_t>(), place.size(0)};
  const int64_t* const from = value.const_data_ptr<int64_t>();
  const int64_t size = value.size(0), all = old.size + at.size;
  check(old.inside(num_keys), "known: got a number outside [0, ", num_keys, ")");
  Tensor numbers = make_output<int64_t>(place, {at.size});
  int64_t* const number = numbers.mutable_data_ptr<int64_t>();
  Scratch<int64_t> keys(at.size), added(at.size + 1);
  std::atomic<bool> places_inside{true}, keys_inside{true};
  int64_t fresh = 0;
  const auto size_of = [&](int64_t block) { return std::min(at.size - block * kBlock, kBlock); };
  const auto read = [&](int64_t block) {
    const Keys asked{at.data + block * kBlock, size_of(block)};
    int64_t* const to = keys.data() + block * kBlock;
    if (!asked.inside(size)) return places_inside = false;
    for (int64_t i = 0; i < asked.size; ++i) to[i] = from[asked.data[i]];
    return Keys{to, asked.size}.inside(num_keys) || (keys_inside = false);
  };
  const auto run = [&](auto table) {
    const auto give = [&](int64_t block) {
      for (int64_t i = 0; block == 0 && i < old.size; ++i) table.find_or_add(old.data[i], i);
      const int64_t begin = block * kBlock, count = size_of(block);
      const int64_t* const key = keys.data() + begin;
      for (int64_t i = 0; i < count; ++i) {
        table.prefetch(key[std::min(i + kKeysAhead, count - 1)]);
        const Found one = table.find_or_add(key[i], old.size + fresh);
        number[begin + i] = one.number;
        added.data()[fresh] = key[i];
        fresh += one.added;
      }
    };
    in_step((at.size + kBlock - 1) / kBlock, 8 * at.size, read, give);
  };
  const bool narrow = all <= std::numeric_limits<int32_t>::max();
  if (narrow && num_keys <= kSparseKeys * all) run(Direct(num_keys));
  else run(Hashed(all));
  check(places_inside, "place: got a number outside [0, ", size, ")");
  check(keys_inside, "value: got a number outside [0, ", num_keys, ")");
  Tensor every = make_output<int64_t>(known, {old.size + fresh});
  int64_t* const to = every.mutable_data_ptr<int64_t>();
  parallel_items(2, old.size + fresh, [&](int64_t part) {
    part == 0 ? std::copy_n(old.data, old.size, to)
              : std::copy_n(added.data(), fresh, to + old.size);
  });
  return {numbers, every};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("take_and_number", TORCH_BOX(&graphpoly::take_and_number));
}
