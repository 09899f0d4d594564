#include "drivers/sqlite/statement_levels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <system_error>

namespace weir::sqlite {
namespace {

// Ends the reading.
struct Fault {
  std::string what;
};

// What a quoted identifier names.
std::string unquote(std::string_view quoted) {
  const char quote = quoted.front() == '[' ? ']' : quoted.front();
  if (quoted.size() < 2 || quoted.back() != quote) throw Fault{"a name is not ended"};
  std::string name;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    name += quoted[i];
    if (quoted[i] == quote) ++i;  // doubled
  }
  return to_lower(name);
}

bool any_of(const SqlToken& token, std::initializer_list<std::string_view> words) {
  return token.kind == TokenKind::kWord &&
         std::find(words.begin(), words.end(), token.name) != words.end();
}

bool is_join_word(const SqlToken& token) {
  return any_of(token, {"cross", "full", "inner", "left", "natural", "outer", "right"});
}

// Numbers parameters as `ParameterMap` does.
class ParameterCounter {
 public:
  std::size_t number(std::string_view text) {
    if (text.front() == '#') throw Fault{"a register"};
    if (text == "?") return take(++highest_, false);
    const bool dollar = text.front() == '$';
    const bool digits = text.size() > 1 && text[1] >= '0' && text[1] <= '9';
    if (text.front() == '?' || (dollar && digits)) {
      std::size_t number = 0;
      const auto [end, fault] = std::from_chars(text.data() + 1, text.data() + text.size(), number);
      if (fault != std::errc{} || end != text.data() + text.size() || number == 0)
        throw Fault{"a parameter's number"};
      highest_ = std::max(highest_, number);
      return take(number, dollar);
    }
    const auto [known, fresh] = names_.try_emplace(std::string{text}, highest_ + 1);
    if (fresh) ++highest_;
    return take(known->second, false);
  }
  [[nodiscard]] std::size_t highest() const noexcept { return highest_; }

 private:
  std::size_t take(std::size_t number, bool dollar) {
    if (dollar_.has_value() && *dollar_ != dollar) throw Fault{"two kinds of parameters"};
    dollar_ = dollar;
    return number;
  }
  std::size_t highest_{0};
  std::optional<bool> dollar_{};
  std::map<std::string, std::size_t> names_{};
};

class Reader {
 public:
  Reader(std::string_view sql, StatementLevels& levels) : levels_{levels}, all_{levels.tokens} {
    tokenize(sql);
  }

  void read() {
    if (all_.empty() || !any_of(all_.front(), {"select", "with", "values"}))
      throw Fault{"it does not begin with SELECT, WITH or VALUES"};
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (all_[i].is("select")) read_core(i);
    }
  }

 private:
  void tokenize(std::string_view sql) {
    Tokenizer tokens{sql};
    ParameterCounter parameters;
    std::vector<std::size_t> open;
    bool ended = false;
    while (const auto token = tokens.next_meaningful()) {
      if (token->text == ";") {
        ended = true;
        continue;
      }
      if (ended) throw Fault{"more than one statement"};
      SqlToken read{token->kind, token->text, {}, 0, 0};
      if (read.kind == TokenKind::kWord) read.name = to_lower(token->text);
      if (read.kind == TokenKind::kQuoted) read.name = unquote(token->text);
      if (read.kind == TokenKind::kParameter) read.parameter = parameters.number(token->text);
      if (read.is('(')) open.push_back(all_.size());
      if (read.is(')')) {
        if (open.empty()) throw Fault{"parentheses"};
        read.partner = open.back();
        all_[open.back()].partner = all_.size();
        open.pop_back();
      }
      all_.push_back(std::move(read));
    }
    if (!open.empty()) throw Fault{"parentheses"};
    levels_.parameters = parameters.highest();
  }

  // The next token at the same level; the end of the level, or of the text.
  [[nodiscard]] std::size_t after(std::size_t i) const {
    return all_[i].is('(') ? all_[i].partner + 1 : i + 1;
  }
  [[nodiscard]] bool ends(std::size_t i) const { return i >= all_.size() || all_[i].is(')'); }
  [[nodiscard]] const SqlToken& at(std::size_t i, std::size_t end) const {
    static const SqlToken kNone{TokenKind::kSpace, {}, {}, 0, 0};
    return i < end ? all_[i] : kNone;
  }

  // WINDOW is a name unless a name, AS and a parenthesis follow.
  [[nodiscard]] bool begins_windows(std::size_t i) const {
    return all_[i].is("window") && i + 3 < all_.size() && all_[i + 1].names() &&
           all_[i + 2].is("as") && all_[i + 3].is('(');
  }

  // The clauses of the SELECT at `select`, which must come in their order.
  void read_core(std::size_t select) {
    enum Clause { kList, kFrom, kWhere, kGroup, kHaving, kWindow, kEnd };
    std::array<TokenRange, kEnd> clauses{};
    int current = kList;
    clauses[kList].begin = select + 1;
    std::size_t i = select + 1;
    for (; !ends(i); i = after(i)) {
      const SqlToken& token = all_[i];
      int next = kEnd;
      if (token.is("from") && !all_[i - 1].is("distinct")) {
        next = kFrom;
      } else if (token.is("where")) {
        next = kWhere;
      } else if (token.is("group")) {
        next = kGroup;
      } else if (token.is("having")) {
        next = kHaving;
      } else if (begins_windows(i)) {
        next = kWindow;
      } else if (any_of(token, {"order", "limit", "union", "intersect", "except"})) {
        break;
      } else if (any_of(token, {"select", "values"})) {
        throw Fault{fmt::format("{} in the middle", token.text)};
      } else {
        continue;
      }
      if (next <= current) throw Fault{fmt::format("{} in the wrong place", token.text)};
      clauses[static_cast<std::size_t>(current)].end = i;
      current = next;
      clauses[static_cast<std::size_t>(current)].begin = i + 1;
    }
    clauses[static_cast<std::size_t>(current)].end = i;
    SelectCore core;
    core.where = clauses[kWhere];
    if (current >= kFrom && clauses[kFrom].begin != 0) read_from(clauses[kFrom], core);
    levels_.cores.push_back(std::move(core));
  }

  void read_from(TokenRange range, SelectCore& core) {
    JoinKind join = JoinKind::kInner;
    std::size_t i = range.begin;
    for (;;) {
      FromItem item;
      item.join = join;
      i = read_source(i, range.end, item);
      i = read_alias(i, range.end, item);
      if (at(i, range.end).is("on")) {
        item.on.begin = i + 1;
        i = item.on.end = end_of_on(i + 1, range.end);
      } else if (at(i, range.end).is("using")) {
        if (!at(i + 1, range.end).is('(')) throw Fault{"USING"};
        core.unusual_join = true;
        i = all_[i + 1].partner + 1;
      }
      core.unusual_join = core.unusual_join || join == JoinKind::kOther;
      core.items.push_back(std::move(item));
      if (i >= range.end) return;
      i = read_join(i, range.end, join);
    }
  }

  std::size_t read_source(std::size_t i, std::size_t end, FromItem& item) {
    const SqlToken& first = at(i, end);
    if (first.is('(')) {
      if (!any_of(at(i + 1, end), {"select", "with", "values"}))
        throw Fault{"a join in parentheses"};
      item.derived = true;
      return first.partner + 1;
    }
    if (!first.names() || is_join_word(first) || any_of(first, {"on", "using", "join", "as"}))
      throw Fault{"what stands in FROM"};
    item.name = first.name;
    item.name_token = i++;
    if (at(i, end).is('.')) {
      if (!at(i + 1, end).names()) throw Fault{"what stands in FROM"};
      item.schema = std::move(item.name);
      item.name = all_[i + 1].name;
      item.name_token = i + 1;
      i += 2;
    }
    item.alias = item.name;
    if (at(i, end).is('(')) {
      item.derived = true;
      i = all_[i].partner + 1;
    }
    return i;
  }

  std::size_t read_alias(std::size_t i, std::size_t end, FromItem& item) {
    const bool said = at(i, end).is("as");
    if (said) ++i;
    const SqlToken& token = at(i, end);
    const bool other =
        !said && (is_join_word(token) || any_of(token, {"on", "using", "join", "indexed", "not"}));
    if (token.names() && !other) {
      item.alias = token.name;
      ++i;
    } else if (said || token.kind == TokenKind::kString) {
      throw Fault{"an alias"};
    }
    if (at(i, end).is("indexed")) {
      if (!at(i + 1, end).is("by") || !at(i + 2, end).names()) throw Fault{"INDEXED"};
      return i + 3;
    }
    if (at(i, end).is("not")) {
      if (!at(i + 1, end).is("indexed")) throw Fault{"NOT"};
      return i + 2;
    }
    return i;
  }

  // The words before JOIN are names to SQLite where it expects one; they are not taken for names
  // here, which makes a join no stricter than it is.
  std::size_t end_of_on(std::size_t begin, std::size_t end) {
    std::size_t i = begin;
    while (i < end && !all_[i].is(',') && !all_[i].is("join")) i = after(i);
    if (i < end && all_[i].is("join")) {
      while (i > begin && is_join_word(all_[i - 1])) --i;
    }
    if (i <= begin) throw Fault{"ON"};
    const SqlToken& last = all_[i - 1];
    if (last.kind == TokenKind::kSymbol && !last.is(')')) throw Fault{"ON"};
    return i;
  }

  std::size_t read_join(std::size_t i, std::size_t end, JoinKind& join) {
    join = JoinKind::kInner;
    if (at(i, end).is(',')) return i + 1;
    bool outer = false;
    for (; is_join_word(at(i, end)); ++i) {
      const SqlToken& word = all_[i];
      if (any_of(word, {"right", "full", "natural"})) join = JoinKind::kOther;
      if (word.is("left") && join != JoinKind::kOther) join = JoinKind::kLeft;
      outer = outer || word.is("outer");
    }
    if (!at(i, end).is("join") || (outer && join == JoinKind::kInner))
      throw Fault{"what stands in FROM"};
    return i + 1;
  }

  StatementLevels& levels_;
  std::vector<SqlToken>& all_;
};

}  // namespace

StatementLevels read_levels(std::string_view sql) {
  StatementLevels levels;
  try {
    Reader reader{sql, levels};
    reader.read();
  } catch (const Fault& fault) {
    levels = StatementLevels{};
    levels.fault = fault.what;
  }
  return levels;
}

}  // namespace weir::sqlite
