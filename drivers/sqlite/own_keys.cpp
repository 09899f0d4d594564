#include "drivers/sqlite/own_keys.hpp"

#include <utility>

#include "drivers/sqlite/key_log.hpp"
#include "drivers/sqlite/tracking.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kOperation = "read what the transaction told";
// Of more values in one table the table is told.
constexpr std::size_t kMostItems = 512;

}  // namespace

void OwnKeys::load() {
  schema_version_ = std::nullopt;
  by_rows_.clear();
  const std::int64_t version = handle_.integer("PRAGMA main.schema_version", kOperation);
  if (inspect_tables(handle_).version == kSchemaVersion) {
    for (UserTable& table : user_tables(handle_)) {
      if (!table.keys.empty()) by_rows_.insert(std::move(table.name));
    }
  }
  schema_version_ = version;
}

void OwnKeys::begin() noexcept {
  begun_ = false;
  whole_.clear();
  try {
    if (handle_.integer("PRAGMA main.schema_version", kOperation) != schema_version_) load();
    if (by_rows_.empty()) return;
    newest_ = newest_key(handle_);
    changes_ = sqlite3_total_changes64(handle_.get());
    begun_ = true;
  } catch (...) {
    schema_version_ = std::nullopt;
  }
}

bool OwnKeys::is_marked(const std::string& table) {
  const StatementPtr mark =
      handle_.prepare("SELECT 1 FROM main.weir_dirty WHERE name = ?1", kOperation);
  sqlite3_bind_text(mark.get(), 1, table.data(), static_cast<int>(table.size()), SQLITE_TRANSIENT);
  return handle_.step(mark.get(), kOperation);
}

void OwnKeys::settle(OwnChanges& changes) {
  if (!begun_ || changes.everything) return;
  if (handle_.integer("PRAGMA main.schema_version", kOperation) != schema_version_) return;
  const bool nothing = sqlite3_total_changes64(handle_.get()) == changes_;
  const ToldKeys told = read_keys(handle_, newest_);
  OwnChanges settled = changes;
  bool marked = false;
  for (const std::string& name : by_rows_) {
    const std::string id = "main." + name;
    const auto items = told.items.find(name);
    const bool rows = items != told.items.end();
    if (!rows && !told.whole.contains(name) && !settled.relations.contains(id)) continue;
    const bool mark = is_marked(name);
    marked = marked || mark;
    if (mark || !told.complete || told.whole.contains(name) ||
        (rows && items->second.size() > kMostItems)) {
      whole_.insert(name);  // a COMMIT that is tried again finds neither mark nor row
    }
    if (whole_.contains(name)) {
      settled.relations.insert(id);
    } else if (rows) {
      settled.relations.erase(id);
      for (std::string& text : rows_of(items->second))
        settled.rows.emplace_back(id, std::move(text));
    } else if (nothing) {
      settled.relations.erase(id);
    }
  }
  settled.keys_before = newest_;
  settled.keys_after = told.newest;
  if (marked) {
    handle_.exec(
        "UPDATE main.weir_journal SET generation = generation + 1 "
        "WHERE name IN (SELECT name FROM main.weir_dirty); DELETE FROM main.weir_dirty",
        kOperation);
  }
  if (wants_pruning(handle_)) prune_keys(handle_);
  changes = std::move(settled);
}

}  // namespace weir::sqlite
