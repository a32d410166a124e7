// graphpoly::fosr: the edges of first-order spectral rewiring, one after the other.
//
// The second eigenvector of a small graph is that of the whole matrix; of a larger one it follows each
// edge from where it was, by a locally optimal conjugate gradient, which on graphs that are hardly more
// than a tree solves with a spanning tree first. The pair with the smallest product is found among the
// extreme entries of either sign through a heap. Entries are compared as integers, so that what is
// equal up to rounding is a tie.
#include <queue>

#include "rewiring.h"

namespace graphpoly {
namespace {

constexpr double kGrid = 1 << 20;  // entries are compared on a grid of this many steps
constexpr int64_t kWhole = 128;  // nodes, up to which the whole matrix is made
constexpr int64_t kNotLeft = 1 << 4;

// The normalised adjacency D^-1/2 A D^-1/2; a node without edges is a component of its own, by a loop
// that makes its degree and its diagonal 1.
class SecondVector {
 public:
  SecondVector(const EditableGraph& graph, uint64_t seed, const Listener& listener)
      : graph_(graph), seed_(seed), listener_(listener) {
    const size_t n = static_cast<size_t>(graph.size());
    for (auto* v : {&x_, &scale_, &first_, &image_, &residual_, &residual_image_, &step_,
                    &step_image_}) {
      v->assign(n, 0.0);
    }
    for (int32_t v = 0; v < graph.size(); ++v) x_[v] = noise(v);
  }

  const std::vector<double>& value() const { return x_; }

  // As published: multiply by I + M, so many times.
  void power(int64_t steps) {
    prepare();
    for (int64_t s = 0; s < steps && !listener_.interrupted(); ++s) {
      deflate(x_);
      multiply(x_, image_);
      for (size_t i = 0; i < x_.size(); ++i) x_[i] += image_[i];
      normalise(x_);
    }
    deflate(x_);
  }

  // Until the residual is below the tolerance.
  void converge(double tolerance, int64_t limit) {
    prepare();
    // what was learned so far may lie in an invariant subspace that is second no longer
    normalise(x_);
    ++round_;
    const double stir = 0.3 / std::sqrt(static_cast<double>(std::max<size_t>(x_.size(), 1)));
    for (int32_t v = 0; v < graph_.size(); ++v) x_[v] += stir * noise(v);
    deflate(x_);
    if (!normalise(x_)) return;
    if (graph_.size() <= kWhole) {
      whole();
      return;
    }
    tree_ = span();
    multiply(x_, image_);
    bool stepped = false;
    for (int64_t iteration = 0; iteration < limit && !listener_.interrupted(); ++iteration) {
      const double value = dot(x_, image_);
      for (size_t i = 0; i < x_.size(); ++i) residual_[i] = image_[i] - value * x_[i];
      deflate(residual_);
      if (std::sqrt(dot(residual_, residual_)) <= tolerance) break;
      if (tree_) through_the_tree(residual_);
      remove_from(residual_, x_);
      if (!normalise(residual_)) break;
      multiply(residual_, residual_image_);
      if (stepped) {
        take_out(step_, step_image_, x_, image_);
        take_out(step_, step_image_, residual_, residual_image_);
        stepped = scale_pair(step_, step_image_);
      }
      rayleigh_ritz(stepped);
      stepped = scale_pair(step_, step_image_);
      if (iteration % 16 == 15) {  // before rounding adds up
        deflate(x_);
        normalise(x_);
        multiply(x_, image_);
      }
    }
  }

 private:
  using Vector = std::vector<double>;

  // The degree, which the loop of a node without edges makes 1.
  double weight(int32_t v) const { return std::max<double>(graph_.degree(v), 1); }
  double noise(int32_t v) const {
    return 2 * uniform(hash64(seed_, static_cast<uint64_t>(round_), static_cast<uint64_t>(v))) - 1;
  }
  static double dot(const Vector& a, const Vector& b) {
    double sum[4] = {};  // four chains of additions, none of which waits for the others
    size_t i = 0;
    for (; i + 4 <= a.size(); i += 4) {
      for (size_t k = 0; k < 4; ++k) sum[k] += a[i + k] * b[i + k];
    }
    for (; i < a.size(); ++i) sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
  static bool normalise(Vector& v) {
    const double norm = std::sqrt(dot(v, v));
    if (!(norm > 1e-300)) return false;
    for (double& x : v) x /= norm;
    return true;
  }
  static bool scale_pair(Vector& v, Vector& image) {
    const double norm = std::sqrt(dot(v, v));
    if (!(norm > 1e-14)) return false;
    for (size_t i = 0; i < v.size(); ++i) v[i] /= norm, image[i] /= norm;
    return true;
  }
  static void remove_from(Vector& v, const Vector& unit) {
    const double part = dot(v, unit);
    for (size_t i = 0; i < v.size(); ++i) v[i] -= part * unit[i];
  }
  static void take_out(Vector& v, Vector& image, const Vector& unit, const Vector& unit_image) {
    const double part = dot(v, unit);
    for (size_t i = 0; i < v.size(); ++i) v[i] -= part * unit[i], image[i] -= part * unit_image[i];
  }
  void deflate(Vector& v) const { remove_from(v, first_); }

  void prepare() {
    double total = 0;
    for (int32_t v = 0; v < graph_.size(); ++v) total += weight(v);
    for (int32_t v = 0; v < graph_.size(); ++v) {
      scale_[v] = 1 / std::sqrt(weight(v));
      first_[v] = std::sqrt(weight(v) / total);
    }
  }
  void multiply(const Vector& v, Vector& out) const {
    for (int32_t i = 0; i < graph_.size(); ++i) {
      double sum = 0;
      for (const int32_t j : graph_.row(i)) sum += scale_[j] * v[j];
      out[i] = graph_.degree(i) == 0 ? v[i] : scale_[i] * sum;
    }
  }

  // The whole matrix with the first vector far below all others, made tridiagonal by reflections; its
  // largest eigenpair by bisection and by inverse iteration from where x lies, which of equal
  // eigenvectors gives the one that is closest to x.
  void whole() {
    const int32_t n = graph_.size();
    const size_t width = static_cast<size_t>(n);
    matrix_.resize(width * width), diagonal_.resize(width), beside_.assign(width, 0.0);
    for (int32_t i = 0; i < n; ++i) {  // the lower half, row by row
      double* const row = &matrix_[static_cast<size_t>(i) * width];
      for (int32_t j = 0; j <= i; ++j) row[j] = -3 * first_[i] * first_[j];
      for (const int32_t j : graph_.row(i)) {
        if (j < i) row[j] += scale_[i] * scale_[j];
      }
      if (graph_.degree(i) == 0) row[i] += 1;
    }
    for (int32_t j = n - 1; j > 0; --j) reflect(j);
    diagonal_[0] = matrix_[0];
    for (int32_t j = n - 1; j > 0; --j) apply(j);
    inverse_iteration(largest_value());
    for (int32_t j = 1; j < n; ++j) apply(j);
    deflate(x_);
    normalise(x_);
  }

  // Reflects row j onto its last entry before the diagonal; the reflection takes the row's place.
  void reflect(int32_t j) {
    const size_t width = diagonal_.size(), size = static_cast<size_t>(j);
    double* const v = &matrix_[size * width];
    diagonal_[size] = v[j];
    double rest = 0;
    for (size_t i = 0; i + 1 < size; ++i) rest += v[i] * v[i];
    double& last = v[j - 1];
    v[j] = 0;  // twice the square of 1 / |v|, where there is anything to reflect
    beside_[size - 1] = last;
    if (rest < 1e-40) return;
    const double norm = std::sqrt(rest + last * last), to = last > 0 ? -norm : norm;
    beside_[size - 1] = to;
    last -= to;
    const double twice = 2 / (rest + last * last);
    v[j] = twice;
    double* const __restrict w = image_.data();
    std::fill_n(w, size, 0.0);
    for (size_t i = 0; i < size; ++i) {
      const double* const __restrict row = &matrix_[i * width];
      const double at = v[i];
      double sum[4] = {};
      size_t k = 0;
      for (; k + 4 <= i; k += 4) {
        for (size_t c = 0; c < 4; ++c) sum[c] += row[k + c] * v[k + c], w[k + c] += at * row[k + c];
      }
      for (; k < i; ++k) sum[0] += row[k] * v[k], w[k] += at * row[k];
      w[i] += row[i] * at + (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    double along = 0;
    for (size_t i = 0; i < size; ++i) w[i] *= twice, along += w[i] * v[i];
    along *= twice / 2;
    for (size_t i = 0; i < size; ++i) w[i] -= along * v[i];
    for (size_t i = 0; i < size; ++i) {
      double* const __restrict row = &matrix_[i * width];
      const double p = v[i], q = w[i];
      for (size_t k = 0; k <= i; ++k) row[k] -= p * w[k] + q * v[k];
    }
  }
  void apply(int32_t j) {
    const double* const v = &matrix_[static_cast<size_t>(j) * diagonal_.size()];
    if (v[j] == 0) return;
    double part = 0;
    for (int32_t i = 0; i < j; ++i) part += v[i] * x_[i];
    part *= v[j];
    for (int32_t i = 0; i < j; ++i) x_[i] -= part * v[i];
  }

  // From above, to within 1e-12, by five parts of the interval at once.
  double largest_value() const {
    constexpr int kParts = 4;
    const size_t n = diagonal_.size();
    double low = -1.5, high = 1.5;
    while (high - low > 1e-12) {
      double at[kParts], pivot[kParts];
      bool below[kParts];
      for (int p = 0; p < kParts; ++p) {
        at[p] = low + (high - low) * (p + 1) / (kParts + 1);
        pivot[p] = at[p] - diagonal_[0];
        below[p] = pivot[p] > 0;
      }
      for (size_t i = 1; i < n; ++i) {
        const double square = beside_[i - 1] * beside_[i - 1];
        for (int p = 0; p < kParts; ++p) {
          pivot[p] = at[p] - diagonal_[i] - square / pivot[p];
          below[p] = below[p] && pivot[p] > 0;
        }
      }
      for (int p = 0; p < kParts; ++p) {
        if (below[p]) { high = at[p]; break; }
        low = at[p];
      }
    }
    return high;
  }

  // x by (value - T)^-1 over and over; all that is equal to the largest is magnified alike.
  void inverse_iteration(double value) {
    constexpr double kMargin = 1e-10;
    const size_t n = diagonal_.size();
    pivot_.resize(n);
    for (size_t i = 0; i < n; ++i) {
      const double before = i > 0 ? beside_[i - 1] * image_[i - 1] : 0;
      pivot_[i] = 1 / (value + kMargin - diagonal_[i] - before);
      image_[i] = beside_[i] * pivot_[i];
    }
    for (int round = 0; round < 5; ++round) {
      for (size_t i = 1; i < n; ++i) x_[i] += image_[i - 1] * x_[i - 1];
      for (size_t i = 0; i < n; ++i) x_[i] *= pivot_[i];
      for (size_t i = n - 1; i-- > 0;) x_[i] += image_[i] * x_[i + 1];
      double largest = 0;
      for (const double entry : x_) largest = std::max(largest, std::abs(entry));
      for (double& entry : x_) entry /= largest;
    }
  }

  // A spanning forest by breadth, where that is nearly the whole graph.
  bool span() {
    const int32_t n = graph_.size();
    int64_t edges = 0;
    for (int32_t v = 0; v < n; ++v) edges += graph_.degree(v);
    if (edges / 2 > n + n / 4) return false;
    order_.clear();
    parent_.assign(static_cast<size_t>(n), -2);
    for (int32_t root = 0; root < n; ++root) {
      if (parent_[root] != -2) continue;
      parent_[root] = -1;
      order_.push_back(root);
      for (size_t i = order_.size() - 1; i < order_.size(); ++i) {
        for (const int32_t w : graph_.row(order_[i])) {
          if (parent_[w] == -2) parent_[w] = order_[i], order_.push_back(w);
        }
      }
    }
    return true;
  }

  // D^1/2 L^-1 D^1/2 with the forest's Laplacian, its roots held at 0.
  void through_the_tree(Vector& v) const {
    for (size_t i = 0; i < v.size(); ++i) v[i] *= std::sqrt(graph_.degree(static_cast<int32_t>(i)));
    for (size_t i = order_.size(); i-- > 0;) {
      if (parent_[order_[i]] >= 0) v[parent_[order_[i]]] += v[order_[i]];
    }
    for (const int32_t i : order_) v[i] = parent_[i] < 0 ? 0 : v[i] + v[parent_[i]];
    for (size_t i = 0; i < v.size(); ++i) v[i] *= std::sqrt(graph_.degree(static_cast<int32_t>(i)));
    deflate(v);
  }

  // The best combination of x, the residual and the last step, which are orthonormal.
  void rayleigh_ritz(bool stepped) {
    const Vector* base[3] = {&x_, &residual_, &step_};
    const Vector* image[3] = {&image_, &residual_image_, &step_image_};
    const int size = stepped ? 3 : 2;
    double matrix[3][3] = {}, vectors[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int a = 0; a < size; ++a) {
      for (int b = a; b < size; ++b) matrix[a][b] = matrix[b][a] = dot(*base[a], *image[b]);
    }
    for (int sweep = 0; sweep < 12; ++sweep) {  // Jacobi
      for (int a = 0; a < size; ++a) {
        for (int b = a + 1; b < size; ++b) {
          if (std::abs(matrix[a][b]) < 1e-300) continue;
          const double theta = (matrix[b][b] - matrix[a][a]) / (2 * matrix[a][b]);
          const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
          const double c = 1 / std::sqrt(t * t + 1), s = t * c;
          for (int k = 0; k < 3; ++k) {
            const double p = matrix[k][a], q = matrix[k][b];
            matrix[k][a] = c * p - s * q, matrix[k][b] = s * p + c * q;
          }
          for (int k = 0; k < 3; ++k) {
            const double p = matrix[a][k], q = matrix[b][k];
            matrix[a][k] = c * p - s * q, matrix[b][k] = s * p + c * q;
          }
          for (int k = 0; k < 3; ++k) {
            const double p = vectors[k][a], q = vectors[k][b];
            vectors[k][a] = c * p - s * q, vectors[k][b] = s * p + c * q;
          }
        }
      }
    }
    int best = 0;
    for (int a = 1; a < size; ++a) {
      if (matrix[a][a] > matrix[best][best]) best = a;
    }
    const double p = vectors[0][best], q = vectors[1][best], r = size == 3 ? vectors[2][best] : 0;
    for (size_t i = 0; i < x_.size(); ++i) {
      const double move = q * residual_[i] + r * step_[i];
      const double moved = q * residual_image_[i] + r * step_image_[i];
      x_[i] = p * x_[i] + move, image_[i] = p * image_[i] + moved;
      step_[i] = move, step_image_[i] = moved;
    }
  }

  const EditableGraph& graph_;
  const uint64_t seed_;
  const Listener& listener_;
  int64_t round_ = 0;
  bool tree_ = false;
  std::vector<int32_t> order_, parent_;
  Vector matrix_, diagonal_, beside_, pivot_;
  Vector x_, scale_, first_, image_, residual_, residual_image_, step_, step_image_;
};

using Pair = std::pair<int32_t, int32_t>;
constexpr Pair kNone{-1, -1};

// The pair without an edge whose product of x / sqrt(1 + d) is smallest.
class Picker {
 public:
  Pair pick(const EditableGraph& graph, const std::vector<double>& x) {
    const int32_t n = graph.size();
    const int64_t pairs = int64_t{n} * (n - 1) / 2;
    int64_t edges = 0;
    for (int32_t v = 0; v < n; ++v) edges += graph.degree(v);
    if (edges / 2 >= pairs) return kNone;
    round_to_grid(graph, x);
    Pair found = opposite_signs(graph);
    if (found == kNone) found = with_a_zero(graph);
    if (found == kNone) found = same_sign(graph);
    return {std::min(found.first, found.second), std::max(found.first, found.second)};
  }

 private:
  void round_to_grid(const EditableGraph& graph, const std::vector<double>& x) {
    const size_t n = x.size();
    value_.resize(n), level_.resize(n);
    double largest = 0;
    for (size_t i = 0; i < n; ++i) {
      value_[i] = x[i] / std::sqrt(1.0 + graph.degree(static_cast<int32_t>(i)));
      largest = std::max(largest, std::abs(value_[i]));
    }
    const double scale = largest > 0 ? kGrid / largest : 0;
    int64_t sign = 0;  // the first node that is clearly on one side is on the positive one
    for (size_t i = 0; i < n; ++i) {
      level_[i] = std::llround(value_[i] * scale);
      if (std::abs(level_[i]) < kNotLeft) level_[i] = 0;
      if (sign == 0 && level_[i] != 0) sign = level_[i] > 0 ? 1 : -1;
    }
    positive_.clear(), negative_.clear(), zero_.clear();
    for (size_t i = 0; i < n; ++i) {
      level_[i] *= sign;
      auto& side = level_[i] > 0 ? positive_ : level_[i] < 0 ? negative_ : zero_;
      side.push_back(static_cast<int32_t>(i));
    }
  }

  // Nodes of one side that are far out come first, equal ones by their number.
  auto farther() const {
    return [this](int32_t a, int32_t b) {
      const int64_t p = std::abs(level_[a]), q = std::abs(level_[b]);
      return p != q ? p > q : a < b;
    };
  }

  Pair opposite_signs(const EditableGraph& graph) {
    for (size_t width = 32;; width *= 4) {
      const size_t rows = std::min(width, positive_.size()), cols = std::min(width, negative_.size());
      if (rows == 0 || cols == 0) return kNone;
      std::partial_sort(positive_.begin(), positive_.begin() + static_cast<std::ptrdiff_t>(rows),
                        positive_.end(), farther());
      std::partial_sort(negative_.begin(), negative_.begin() + static_cast<std::ptrdiff_t>(cols),
                        negative_.end(), farther());
      bool cut = false;
      const Pair found = search(graph, rows, cols, &cut);
      if (!cut) return found;
    }
  }

  // `cut`: the answer may lie beyond the rows and columns that are in order.
  Pair search(const EditableGraph& graph, size_t rows, size_t cols, bool* cut) {
    struct Entry {
      int64_t product;
      int32_t up, down;
      size_t i, j;
      bool operator<(const Entry& o) const {  // the queue's largest comes first
        if (product != o.product) return product > o.product;
        return up != o.up ? up > o.up : down > o.down;
      }
    };
    std::priority_queue<Entry> queue;
    const auto push = [&](size_t i, size_t j) {
      if (i >= rows || j >= cols) {
        *cut = *cut || (i < positive_.size() && j < negative_.size());
        return;
      }
      const int32_t up = positive_[i], down = negative_[j];
      queue.push({level_[up] * level_[down], up, down, i, j});
    };
    push(0, 0);
    while (!queue.empty() && !*cut) {
      const Entry top = queue.top();
      queue.pop();
      if (!graph.has(top.up, top.down)) return {top.up, top.down};
      push(top.i, top.j + 1);
      if (top.j == 0) push(top.i + 1, 0);
    }
    return kNone;
  }

  Pair with_a_zero(const EditableGraph& graph) const {
    for (int32_t u = 0; u < graph.size() && !zero_.empty(); ++u) {
      if (level_[u] == 0) {
        for (int32_t v = u + 1; v < graph.size(); ++v) {
          if (!graph.has(u, v)) return {u, v};
        }
      } else {
        for (const int32_t v : zero_) {
          if (v > u && !graph.has(u, v)) return {u, v};
        }
      }
    }
    return kNone;
  }

  Pair same_sign(const EditableGraph& graph) {
    Pair found = kNone;
    int64_t best = std::numeric_limits<int64_t>::max();
    for (auto* side : {&positive_, &negative_}) {
      std::sort(side->begin(), side->end(), [this](int32_t a, int32_t b) {
        const int64_t p = std::abs(level_[a]), q = std::abs(level_[b]);
        return p != q ? p < q : a < b;
      });
      for (size_t i = 0; i < side->size(); ++i) {
        for (size_t j = i + 1; j < side->size(); ++j) {
          const int32_t u = std::min((*side)[i], (*side)[j]), v = std::max((*side)[i], (*side)[j]);
          const int64_t product = level_[u] * level_[v];
          if (product > best) break;
          if ((product < best || Pair(u, v) < found) && !graph.has(u, v)) best = product, found = {u, v};
        }
      }
    }
    return found;
  }

  std::vector<double> value_;
  std::vector<int64_t> level_;
  std::vector<int32_t> positive_, negative_, zero_;
};

Tensor fosr(Tensor rowptr, Tensor col, Tensor ptr, int64_t num_edges, int64_t power_steps,
            double tolerance, int64_t seed) {
  constexpr const char* kOp = "fosr";
  check(num_edges >= 0, kOp, ": num_edges: got ", num_edges, ", expected at least 0");
  rowptr = dense(rowptr), col = dense(col), ptr = dense(ptr);
  const GraphBatch batch(kOp, rowptr, col, ptr);
  Tensor out = make_output<int64_t>(col, {2, batch.num_graphs, num_edges});
  int64_t* const low = out.mutable_data_ptr<int64_t>();
  int64_t* const high = low + batch.num_graphs * num_edges;
  std::fill_n(low, 2 * batch.num_graphs * num_edges, -1);
  if (num_edges == 0) return out;
  const Listener listener;
  parallel_items(batch.num_graphs, (batch.rows.num_entries + batch.rows.num_rows) * num_edges,
                 [&](int64_t g) {
    EditableGraph graph(batch, g);
    if (graph.size() < 2) return;
    SecondVector vector(graph, static_cast<uint64_t>(seed), listener);
    Picker picker;
    const int64_t limit = 1000 + 4 * int64_t{graph.size()};
    if (power_steps >= 0) vector.power(power_steps);
    for (int64_t k = 0; k < num_edges && !listener.interrupted(); ++k) {
      if (power_steps < 0) vector.converge(tolerance, limit);
      const auto [u, v] = picker.pick(graph, vector.value());
      if (u < 0) break;
      graph.add(u, v);
      low[g * num_edges + k] = batch.ptr[g] + u, high[g * num_edges + k] = batch.ptr[g] + v;
      if (power_steps >= 0) vector.power(1);
    }
  });
  check(!listener.interrupted(), kOp, ": interrupted");
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("fosr", TORCH_BOX(&graphpoly::fosr)); }
