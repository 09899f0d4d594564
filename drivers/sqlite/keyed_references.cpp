#include "drivers/sqlite/keyed_references.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "drivers/sqlite/key_text.hpp"
#include "drivers/sqlite/statement_levels.hpp"

namespace weir::sqlite {
namespace {

// More are hardly better than all rows.
constexpr std::size_t kMostValues = 100;

struct Parameter {
  std::size_t number;
};
struct Null {};
using Constant = std::variant<Null, Parameter, std::int64_t, std::string>;

// A column of one of a level's sources.
struct ColumnOf {
  std::size_t item;
  std::size_t column;
  auto operator<=>(const ColumnOf&) const = default;
};
struct Atom {
  ColumnOf column;
  std::vector<Constant> constants;
};
struct Equality {
  ColumnOf left;
  ColumnOf right;
};
struct Condition {
  std::vector<Atom> atoms{};
  std::vector<Equality> equalities{};
};

// Which columns are equal in every row that matters.
class Classes {
 public:
  void join(const ColumnOf& a, const ColumnOf& b) { parent_[root(a)] = root(b); }
  [[nodiscard]] ColumnOf root(ColumnOf of) const {
    for (auto up = parent_.find(of); up != parent_.end() && up->second != of;
         up = parent_.find(of)) {
      of = up->second;
    }
    return of;
  }

 private:
  std::map<ColumnOf, ColumnOf> parent_{};
};

// The conditions of one level, and the keys they give its references.
class Level {
 public:
  /// `table_of`: for each source the table it is, null for what is none.
  Level(const std::vector<SqlToken>& tokens, const SelectCore& core,
        std::vector<const ReadTable*> table_of)
      : tokens_{tokens}, core_{core}, table_of_{std::move(table_of)} {
    collect(core.where, core.items.size(), where_);
    for (std::size_t i = 0; i < core.items.size(); ++i) {
      const FromItem& item = core.items[i];
      if (core.unusual_join || item.on.empty()) continue;
      // ON knows the sources up to its own.
      collect(item.on, i + 1, item.join == JoinKind::kInner ? where_ : on_[i]);
    }
  }

  [[nodiscard]] std::optional<spi::KeyedReference> key_of(std::size_t item) const {
    const ReadTable& table = *table_of_[item];
    Classes classes;
    std::vector<const Atom*> atoms;
    const auto add = [&](const Condition& condition) {
      for (const Atom& atom : condition.atoms) atoms.push_back(&atom);
      if (core_.unusual_join) return;
      for (const Equality& equality : condition.equalities)
        classes.join(equality.left, equality.right);
    };
    add(where_);
    if (const auto own = on_.find(item); own != on_.end()) add(own->second);

    std::optional<spi::KeyedReference> best;
    std::size_t best_cost = 0;
    for (const std::size_t key : table.keys) {
      const ColumnOf column{item, key};
      for (const Atom* atom : atoms) {
        if (classes.root(atom->column) != classes.root(column)) continue;
        auto values = values_of(*atom, table.shape.columns[key].key);
        if (!values) continue;
        const std::size_t cost = values->size() * 4 + (is_unique(table.shape, key) ? 0 : 1);
        if (best && best_cost <= cost) continue;
        const ShapeColumn& of = table.shape.columns[key];
        const std::string id = table.shape.name.id();
        best = spi::KeyedReference{id, of.item, std::string{to_type(of.key)},
                                   id, of.name, *std::move(values)};
        best_cost = cost;
      }
    }
    return best;
  }

 private:
  static bool is_unique(const TableShape& shape, std::size_t key) {
    return std::any_of(shape.uniques.begin(), shape.uniques.end(), [&](const auto& unique) {
      return unique.size() == 1 && unique.front() == key;
    });
  }

  static std::optional<std::vector<spi::KeyValue>> values_of(const Atom& atom, KeyClass key) {
    std::vector<spi::KeyValue> values;
    const auto add = [&](spi::KeyValue value) {
      if (std::find(values.begin(), values.end(), value) == values.end())
        values.push_back(std::move(value));
    };
    for (const Constant& constant : atom.constants) {
      if (std::holds_alternative<Null>(constant)) continue;  // equal to nothing
      if (const auto* parameter = std::get_if<Parameter>(&constant)) {
        add({parameter->number, false, {}, {}});
      } else if (const auto* number = std::get_if<std::int64_t>(&constant)) {
        add({0, false, key_text(key, *number), std::to_string(*number)});
      } else {
        const std::string& text = std::get<std::string>(constant);
        auto canonical = key_text(key, std::string_view{text});
        if (!canonical) return std::nullopt;
        add({0, false, *std::move(canonical), quote_text(text)});
      }
    }
    if (values.size() > kMostValues) return std::nullopt;
    return values;
  }

  // Takes parentheses off that hold the whole range.
  [[nodiscard]] TokenRange bare(TokenRange range) const {
    while (range.begin < range.end && tokens_[range.begin].is('(') &&
           tokens_[range.begin].partner + 1 == range.end) {
      ++range.begin;
      --range.end;
    }
    return range;
  }
  [[nodiscard]] std::size_t after(std::size_t i) const {
    return tokens_[i].is('(') ? tokens_[i].partner + 1 : i + 1;
  }

  // The operands of the ANDs of an expression; empty when it is not known to be such.
  [[nodiscard]] std::vector<TokenRange> conjuncts(TokenRange range) const {
    std::vector<TokenRange> parts(1);
    parts.back().begin = range.begin;
    std::size_t cases = 0;
    std::size_t betweens = 0;
    for (std::size_t i = range.begin; i < range.end; i = after(i)) {
      const SqlToken& token = tokens_[i];
      if (token.is(',') || token.is("select") || token.is("with") || token.is("values")) return {};
      if (token.is("case")) {
        ++cases;
      } else if (token.is("end")) {
        // END may also be a name. Then there are more of them than of CASE.
        if (cases == 0) return {};
        --cases;
      } else if (cases != 0) {
        continue;
      } else if (token.is("or")) {
        return {};
      } else if (token.is("between")) {
        ++betweens;
      } else if (token.is("and") && betweens != 0) {
        --betweens;
      } else if (token.is("and")) {
        parts.back().end = i;
        parts.push_back({i + 1, i + 1});
      }
    }
    parts.back().end = range.end;
    return cases == 0 && betweens == 0 ? parts : std::vector<TokenRange>{};
  }

  // `known`: how many of the sources the expression may name.
  void collect(TokenRange range, std::size_t known, Condition& into) const {
    range = bare(range);
    const std::vector<TokenRange> parts = conjuncts(range);
    if (parts.size() > 1) {
      for (const TokenRange& part : parts) collect(part, known, into);
    } else if (parts.size() == 1) {
      read_atom(range, known, into);
    }
  }

  void read_atom(TokenRange range, std::size_t known, Condition& into) const {
    for (std::size_t i = range.begin; i < range.end; i = after(i)) {
      if (tokens_[i].is('=')) {
        const bool doubled = i + 1 < range.end && tokens_[i + 1].is('=');
        return read_equality({range.begin, i}, {i + (doubled ? 2U : 1U), range.end}, known, into);
      }
      if (tokens_[i].is("in")) return read_in({range.begin, i}, {i + 1, range.end}, known, into);
    }
  }

  void read_equality(TokenRange left, TokenRange right, std::size_t known, Condition& into) const {
    auto a = column_at(left, known);
    auto b = column_at(right, known);
    if (a && b) {
      const KeyClass key = class_of(*a);
      if (key != KeyClass::kNone && key == class_of(*b)) into.equalities.push_back({*a, *b});
      return;
    }
    if (!a) {
      std::swap(a, b);
      std::swap(left, right);
    }
    auto constant = constant_at(right);
    if (!a || !constant || class_of(*a) == KeyClass::kNone) return;
    into.atoms.push_back({*a, {*std::move(constant)}});
  }

  void read_in(TokenRange left, TokenRange list, std::size_t known, Condition& into) const {
    const auto column = column_at(left, known);
    if (!column || class_of(*column) == KeyClass::kNone) return;
    if (list.empty() || !tokens_[list.begin].is('(') ||
        tokens_[list.begin].partner + 1 != list.end) {
      return;
    }
    Atom atom{*column, {}};
    const std::size_t end = list.end - 1;
    std::size_t begin = list.begin + 1;
    for (std::size_t i = begin; i <= end; i = i < end ? after(i) : i + 1) {
      if (i < end && !tokens_[i].is(',')) continue;
      auto constant = constant_at({begin, i});
      if (!constant) return;
      atom.constants.push_back(*std::move(constant));
      begin = i + 1;
    }
    into.atoms.push_back(std::move(atom));
  }

  [[nodiscard]] KeyClass class_of(const ColumnOf& of) const {
    return table_of_[of.item]->shape.columns[of.column].key;
  }

  // `name`, or `alias.name`, and nothing else.
  [[nodiscard]] std::optional<ColumnOf> column_at(TokenRange range, std::size_t known) const {
    range = bare(range);
    const std::size_t size = range.end - range.begin;
    if (size == 3 && tokens_[range.begin].names() && tokens_[range.begin + 1].is('.') &&
        tokens_[range.begin + 2].names()) {
      return qualified(tokens_[range.begin].name, tokens_[range.begin + 2], known);
    }
    if (size == 1 && tokens_[range.begin].names()) return unqualified(tokens_[range.begin], known);
    return std::nullopt;
  }

  [[nodiscard]] std::optional<ColumnOf> qualified(const std::string& alias, const SqlToken& name,
                                                  std::size_t known) const {
    std::optional<std::size_t> item;
    for (std::size_t i = 0; i < core_.items.size(); ++i) {
      if (core_.items[i].alias != alias) continue;
      if (item) return std::nullopt;
      item = i;
    }
    if (!item || *item >= known || table_of_[*item] == nullptr) return std::nullopt;
    const auto column = find(*item, name);
    if (!column) return std::nullopt;
    return ColumnOf{*item, *column};
  }

  // SQLite takes a name for a column of the level's own sources first, and refuses it when two of
  // them have it: one that has it is the one, whatever else there is.
  [[nodiscard]] std::optional<ColumnOf> unqualified(const SqlToken& name, std::size_t known) const {
    static constexpr std::string_view kNoNames[] = {"current_date", "current_time",
                                                    "current_timestamp", "null"};
    if (core_.unusual_join) return std::nullopt;
    if (std::any_of(std::begin(kNoNames), std::end(kNoNames),
                    [&](std::string_view word) { return name.is(word); })) {
      return std::nullopt;
    }
    std::optional<ColumnOf> found;
    for (std::size_t i = 0; i < core_.items.size(); ++i) {
      if (table_of_[i] == nullptr) continue;
      const auto column =
          core_.items.size() == 1 ? find(i, name) : table_of_[i]->shape.find(name.name);
      if (!column) continue;
      if (found) return std::nullopt;
      found = ColumnOf{i, *column};
    }
    return found && found->item < known ? found : std::nullopt;
  }

  // The column, or the one the row's id is.
  [[nodiscard]] std::optional<std::size_t> find(std::size_t item, const SqlToken& name) const {
    const TableShape& shape = table_of_[item]->shape;
    if (const auto column = shape.find(name.name)) return column;
    const bool rowid = name.is("rowid") || name.is("_rowid_") || name.is("oid");
    return rowid ? shape.rowid_column : std::nullopt;
  }

  [[nodiscard]] std::optional<Constant> constant_at(TokenRange range) const {
    range = bare(range);
    if (range.empty()) return std::nullopt;
    const bool minus = tokens_[range.begin].is('-');
    if (minus) ++range.begin;
    if (range.end - range.begin != 1) return std::nullopt;
    const SqlToken& token = tokens_[range.begin];
    if (token.kind == TokenKind::kNumber) {
      std::int64_t number = 0;
      const char* const end = token.text.data() + token.text.size();
      const auto [stop, fault] = std::from_chars(token.text.data(), end, number);
      if (fault != std::errc{} || stop != end) return std::nullopt;
      return minus ? -number : number;
    }
    if (minus) return std::nullopt;
    if (token.kind == TokenKind::kParameter) return Parameter{token.parameter};
    if (token.is("null")) return Null{};
    if (token.kind != TokenKind::kString || token.text.front() != '\'' || token.text.size() < 2)
      return std::nullopt;
    std::string text;
    for (std::size_t i = 1; i + 1 < token.text.size(); ++i) {
      text += token.text[i];
      if (token.text[i] == '\'') ++i;  // doubled
    }
    return text;
  }

  const std::vector<SqlToken>& tokens_;
  const SelectCore& core_;
  const std::vector<const ReadTable*> table_of_;
  Condition where_{};
  std::map<std::size_t, Condition> on_{};  // of LEFT JOINs, by source
};

// What the text says of one statement's tables.
class Reading {
 public:
  Reading(const StatementLevels& levels, const std::vector<ReadTable>& tables)
      : levels_{levels}, tables_{tables}, understood_(levels.tokens.size(), false) {}

  KeyReading read() {
    KeyReading reading;
    reading.parameters = levels_.parameters;
    std::map<std::string, std::vector<std::optional<spi::KeyedReference>>> references;
    for (const SelectCore& core : levels_.cores) {
      std::vector<const ReadTable*> table_of;
      for (const FromItem& item : core.items) {
        table_of.push_back(table_of_item(item));
        if (table_of.back() != nullptr) {
          understood_[item.name_token] = true;
        } else if (!item.name.empty()) {
          reading.others.push_back(item.name);
        }
      }
      const Level level{levels_.tokens, core, table_of};
      for (std::size_t i = 0; i < table_of.size(); ++i) {
        if (table_of[i] != nullptr)
          references[table_of[i]->shape.name.id()].push_back(level.key_of(i));
      }
    }
    for (const ReadTable& table : tables_) {
      const std::string id = table.shape.name.id();
      auto& found = references[id];
      std::string why = why_whole(table, found);
      if (!why.empty()) {
        reading.whole.emplace(id, std::move(why));
        continue;
      }
      for (auto& reference : found) reading.keys.push_back(*std::move(reference));
    }
    return reading;
  }

 private:
  [[nodiscard]] const ReadTable* table_of_item(const FromItem& item) const {
    if (item.derived) return nullptr;
    const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const ReadTable& table) {
      return to_lower(table.shape.name.table) == item.name;
    });
    if (found == tables_.end()) return nullptr;
    const bool there = item.schema.empty() || item.schema == to_lower(found->shape.name.schema);
    return there ? &*found : nullptr;
  }

  [[nodiscard]] std::string why_whole(
      const ReadTable& table,
      const std::vector<std::optional<spi::KeyedReference>>& references) const {
    if (table.keys.empty()) return table.unkeyed;
    const std::string name = to_lower(table.shape.name.table);
    const auto same_name = [&](const ReadTable& other) {
      return to_lower(other.shape.name.table) == name;
    };
    if (std::count_if(tables_.begin(), tables_.end(), same_name) != 1)
      return "tables of two schemas have its name";
    if (references.empty()) return "it is not named in FROM";
    if (!every_place_is_understood(name)) return "its name stands where it is not understood";
    if (std::all_of(references.begin(), references.end(),
                    [](const auto& reference) { return reference.has_value(); })) {
      return {};
    }
    std::string columns;
    for (const std::size_t key : table.keys)
      columns += (columns.empty() ? "" : ", ") + table.shape.columns[key].name;
    return fmt::format("{} compares none of its key columns ({}) with a value",
                       references.size() == 1 ? "the statement" : "a reference to it", columns);
  }

  // A source of FROM, a qualifier, a column after one, an alias after AS; and a text that is only
  // compared.
  [[nodiscard]] bool every_place_is_understood(const std::string& name) const {
    const std::vector<SqlToken>& tokens = levels_.tokens;
    const auto is = [&](std::size_t i, const auto& what) {
      return i < tokens.size() && tokens[i].is(what);
    };
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const SqlToken& token = tokens[i];
      const bool text = token.kind == TokenKind::kString;
      if (understood_[i] || !(text ? is_text_of(token.text, name) : token.name == name)) continue;
      if (text) {
        if (i > 0 && is(i - 1, '=')) continue;
        return false;
      }
      const bool after_dot = i > 1 && is(i - 1, '.');
      const std::size_t first = after_dot ? i - 2 : i;
      const bool in = first > 0 && is(first - 1, std::string_view{"in"});
      const bool three = after_dot && first > 0 && is(first - 1, '.');
      if (in || three || is(i + 1, '(')) return false;
      if (is(i + 1, '.') || after_dot) continue;
      if (i > 0 && is(i - 1, std::string_view{"as"})) continue;
      return false;
    }
    return true;
  }

  static bool is_text_of(std::string_view quoted, const std::string& name) {
    return quoted.size() == name.size() + 2 && quoted.front() == '\'' &&
           to_lower(quoted.substr(1, name.size())) == name;
  }

  const StatementLevels& levels_;
  const std::vector<ReadTable>& tables_;
  std::vector<bool> understood_;  // tokens
};

}  // namespace

KeyReading read_keyed_references(std::string_view sql, const std::vector<ReadTable>& tables) {
  const StatementLevels levels = read_levels(sql);
  if (levels.fault.empty()) return Reading{levels, tables}.read();
  KeyReading reading;
  for (const ReadTable& table : tables) {
    reading.whole.emplace(table.shape.name.id(),
                          table.keys.empty()
                              ? table.unkeyed
                              : fmt::format("the statement is not understood: {}", levels.fault));
  }
  return reading;
}

}  // namespace weir::sqlite
