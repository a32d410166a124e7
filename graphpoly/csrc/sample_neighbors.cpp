// graphpoly::sample_neighbors: some of the entries of each of some rows, drawn with numbers that
// depend on the seed, the place of the row among those asked for, and the draw: the result is the
// same for any number of threads.
//
// Pointers are looked at before they are followed, those of the rows that are asked for alone.
#include "common.h"
#include "hashing.h"

#include <bit>
#include <unordered_set>

namespace graphpoly {
namespace {

struct Rule {
  int64_t count;  // wanted; negative: all
  bool replace, last;
  const double* weight;      // of each entry, or null; what is not above 0 is never drawn
  const int64_t* time;       // of each entry, ascending in each row, or null
  const int64_t* until;      // of each row that is asked for
  uint64_t seed;
};

struct Span {  // of the entries that may be drawn
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

class Drawer {
 public:
  explicit Drawer(const Rule& rule) : rule_(rule) {}

  Span allowed(Span row, int64_t place) const {
    if (rule_.time != nullptr) {
      row.end = std::upper_bound(rule_.time + row.begin, rule_.time + row.end, rule_.until[place]) -
                rule_.time;
    }
    if (rule_.last && rule_.count >= 0) row.begin = std::max(row.begin, row.end - rule_.count);
    return row;
  }

  int64_t number(Span span) const {
    if (rule_.count < 0) return span.size();
    const int64_t population = rule_.weight == nullptr ? span.size() : positive(span);
    if (rule_.replace) return population > 0 ? rule_.count : 0;
    return std::min(rule_.count, population);
  }

  // `number` entries; ascending, but for draws with replacement, which stay in their order.
  void draw(Span span, int64_t place, int64_t number, int64_t* out) {
    first_ = mix64(mix64(rule_.seed) + static_cast<uint64_t>(place));
    if (rule_.count < 0 || (!rule_.replace && rule_.weight == nullptr && number == span.size())) {
      for (int64_t i = 0; i < number; ++i) out[i] = span.begin + i;
    } else if (rule_.replace) {
      rule_.weight == nullptr ? with_replacement(span, number, out)
                              : weighted_with_replacement(span, number, out);
    } else {
      rule_.weight == nullptr ? subset(span, number, out) : weighted_subset(span, number, out);
    }
  }

 private:
  uint64_t bits(int64_t draw) const { return mix64(first_ + static_cast<uint64_t>(draw)); }

  int64_t positive(Span span) const {
    int64_t found = 0;
    for (int64_t e = span.begin; e < span.end; ++e) found += rule_.weight[e] > 0;
    return found;
  }

  void with_replacement(Span span, int64_t number, int64_t* out) const {
    for (int64_t i = 0; i < number; ++i) out[i] = span.begin + below(bits(i), span.size());
  }

  // Floyd's: the i-th draw is among one more than the last, and gives way to the newcomer.
  void subset(Span span, int64_t number, int64_t* out) {
    constexpr int64_t kFew = 32;
    if (span.size() <= kMarked) return marked_subset(span, number, out);
    chosen_.clear();
    for (int64_t i = 0; i < number; ++i) {
      const int64_t newest = span.size() - number + i;
      int64_t pick = below(bits(i), newest + 1);
      if (number <= kFew) {
        if (std::find(out, out + i, span.begin + pick) != out + i) pick = newest;
      } else if (!chosen_.insert(pick).second) {
        chosen_.insert(pick = newest);
      }
      out[i] = span.begin + pick;
    }
    std::sort(out, out + number);
  }

  // The same with a bit for each entry, read and cleared in ascending order: no branch on chance.
  void marked_subset(Span span, int64_t number, int64_t* out) {
    uint64_t words = 0;  // those that are not 0
    for (int64_t i = 0; i < number; ++i) {
      const int64_t newest = span.size() - number + i, pick = below(bits(i), newest + 1);
      const int64_t taken = -static_cast<int64_t>(mark_[pick >> 6] >> (pick & 63) & 1);
      const int64_t place = pick ^ ((pick ^ newest) & taken);
      mark_[place >> 6] |= uint64_t{1} << (place & 63);
      words |= uint64_t{1} << (place >> 6);
    }
    for (int64_t i = 0; i < number; ++i) {
      const int word = std::countr_zero(words);
      uint64_t& mark = mark_[static_cast<size_t>(word)];
      out[i] = span.begin + 64 * word + std::countr_zero(mark);
      mark &= mark - 1;
      words &= ~(uint64_t{mark == 0} << word);
    }
  }

  void weighted_with_replacement(Span span, int64_t number, int64_t* out) {
    sums_.clear(), places_.clear();
    double total = 0;
    for (int64_t e = span.begin; e < span.end; ++e) {
      if (rule_.weight[e] > 0) sums_.push_back(total += rule_.weight[e]), places_.push_back(e);
    }
    for (int64_t i = 0; i < number; ++i) {
      const auto at = std::upper_bound(sums_.begin(), sums_.end(), uniform(bits(i)) * total);
      out[i] = places_[std::min<size_t>(static_cast<size_t>(at - sums_.begin()), sums_.size() - 1)];
    }
  }

  // The first of as many exponential clocks: one by one, each with its share of what is left.
  void weighted_subset(Span span, int64_t number, int64_t* out) {
    clocks_.clear();
    for (int64_t e = span.begin; e < span.end; ++e) {
      if (!(rule_.weight[e] > 0)) continue;
      const double rings = -std::log(uniform(bits(e - span.begin)) + 0x1p-53) / rule_.weight[e];
      clocks_.emplace_back(rings, e);
    }
    std::partial_sort(clocks_.begin(), clocks_.begin() + number, clocks_.end());
    for (int64_t i = 0; i < number; ++i) out[i] = clocks_[static_cast<size_t>(i)].second;
    std::sort(out, out + number);
  }

  const Rule& rule_;
  static constexpr int64_t kMarked = 4096;  // a bit in each of 64 words
  uint64_t first_ = 0;
  std::array<uint64_t, kMarked / 64> mark_{};
  std::unordered_set<int64_t> chosen_;
  std::vector<double> sums_;
  std::vector<int64_t> places_;
  std::vector<std::pair<double, int64_t>> clocks_;
};

enum class Fault { none, node, pointer, count };

std::tuple<Tensor, Tensor, Tensor> sample_neighbors(Tensor rowptr, Tensor node, int64_t count, bool replace,
                                            bool last, OptionalTensor weight, OptionalTensor time,
                                            OptionalTensor until, int64_t num_entries,
                                            int64_t seed) {
  constexpr const char* kOp = "sample_neighbors";
  const auto vector_of = [](const Tensor& t, ScalarType type, int64_t size) {
    return t.dim() == 1 && t.scalar_type() == type && (size < 0 || t.size(0) == size);
  };
  check(vector_of(rowptr, ScalarType::Long, -1) && rowptr.size(0) > 0 &&
            vector_of(node, ScalarType::Long, -1),
        kOp, ": rowptr, node: expected int64 [N+1] and [F]");
  check(!weight.has_value() || vector_of(*weight, ScalarType::Double, num_entries), kOp,
        ": weight: expected float64 [E]");
  check(time.has_value() == until.has_value(), kOp, ": time and until go together");
  check(!time.has_value() || (vector_of(*time, ScalarType::Long, num_entries) &&
                              vector_of(*until, ScalarType::Long, node.size(0))),
        kOp, ": time, until: expected int64 [E] and [F]");
  rowptr = dense(rowptr), node = dense(node);
  weight = dense(weight), time = dense(time), until = dense(until);
  const int64_t num_rows = rowptr.size(0) - 1, rows = node.size(0);
  const int64_t* const pointer = rowptr.const_data_ptr<int64_t>();
  const int64_t* const asked = node.const_data_ptr<int64_t>();
  const Rule rule{count,
                  replace,
                  last,
                  weight.has_value() ? weight->const_data_ptr<double>() : nullptr,
                  time.has_value() ? time->const_data_ptr<int64_t>() : nullptr,
                  until.has_value() ? until->const_data_ptr<int64_t>() : nullptr,
                  static_cast<uint64_t>(seed)};
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 16;
  const auto fault_of = [&](int64_t v) {
    if (v < 0 || v >= num_rows) return Fault::node;
    const int64_t low = pointer[v], high = pointer[v + 1];
    return 0 <= low && low <= high && high <= num_entries ? Fault::none : Fault::pointer;
  };
  // Counted range by range, then drawn to where the ranges before end.
  const int64_t ranges = std::min<int64_t>(rows, 8 * torch::stable::get_num_threads());
  const auto first_of = [&](int64_t range) { return rows * range / ranges; };
  Tensor offsets = make_output<int64_t>(node, {rows + 1});
  int64_t* const offset = offsets.mutable_data_ptr<int64_t>();
  Scratch<Span> spans(rows);
  std::vector<Fault> faults(static_cast<size_t>(ranges), Fault::none);
  parallel_items(ranges, 8 * rows, [&](int64_t r) {
    const Drawer drawer(rule);
    Fault fault = Fault::none;
    int64_t total = 0;
    for (int64_t i = first_of(r); i < first_of(r + 1); ++i) {
      fault = fault_of(asked[i]);
      if (fault != Fault::none) break;
      const Span span = drawer.allowed({pointer[asked[i]], pointer[asked[i] + 1]}, i);
      const int64_t number = drawer.number(span);
      if (number > kMost - total) {
        fault = Fault::count;
        break;
      }
      spans.data()[i] = span, offset[i + 1] = total += number;
    }
    faults[static_cast<size_t>(r)] = fault;
  });
  std::vector<int64_t> begin{0};
  for (int64_t r = 0; r < ranges; ++r) {
    const Fault fault = faults[static_cast<size_t>(r)];
    check(fault != Fault::node, "node: got a number outside [0, ", num_rows, ")");
    check(fault != Fault::pointer, "rowptr: expected ascending ones in [0, ", num_entries, "]");
    const int64_t total = fault == Fault::count ? kMost : offset[first_of(r + 1)];
    check(total < kMost - begin.back(), kOp, ": count: too many entries in all");
    begin.push_back(begin.back() + total);
  }
  Tensor entries = make_output<int64_t>(node, {begin.back()});
  Tensor owners = make_output<int64_t>(node, {begin.back()});
  int64_t* const entry = entries.mutable_data_ptr<int64_t>();
  int64_t* const owner = owners.mutable_data_ptr<int64_t>();
  offset[0] = 0;
  parallel_items(ranges, 8 * (begin.back() + rows), [&](int64_t r) {
    Drawer drawer(rule);
    int64_t done = 0;
    const int64_t base = begin[static_cast<size_t>(r)];
    for (int64_t i = first_of(r); i < first_of(r + 1); ++i) {
      const int64_t number = offset[i + 1] - done;
      drawer.draw(spans.data()[i], i, number, entry + base + done);
      std::fill_n(owner + base + done, number, i);
      done += number;
      offset[i + 1] += base;
    }
  });
  return {entries, offsets, owners};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("sample_neighbors", TORCH_BOX(&graphpoly::sample_neighbors));
}
