#include "src/sql/statement.hpp"

#include <fmt/core.h>

#include "weir/error.hpp"
#include "weir/spi/text.hpp"

namespace weir::detail {

void check_statement_text(std::string_view sql, Bytes longest) {
  if (sql.size() > longest.value) {
    throw Error{ErrorCode::kUsage,
                fmt::format("statement: the text is {} bytes long; max_statement allows {}",
                            sql.size(), longest.value)};
  }
  spi::require_clean_text(sql, "statement");
}

}  // namespace weir::detail
