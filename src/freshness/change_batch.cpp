#include "src/freshness/change_batch.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "src/base/hash.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

constexpr std::string_view kForm = "weir1";
constexpr std::string_view kCheck = " check=";
constexpr std::size_t kCheckDigits = 16;
constexpr std::string_view kHex = "0123456789ABCDEF";

struct KindName {
  spi::ChangeKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 3> kKinds{{{spi::ChangeKind::kRelation, "relation:"},
                                          {spi::ChangeKind::kTag, "tag:"},
                                          {spi::ChangeKind::kTagPattern, "pattern:"}}};
constexpr std::string_view kRows = "rows:";
constexpr std::string_view kEverything = "everything";

constexpr bool is_escaped(unsigned char byte) noexcept {
  return byte <= ' ' || byte == '%' || byte == 0x7F;
}

void append_escaped(std::string& text, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_escaped(byte)) {
      text += '%';
      text += kHex[byte >> 4U];
      text += kHex[byte & 15U];
    } else {
      text += c;
    }
  }
}

/// The bytes, or nothing unless the text is just as `append_escaped` writes it.
std::optional<std::string> unescape(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const std::size_t high = kHex.find(text[i + 1]);
      const std::size_t low = kHex.find(text[i + 2]);
      if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
      byte = static_cast<unsigned char>(high << 4U | low);
      if (!is_escaped(byte)) return std::nullopt;
      i += 2;
    } else if (is_escaped(byte)) {
      return std::nullopt;
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::string check_of(std::string_view text) { return fmt::format("{:016x}", hash64(text)); }

void append_change(std::string& text, const spi::Change& change) {
  fmt::format_to(std::back_inserter(text), " {}=", change.id);
  if (change.kind == spi::ChangeKind::kRows) {
    fmt::format_to(std::back_inserter(text), "{}{}:", kRows, change.target.size());
    append_escaped(text, change.target);
    append_escaped(text, change.rows);
    return;
  }
  for (const auto& [kind, name] : kKinds) {
    if (change.kind != kind) continue;
    text += name;
    append_escaped(text, change.target);
    return;
  }
  text += kEverything;
}

std::string head_of(std::string_view incarnation, const spi::Snapshot& from,
                    const spi::Snapshot& to) {
  std::string text{kForm};
  text += " incarnation=";
  append_escaped(text, incarnation);
  fmt::format_to(std::back_inserter(text), " from={} to={}", from.to_string(), to.to_string());
  return text;
}

/// Takes a text apart at its spaces.
class Parser {
 public:
  explicit Parser(std::string_view text) noexcept : text_{text} {}

  [[nodiscard]] bool at_end() const noexcept { return at_ > text_.size(); }
  /// The next word; `at_end()` is then about the one after it.
  std::string_view word() noexcept {
    if (at_end()) return {};
    start_ = at_;
    const std::size_t end = std::min(text_.find(' ', at_), text_.size());
    at_ = end + 1;
    return text_.substr(start_, end - start_);
  }
  /// What is behind `name` in the next word, or a fault.
  std::string_view field(std::string_view name) {
    const std::string_view found = word();
    if (found.starts_with(name)) return found.substr(name.size());
    fail(fmt::format("'{}' expected", name));
    return {};
  }
  spi::Snapshot snapshot(std::string_view name) {
    const std::string_view text = field(name);
    if (failed()) return {};
    try {
      return spi::Snapshot::parse(text);
    } catch (const Error& error) {
      fail(fmt::format("'{}': {}", name, error.what()));
      return {};
    }
  }
  std::string bytes(std::string_view text) {
    std::optional<std::string> bytes = unescape(text);
    if (!bytes) fail("an escape or a byte that is not allowed");
    return std::move(bytes).value_or(std::string{});
  }
  spi::Change change() {
    spi::Change change;
    std::string_view text = word();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), change.id);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (error != std::errc{} || change.id == 0 || !text.starts_with('=')) {
      fail("a change, '<id>=<what>', expected");
      return change;
    }
    text.remove_prefix(1);
    if (text == kEverything) return change;
    for (const auto& [kind, name] : kKinds) {
      if (!text.starts_with(name)) continue;
      change.kind = kind;
      change.target = bytes(text.substr(name.size()));
      return change;
    }
    if (text.starts_with(kRows)) {
      text.remove_prefix(kRows.size());
      rows(text, change);
      return change;
    }
    fail("a change to neither 'relation:', 'rows:', 'tag:', 'pattern:' nor 'everything'");
    return change;
  }
  /// `<bytes of the target>:<target><rows>`.
  void rows(std::string_view text, spi::Change& change) {
    std::size_t size = 0;
    if (text.starts_with("0") && !text.starts_with("0:"))
      return fail("a size without leading zeros expected");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (error != std::errc{} || !text.starts_with(':'))
      return fail("the size of a relation's name, '<bytes>:', expected");
    std::string both = bytes(text.substr(1));
    if (failed()) return;
    if (size > both.size()) return fail("a relation's name cut off");
    change.kind = spi::ChangeKind::kRows;
    change.target = both.substr(0, size);
    change.rows = both.substr(size);
  }

  [[nodiscard]] bool failed() const noexcept { return !fault_.empty(); }
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  void fail(std::string_view what) {
    if (!failed())
      fault_ = fmt::format("change batch: {} at byte {} of {}", what, start_, text_.size());
  }

 private:
  std::string_view text_;
  std::size_t at_{0};
  std::size_t start_{0};
  std::string fault_{};
};

ParsedChangeBatch refuse(std::string fault) { return {std::nullopt, std::move(fault)}; }

}  // namespace

std::string encode(const ChangeBatch& batch) {
  std::string text = head_of(batch.incarnation, batch.from, batch.to);
  const std::size_t room = ChangeBatch::kMaxText.value - kCheck.size() - kCheckDigits;
  bool fits = batch.changes.size() <= ChangeBatch::kMaxChanges;
  for (const spi::Change& change : batch.changes) {
    if (!fits) break;
    append_change(text, change);
    fits = text.size() <= room;
  }
  if (!fits) text = head_of(batch.incarnation, batch.to, batch.to);
  const std::string check = check_of(text);
  text += kCheck;
  text += check;
  return text;
}

ParsedChangeBatch parse_change_batch(std::string_view text) {
  if (text.size() > ChangeBatch::kMaxText.value) {
    return refuse(fmt::format("change batch: {} bytes, more than {}", text.size(),
                              ChangeBatch::kMaxText.value));
  }
  if (text.substr(0, text.find(' ')) != kForm)
    return refuse("change batch: not of the form 'weir1'");
  const std::size_t tail = kCheck.size() + kCheckDigits;
  const std::size_t end = text.size() - std::min(text.size(), tail);
  if (text.substr(end, kCheck.size()) != kCheck)
    return refuse("change batch: no 'check=' at its end, it is cut off");
  if (text.substr(end + kCheck.size()) != check_of(text.substr(0, end)))
    return refuse("change batch: 'check=' does not match, it is damaged");

  Parser parser{text.substr(0, end)};
  ChangeBatch batch;
  static_cast<void>(parser.word());  // the form, seen above
  batch.incarnation = parser.bytes(parser.field("incarnation="));
  batch.from = parser.snapshot("from=");
  batch.to = parser.snapshot("to=");
  if (!parser.failed() && !batch.to.covers(batch.from)) parser.fail("'to=' before 'from='");
  while (!parser.failed() && !parser.at_end()) {
    if (batch.changes.size() == ChangeBatch::kMaxChanges)
      parser.fail(fmt::format("more than {} changes", ChangeBatch::kMaxChanges));
    batch.changes.push_back(parser.change());
  }
  if (parser.failed()) return refuse(parser.fault());
  return {std::move(batch), {}};
}

}  // namespace weir::detail
