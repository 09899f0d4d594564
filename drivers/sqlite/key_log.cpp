#include "drivers/sqlite/key_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "drivers/sqlite/track_triggers.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "read the log of keys";
// A process that looks after fewer rows than this than the last time misses none.
constexpr int kKept = kKeyLogCapacity / 4;
constexpr std::size_t kRowsLength = 2000;

std::string_view view(sqlite3_stmt* statement, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement, index))};
}

}  // namespace

std::int64_t newest_key(Handle& handle) {
  return handle.integer("SELECT max(id) FROM main.weir_key", kOperation);
}

ToldKeys read_keys(Handle& handle, std::int64_t seen) {
  ToldKeys told;
  const std::int64_t oldest = handle.integer("SELECT min(id) FROM main.weir_key", kOperation);
  told.newest = newest_key(handle);
  told.complete = told.newest >= seen && oldest <= seen + 1;
  if (!told.complete || told.newest == seen) return told;
  const StatementPtr rows =
      handle.prepare("SELECT name, keys FROM main.weir_key WHERE id > ?1 ORDER BY id", kOperation);
  sqlite3_bind_int64(rows.get(), 1, seen);
  while (handle.step(rows.get(), kOperation)) {
    const std::string name{view(rows.get(), 0)};
    if (sqlite3_column_type(rows.get(), 1) == SQLITE_NULL) {
      told.whole.insert(name);
      continue;
    }
    std::set<std::string>& items = told.items[name];
    std::string_view rest = view(rows.get(), 1);
    while (!rest.empty()) {  // a separator stands before each
      rest.remove_prefix(1);
      const std::size_t end = std::min(rest.find(spi::Change::kRowSeparator), rest.size());
      items.emplace(rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  return told;
}

bool wants_pruning(Handle& handle) {
  return handle.integer(
             "SELECT (SELECT max(id) FROM main.weir_key) - (SELECT min(id) FROM main.weir_key)",
             kOperation) > 2 * std::int64_t{kKept};
}

void prune_keys(Handle& handle) {
  handle.exec(
      fmt::format("DELETE FROM main.weir_key WHERE id <= (SELECT max(id) FROM main.weir_key) - {}",
                  kKept),
      kOperation);
}

std::vector<std::string> rows_of(const std::set<std::string>& items) {
  std::vector<std::string> rows(1);
  for (const std::string& item : items) {
    if (!rows.back().empty() && rows.back().size() + item.size() > kRowsLength) rows.emplace_back();
    if (!rows.back().empty()) rows.back() += spi::Change::kRowSeparator;
    rows.back() += item;
  }
  return rows;
}

}  // namespace weir::sqlite
