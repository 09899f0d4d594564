#include "drivers/sqlite/result_cells.hpp"

#include <cstddef>
#include <string_view>

namespace weir::sqlite {

void add_columns(spi::ResultBuilder& builder, sqlite3_stmt* statement) {
  const int count = sqlite3_column_count(statement);
  for (int i = 0; i < count; ++i) {
    const char* const name = sqlite3_column_name(statement, i);
    const char* const type = sqlite3_column_decltype(statement, i);
    builder.add_column(name == nullptr ? "" : name, type == nullptr ? "" : type);
  }
}

void add_cell(spi::ResultBuilder& builder, sqlite3_stmt* statement, int column) {
  const auto view = [&](const void* bytes) {
    return std::string_view{static_cast<const char*>(bytes),
                            static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return builder.integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return builder.real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT:
      return builder.text(view(sqlite3_column_text(statement, column)));
    case SQLITE_BLOB: {
      const void* const bytes = sqlite3_column_blob(statement, column);  // null when empty
      return builder.bytes(bytes == nullptr ? std::string_view{} : view(bytes));
    }
    default:
      return builder.null();
  }
}

}  // namespace weir::sqlite
