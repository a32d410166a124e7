// Ctrl-C within a long loop. While a `Listener` lives, SIGINT leaves a mark and then goes on to the
// handler that was there (Python's, which only makes a note for the interpreter); the loop asks
// `interrupted()` now and then and gives up, and the interpreter does the rest.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <optional>

namespace graphpoly {

#if defined(__unix__) || defined(__APPLE__)

namespace interrupt {

inline std::atomic<int64_t> count{0};  // of signals since the library was loaded
inline std::mutex guard;
inline int64_t listeners = 0;
inline struct sigaction before;  // what stood there when the first listener came

static_assert(std::atomic<int64_t>::is_always_lock_free, "a signal handler may not lock");

inline void handle(int signal, siginfo_t* info, void* context) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(signal, info, context);
  else before.sa_handler(signal);
}

}  // namespace interrupt

class Listener {
 public:
  Listener() : seen_(interrupt::count.load()) {
    const std::lock_guard<std::mutex> lock(interrupt::guard);
    if (interrupt::listeners++ > 0) return;
    struct sigaction now;
    sigaction(SIGINT, nullptr, &now);
    const bool handled =
        (now.sa_flags & SA_SIGINFO) || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
    if (!handled) return;  // the process ends, or wants to hear nothing
    interrupt::before = now;
    struct sigaction ours = now;
    ours.sa_flags |= SA_SIGINFO;
    ours.sa_sigaction = interrupt::handle;
    sigaction(SIGINT, &ours, nullptr);
  }
  ~Listener() {
    const std::lock_guard<std::mutex> lock(interrupt::guard);
    if (--interrupt::listeners > 0) return;
    struct sigaction now;
    sigaction(SIGINT, nullptr, &now);
    const bool ours = (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == interrupt::handle;
    if (ours) sigaction(SIGINT, &interrupt::before, nullptr);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  bool interrupted() const {
    return interrupt::count.load(std::memory_order_relaxed) != seen_;
  }

 private:
  int64_t seen_;
};

#else

class Listener {
 public:
  bool interrupted() const { return false; }
};

#endif

// Listens where the work is long: to begin and to end costs microseconds.
class LongWork {
 public:
  explicit LongWork(double steps) {
    if (steps > 1e6) listener_.emplace();
  }
  bool interrupted() const { return listener_ && listener_->interrupted(); }

 private:
  std::optional<Listener> listener_;
};

}  // namespace graphpoly
