#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "tests/support/real_database.hpp"
#include "weir/weir.hpp"

namespace weir::bench {

/// How much is measured.
struct Effort {
  std::size_t rounds{3};
  double seconds{0.5};             ///< For each cell of the writes.
  std::size_t operations{10'000};  ///< For each cell of the mix.
};

/// What tells of writes to the table.
struct Tracking {
  std::string name{};
  bool triggers{true};
  std::vector<std::string> keys{};  ///< None: writes are told as writes to the table.
};

/// One figure, measured once in each round.
class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  /// Round by round: what the machine does besides changes less within a round than between two.
  [[nodiscard]] Samples to(const Samples& base) const {
    Samples ratios;
    for (std::size_t i = 0; i < values_.size(); ++i) ratios.add(values_[i] / base.values_.at(i));
    return ratios;
  }
  /// Median and, in brackets, the smallest and the largest.
  [[nodiscard]] std::string text(int digits) const {
    std::vector<double> values = values_;
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return fmt::format("{:.{}f} ({:.{}f}–{:.{}f})", (values.at((n - 1) / 2) + values.at(n / 2)) / 2,
                       digits, values.front(), digits, values.back(), digits);
  }

 private:
  std::vector<double> values_{};
};

/// Makes the table `orders`, and weir's schema: order `id` is user `id % users + 1`'s.
void fill(const test::RealDatabase& database, int rows, int users);
/// Errors: `std::runtime_error` when a write does not leave what it should.
void apply(const test::RealDatabase& database, const Tracking& tracking);
/// Pays what the cell before left to be paid: dead rows, a log to be written back.
void tidy(const test::RealDatabase& database);

/// Prints what reads and writes through the cache reach, at table and at row level.
void mix(const test::RealDatabase& database, const Effort& effort);
/// Prints what tracking costs those who write.
void writes(const test::RealDatabase& database, const Effort& effort);

}  // namespace weir::bench
