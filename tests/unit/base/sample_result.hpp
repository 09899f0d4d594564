#pragma once

#include <string_view>
#include <vector>

#include "weir/result.hpp"
#include "weir/spi/result_builder.hpp"

namespace weir::test {

/// Builds results by hand: columns first, then the cells of the builder.
class Sample {
 public:
  Sample& column(std::string_view name, std::string_view type = "") {
    builder.add_column(name, type);
    return *this;
  }
  [[nodiscard]] Result finish(std::size_t rows_without_columns = 0) {
    return Result{builder.finish(rows_without_columns), Provenance{}};
  }

  spi::ResultBuilder builder;
};

}  // namespace weir::test
