#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>
#include <weir/weir.hpp>

namespace shop {

/// What a query answered, as far as the tables show it.
struct Seen {
  std::size_t rows{};
  std::string first{};  ///< The first cell.
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// The page's queries asked of SQLite itself, as a careful program would: prepared once, then
/// bound, stepped, and every column looked at.
///
/// Thread safety: shared object unsafe.
class Direct {
 public:
  explicit Direct(const std::string& file);
  [[nodiscard]] Seen ask(std::size_t query, int customer);

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3, Close> db_;
  std::vector<std::unique_ptr<sqlite3_stmt, Close>> statements_;
};

[[nodiscard]] Seen seen(const weir::Result& result);

/// Durations, to take percentiles of.
class Latencies {
 public:
  void add(std::chrono::nanoseconds took) { all_.push_back(took); }
  /// In microseconds. REQUIRES: `share` from 0 to 1, at least one duration.
  [[nodiscard]] double percentile(double share);

 private:
  std::vector<std::chrono::nanoseconds> all_;
};

}  // namespace shop
