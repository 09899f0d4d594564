#include "drivers/sqlite/key_analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "drivers/sqlite/keyed_references.hpp"
#include "drivers/sqlite/tracking.hpp"

namespace weir::sqlite {
namespace {

ReadTable read_table(Handle& handle, const Location& location, const TableName& name) {
  ReadTable table;
  if (name.schema == "main" && location.in_memory()) {
    table.unkeyed = "changes to an in-memory database are told by table";
  } else if (name.schema != "main") {
    table.unkeyed = "changes to attached databases are not told by rows";
  } else if (auto tracking = tracking_of(handle, name.table)) {
    table.shape = std::move(tracking->shape);
    table.keys = std::move(tracking->keys);
    table.unkeyed = "it is tracked as a whole";
    return table;
  } else {
    table.unkeyed = "its rows are not tracked";
  }
  table.shape = read_shape(handle, name);
  return table;
}

// Why a name in FROM that is no table read makes the text unbelievable; empty when it does not.
std::string doubt_of(Catalog& catalog, const std::string& name) {
  switch (catalog.resolve(TableName{{}, name}).nature) {
    case Nature::kNothing:
    case Nature::kPureCall:
      return {};
    case Nature::kView:
      return fmt::format("the statement reads the view {}", name);
    case Nature::kTable:
    case Nature::kVirtual:
    case Nature::kInternal:
      break;
  }
  return fmt::format("it is not known what {} is", name);
}

}  // namespace

void judge_keys(spi::Analysis& analysis, Handle& handle, const Location& location, Catalog& catalog,
                const std::vector<TableName>& tables, std::string opaque, std::string_view sql) {
  std::vector<ReadTable> read;
  bool any = false;
  for (const TableName& table : tables) {
    read.push_back(read_table(handle, location, table));
    any = any || !read.back().keys.empty();
  }
  KeyReading reading;
  if (any && opaque.empty()) {
    reading = read_keyed_references(sql, read);
    if (reading.parameters != analysis.parameters) opaque = "its parameters are not understood";
    for (const std::string& other : reading.others) {
      if (opaque.empty()) opaque = doubt_of(catalog, other);
    }
  }
  for (const ReadTable& table : read) {
    const std::string id = table.shape.name.id();
    const auto relation = std::find_if(analysis.relations.begin(), analysis.relations.end(),
                                       [&](const spi::RelationUse& use) { return use.id == id; });
    if (relation == analysis.relations.end()) continue;
    if (table.keys.empty()) {
      relation->whole = table.unkeyed;
    } else if (!opaque.empty()) {
      relation->whole = opaque;
    } else if (const auto why = reading.whole.find(id); why != reading.whole.end()) {
      relation->whole = why->second;
    }
  }
  if (any && opaque.empty()) analysis.keys = std::move(reading.keys);
}

}  // namespace weir::sqlite
