#include "drivers/postgres/catalog.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "drivers/postgres/catalog_queries.hpp"

namespace weir::postgres {
namespace {

constexpr char kSeparator = '\x1f';

/// A PostgreSQL array literal, element by element.
class ArrayText {
 public:
  void add(std::string_view element) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    for (const char c : element) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }
  void add(std::uint64_t element) { add(std::string_view{std::to_string(element)}); }
  [[nodiscard]] std::string take() { return std::move(text_) + "}"; }

 private:
  std::string text_{"{"};
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::uint64_t to_id(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

CatalogRelation read_relation(const Rows& rows, std::size_t row) {
  CatalogRelation relation;
  relation.installed = rows.boolean(row, 8);
  if (rows.is_null(row, 1)) return relation;
  relation.exists = true;
  relation.id = to_id(rows.text(row, 1));
  relation.schema = rows.string(row, 2);
  relation.name = rows.string(row, 3);
  relation.kind = rows.text(row, 4).front();
  relation.temporary = rows.boolean(row, 5);
  relation.system = rows.boolean(row, 6);
  relation.foreign = rows.boolean(row, 7);
  relation.untracked = rows.string(row, 9);
  relation.family = split(rows.text(row, 10), ' ');
  relation.row_security = rows.boolean(row, 11);
  relation.policies = split(rows.text(row, 12), kSeparator);
  relation.definition = rows.string(row, 13);
  relation.view_role = to_id(rows.text(row, 14));
  relation.unwatched_role = rows.string(row, 15);
  relation.may_tell_keys = rows.boolean(row, 16);
  return relation;
}

CatalogCandidate::Part part_of(std::string_view word) {
  using Part = CatalogCandidate::Part;
  if (word == "function") return Part::kFunction;
  if (word == "operator") return Part::kOperator;
  if (word == "type") return Part::kType;
  if (word == "cast") return Part::kCast;
  if (word == "check") return Part::kCheck;
  if (word == "support") return Part::kSupport;
  if (word == "moving") return Part::kMoving;
  return Part::kColumn;
}

CatalogCandidate::Trust trust_of(std::string_view word) {
  using Trust = CatalogCandidate::Trust;
  if (word == "builtin") return Trust::kBuiltin;
  if (word == "trusted") return Trust::kTrusted;
  if (word == "body") return Trust::kBody;
  return Trust::kOpaque;
}

const char* form_code(const FunctionUse& use, const NamesRequest& request) {
  const auto holds = [&use](const std::vector<std::string>& aliases) {
    return std::find(aliases.begin(), aliases.end(), use.qualifier) != aliases.end();
  };
  switch (use.form) {
    case FunctionUse::Form::kAnyArguments:
      return "a";
    case FunctionUse::Form::kAttribute:
      if (use.qualifier.empty() || holds(request.function_aliases)) return "s";
      return holds(request.record_aliases) ? "r" : "t";
    default:
      return "c";
  }
}

}  // namespace

Catalog::Context Catalog::context() {
  const Rows rows = connection_->query(kContextQuery, {}, deadline_, "analyze");
  return {.key = rows.string(0, 0),
          .overridden = rows.boolean(0, 1),
          .builtin_first = rows.boolean(0, 3),
          .unwatched_role = rows.string(0, 2)};
}

std::vector<CatalogRelation> Catalog::relations(const std::vector<RelationRequest>& requests) {
  ArrayText schemas;
  ArrayText names;
  ArrayText roles;
  for (const RelationRequest& request : requests) {
    schemas.add(request.name.schema);
    names.add(request.name.name);
    roles.add(request.role);
  }
  PqParams params;
  params.add_text(schemas.take());
  params.add_text(names.take());
  params.add_text(roles.take());
  const Rows rows = connection_->query(kRelationsQuery, params, deadline_, "analyze");
  std::vector<CatalogRelation> relations(requests.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::size_t index = rows.unsigned_integer(row, 0);
    if (index >= 1 && index <= relations.size()) relations[index - 1] = read_relation(rows, row);
  }
  return relations;
}

std::vector<CatalogCandidate> Catalog::names(const NamesRequest& request) {
  std::vector<ArrayText> arrays(11);
  for (const FunctionUse& use : request.functions) {
    arrays[0].add(use.name.schema);
    arrays[1].add(use.name.name);
    arrays[2].add(use.arguments);
    arrays[3].add(form_code(use, request));
  }
  for (const OperatorUse& use : request.operators) {
    arrays[4].add(use.name.schema);
    arrays[5].add(use.name.name);
    arrays[6].add(use.operands);
  }
  for (const CastUse& use : request.casts) {
    arrays[7].add(use.type.schema);
    arrays[8].add(use.type.name);
    for (const std::string& column : use.columns) arrays[10].add(column);
  }
  for (const std::uint64_t relation : request.relations) arrays[9].add(relation);
  PqParams params;
  for (ArrayText& array : arrays) params.add_text(array.take());
  params.add_text(request.records ? "true" : "false");
  const Rows rows = connection_->query(kNamesQuery, params, deadline_, "analyze");
  std::vector<CatalogCandidate> candidates(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    CatalogCandidate& candidate = candidates[row];
    candidate.part = part_of(rows.text(row, 0));
    candidate.index = rows.unsigned_integer(row, 1);
    if (candidate.index > 0) --candidate.index;
    candidate.trust = trust_of(rows.text(row, 2));
    candidate.name = rows.string(row, 3);
    candidate.volatility = rows.text(row, 4).front();
    candidate.body = rows.string(row, 5);
  }
  return candidates;
}

std::vector<CatalogColumn> Catalog::columns(const std::vector<std::uint64_t>& relations,
                                            const std::vector<std::uint64_t>& telling) {
  ArrayText all;
  ArrayText asked;
  for (const std::uint64_t relation : relations) all.add(relation);
  for (const std::uint64_t relation : telling) asked.add(relation);
  PqParams params;
  params.add_text(all.take());
  params.add_text(asked.take());
  const Rows rows = connection_->query(kColumnsQuery, params, deadline_, "analyze");
  std::vector<CatalogColumn> columns(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    columns[row].relation = to_id(rows.text(row, 0));
    columns[row].column = {.number = rows.string(row, 1),
                           .name = rows.string(row, 2),
                           .type = rows.string(row, 3),
                           .collation = to_id(rows.text(row, 4)),
                           .unique = rows.boolean(row, 5),
                           .told = rows.boolean(row, 6)};
    columns[row].varchar = rows.boolean(row, 7);
  }
  return columns;
}

}  // namespace weir::postgres
