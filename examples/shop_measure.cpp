#include "shop_measure.hpp"

#include <algorithm>
#include <stdexcept>

#include "shop_data.hpp"

namespace shop {

Direct::Direct(const std::string& file) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db));
  for (const PageQuery& query : kPage) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(db, query.sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
        SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(db));
    }
    statements_.emplace_back(statement);
  }
}

Seen Direct::ask(std::size_t query, int customer) {
  sqlite3_stmt* const statement = statements_[query].get();
  if (kPage[query].asks == Asks::kCustomer) sqlite3_bind_int(statement, 1, customer);
  Seen seen;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      const auto* const text =
          reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      if (seen.rows == 0 && column == 0 && text != nullptr) seen.first = text;
    }
    ++seen.rows;
  }
  sqlite3_reset(statement);
  return seen;
}

Seen seen(const weir::Result& result) {
  Seen seen{result.rows(), {}};
  if (result.empty() || result[0].is_null(0)) return seen;
  const weir::Row row = result[0];
  seen.first = row.type(0) == weir::CellType::kInt64 ? std::to_string(row.get<std::int64_t>(0))
                                                     : row.get<std::string>(0);
  return seen;
}

double Latencies::percentile(double share) {
  std::sort(all_.begin(), all_.end());
  const auto last = static_cast<double>(all_.size() - 1);
  const auto took = all_[static_cast<std::size_t>(last * share)];
  return std::chrono::duration<double, std::micro>{took}.count();
}

}  // namespace shop
