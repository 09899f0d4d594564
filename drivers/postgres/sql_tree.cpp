#include "drivers/postgres/sql_tree.hpp"

#include <fmt/core.h>
#include <pg_query.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "drivers/postgres/parser_lock.hpp"
#include "drivers/postgres/sql_tokens.hpp"

namespace weir::postgres {
namespace {

constexpr std::size_t kMaxBytes = 128 * 1024;
constexpr std::size_t kMaxBrackets = 250;  // nested
constexpr std::size_t kMaxNesting = 3000;  // keywords and operators: each may nest one deeper
constexpr std::size_t kMaxDepth = 1500;    // of the JSON

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) noexcept : text_{text} {}

  std::string run(TreeNode& root) {
    if (value(root, 0)) {
      space();
      if (at_ != text_.size()) problem_ = "unreadable parse tree";
    }
    return problem_;
  }

 private:
  bool fail(const char* problem) {
    if (problem_.empty()) problem_ = problem;
    return false;
  }
  void space() noexcept {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) noexcept {
    space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool value(TreeNode& node, std::size_t depth) {
    if (depth > kMaxDepth) return fail("nested too deeply");
    space();
    if (at_ == text_.size()) return fail("unreadable parse tree");
    switch (text_[at_]) {
      case '{':
        return object(node, depth);
      case '[':
        return array(node, depth);
      case '"':
        node.kind = TreeNode::Kind::kString;
        return string(node.text);
      default:
        return word(node);
    }
  }

  bool object(TreeNode& node, std::size_t depth) {
    node.kind = TreeNode::Kind::kObject;
    ++at_;
    if (take('}')) return true;
    do {
      space();
      auto& [key, child] = node.members.emplace_back();
      if (!string(key)) return false;
      if (!take(':')) return fail("unreadable parse tree");
      if (!value(child, depth + 1)) return false;
    } while (take(','));
    return take('}') || fail("unreadable parse tree");
  }

  bool array(TreeNode& node, std::size_t depth) {
    node.kind = TreeNode::Kind::kArray;
    ++at_;
    if (take(']')) return true;
    do {
      if (!value(node.items.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']') || fail("unreadable parse tree");
  }

  bool word(TreeNode& node) {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view{",]} \n\t\r"}.find(text_[at_]) == std::string_view::npos)
      ++at_;
    node.text = text_.substr(begin, at_ - begin);
    if (node.text == "null") {
      node.kind = TreeNode::Kind::kNull;
    } else if (node.text == "true" || node.text == "false") {
      node.kind = TreeNode::Kind::kBool;
    } else if (!node.text.empty() &&
               node.text.find_first_not_of("+-0123456789.eE") == std::string::npos) {
      node.kind = TreeNode::Kind::kNumber;
    } else {
      return fail("unreadable parse tree");
    }
    return true;
  }

  bool string(std::string& out) {
    if (at_ == text_.size() || text_[at_] != '"') return fail("unreadable parse tree");
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c != '\\') {
        out.push_back(c);
      } else if (!escape(out)) {
        return false;
      }
    }
    return fail("unreadable parse tree");
  }

  bool escape(std::string& out) {
    if (at_ == text_.size()) return fail("unreadable parse tree");
    const char c = text_[at_++];
    constexpr std::string_view kNames = "bfnrt";
    constexpr std::string_view kValues = "\b\f\n\r\t";
    if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
      out.push_back(kValues[i]);
      return true;
    }
    if (c != 'u') {
      out.push_back(c);  // quote, backslash, slash
      return true;
    }
    std::uint32_t code = 0;
    if (!hex(code)) return false;
    if (code >= 0x80U) return fail("unreadable parse tree");  // written as UTF-8, never escaped
    out.push_back(static_cast<char>(code));
    return true;
  }

  bool hex(std::uint32_t& code) {
    for (int i = 0; i < 4; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char c = at_ < text_.size() ? text_[at_++] : '\0';
      const std::size_t digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (c == '\0' || digit == std::string_view::npos) return fail("unreadable parse tree");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_{0};
  std::string problem_{};
};

/// Whether a keyword stands for a value; VALUES lists are full of them.
bool is_constant(std::string_view keyword) noexcept {
  constexpr std::array<std::string_view, 4> kConstants{"null", "true", "false", "default"};
  return std::any_of(kConstants.begin(), kConstants.end(), [keyword](std::string_view constant) {
    return std::equal(keyword.begin(), keyword.end(), constant.begin(), constant.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  });
}

/// Why the text must not reach the parser, or empty.
std::string refused(std::string_view sql) {
  if (sql.size() > kMaxBytes) return fmt::format("longer than {} bytes, not analysed", kMaxBytes);
  const std::optional<std::vector<Token>> tokens = tokenize(sql);
  if (!tokens) return "the scanner does not understand it";
  std::size_t open = 0;
  std::size_t deepest = 0;
  std::size_t nesting = 0;
  for (const Token& token : *tokens) {
    if (token.text == "(" || token.text == "[") {
      deepest = std::max(deepest, ++open);
    } else if (token.text == ")" || token.text == "]") {
      if (open > 0) --open;
    } else if (token.kind == Token::Kind::kKeyword) {
      if (!is_constant(token.text)) ++nesting;
    } else if (token.kind == Token::Kind::kOther && token.text != "," && token.text != ".") {
      ++nesting;
    }
  }
  if (deepest > kMaxBrackets || nesting > kMaxNesting) return "nested too deeply, not analysed";
  return {};
}

}  // namespace

const TreeNode* TreeNode::find(std::string_view key) const noexcept {
  for (const auto& [name, node] : members) {
    if (name == key) return &node;
  }
  return nullptr;
}

std::string_view TreeNode::text_of(std::string_view key) const noexcept {
  const TreeNode* node = find(key);
  return node == nullptr ? std::string_view{} : std::string_view{node->text};
}

bool TreeNode::wrapped() const noexcept {
  return kind == Kind::kObject && members.size() == 1 && !members.front().key.empty() &&
         members.front().key.front() >= 'A' && members.front().key.front() <= 'Z' &&
         members.front().value.kind == Kind::kObject;
}

SqlTree read_json(std::string_view json) {
  SqlTree tree;
  tree.problem = JsonReader{json}.run(tree.root);
  return tree;
}

SqlTree parse_sql(std::string_view sql) {
  SqlTree tree;
  tree.problem = refused(sql);
  if (!tree.problem.empty()) return tree;
  const std::string text{sql};
  const ParserLock lock{parser_mutex()};
  const PgQueryParseResult result = pg_query_parse(text.c_str());
  struct Free {
    PgQueryParseResult parsed;
    ~Free() { pg_query_free_parse_result(parsed); }
  };
  const Free free{result};
  if (result.error != nullptr) {
    tree.problem =
        fmt::format("the parser of PostgreSQL {} does not understand it, at character {}",
                    PG_MAJORVERSION, result.error->cursorpos);
    return tree;
  }
  return read_json(result.parse_tree);
}

}  // namespace weir::postgres
