#include "drivers/sqlite/track_triggers.hpp"

#include <fmt/format.h>

#include <utility>

#include "drivers/sqlite/key_text.hpp"
#include "drivers/sqlite/scan.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::sqlite {
namespace {

std::string unmarked(std::string_view table) {
  return fmt::format("NOT EXISTS (SELECT 1 FROM weir_dirty WHERE name = {})", quote_text(table));
}

// Writes the triggers of one table.
class KeyTriggers {
 public:
  KeyTriggers(const TableShape& shape, const std::vector<std::size_t>& keys)
      : shape_{shape}, keys_{keys}, table_{shape.name.table} {}

  [[nodiscard]] TrackTrigger after_insert() const {
    return trigger("INSERT", "AFTER INSERT", {}, log(items("new")));
  }
  [[nodiscard]] TrackTrigger after_delete() const {
    return trigger("DELETE", "AFTER DELETE", {}, log(items("old")));
  }
  [[nodiscard]] TrackTrigger after_update() const {
    std::string changed;
    for (const std::size_t key : keys_) {
      changed += fmt::format("||CASE WHEN new.{0} IS old.{0} THEN '' ELSE {1} END", column(key),
                             item(key, "new"));
    }
    return trigger("UPDATE", "AFTER UPDATE", {}, log(items("old") + changed));
  }
  [[nodiscard]] TrackTrigger before_insert() const {
    std::string body;
    for (const auto& unique : shape_.uniques) body += log_conflicting(matches(unique));
    return trigger("BEFORE_INSERT", "BEFORE INSERT", {}, body);
  }
  [[nodiscard]] TrackTrigger before_update() const {
    std::string when;
    std::string body;
    for (const auto& unique : shape_.uniques) {
      std::string same;
      for (const std::size_t part : unique) {
        same += fmt::format("{0}new.{1} IS old.{1}", same.empty() ? "" : " AND ", column(part));
      }
      when += fmt::format("{}NOT ({})", when.empty() ? "" : " OR ", same);
      body += log_conflicting(fmt::format("NOT ({}) AND {}", same, matches(unique)));
    }
    return trigger("BEFORE_UPDATE", "BEFORE UPDATE", fmt::format("({}) AND ", when), body);
  }

 private:
  [[nodiscard]] std::string column(std::size_t at) const {
    return quote_name(shape_.columns[at].name);
  }
  [[nodiscard]] std::string item(std::size_t key, std::string_view row) const {
    const std::string reference = fmt::format("{}.{}", row, column(key));
    const std::string prefix =
        fmt::format("{}{}:", spi::Change::kRowSeparator, shape_.columns[key].item);
    // A row's id is a whole number and nothing else: the short form costs writers less.
    if (shape_.rowid_column == key) return quote_text(prefix + 'i') + "||" + reference;
    return key_text_sql(shape_.columns[key].key, reference, prefix);
  }
  [[nodiscard]] std::string items(std::string_view row) const {
    std::string all;
    for (const std::size_t key : keys_) all += (all.empty() ? "" : "||") + item(key, row);
    return all;
  }
  [[nodiscard]] std::string matches(const std::vector<std::size_t>& unique) const {
    std::string all;
    for (const std::size_t part : unique)
      all += fmt::format("{0}o.{1} = new.{1}", all.empty() ? "" : " AND ", column(part));
    return all;
  }
  [[nodiscard]] std::string log(const std::string& keys) const {
    return fmt::format("INSERT INTO weir_key (name, keys) VALUES ({}, {}); ", quote_text(table_),
                       keys);
  }
  [[nodiscard]] std::string log_conflicting(const std::string& condition) const {
    return fmt::format("INSERT INTO weir_key (name, keys) SELECT {}, {} FROM {} AS o WHERE {}; ",
                       quote_text(table_), items("o"), quote_name(table_), condition);
  }
  [[nodiscard]] TrackTrigger trigger(std::string_view name, std::string_view event,
                                     std::string_view when, std::string_view body) const {
    TrackTrigger result{fmt::format("weir_{}_{}", name, table_), {}};
    result.sql = fmt::format(
        "CREATE TRIGGER {} {} ON {} WHEN {}{} BEGIN {}INSERT INTO weir_dirty (name) SELECT {} "
        "WHERE (SELECT max(id) FROM weir_key) - (SELECT min(id) FROM weir_key) >= {}; END",
        quote_name(result.name), event, quote_name(table_), when, unmarked(table_), body,
        quote_text(table_), kKeyLogCapacity);
    return result;
  }

  const TableShape& shape_;
  const std::vector<std::size_t>& keys_;
  const std::string table_;
};

}  // namespace

// Not INSERT OR IGNORE: the conflict clause of the statement that fires a trigger replaces those
// inside it, and an upsert or an INSERT OR ABORT of the application would fail on the second row.
std::vector<TrackTrigger> track_triggers(std::string_view table) {
  std::vector<TrackTrigger> triggers;
  for (const std::string_view event : {"INSERT", "UPDATE", "DELETE"}) {
    TrackTrigger trigger{fmt::format("weir_{}_{}", event, table), {}};
    trigger.sql = fmt::format(
        "CREATE TRIGGER {0} AFTER {1} ON {2} WHEN {3} BEGIN "
        "INSERT INTO weir_dirty (name) VALUES ({4}); END",
        quote_name(trigger.name), event, quote_name(table), unmarked(table), quote_text(table));
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

std::vector<TrackTrigger> track_triggers(const TableShape& shape,
                                         const std::vector<std::size_t>& keys) {
  const KeyTriggers triggers{shape, keys};
  std::vector<TrackTrigger> all{triggers.after_insert(), triggers.after_update(),
                                triggers.after_delete()};
  if (!shape.uniques.empty()) {
    all.push_back(triggers.before_insert());
    all.push_back(triggers.before_update());
  }
  return all;
}

}  // namespace weir::sqlite
