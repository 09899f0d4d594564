// A statement's text as the SQLite driver reads it.
#include <string>

#include "drivers/sqlite/scan.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  const std::string_view sql = fuzz::text_of(data, size);
  if (spi::find_text_fault(sql)) return 0;  // refused before any driver sees it
  std::size_t end = 0;
  sqlite::Tokenizer tokens{sql};
  while (const auto token = tokens.next()) {
    require(token->begin == end && !token->text.empty(), "tokens follow each other");
    end += token->text.size();
  }
  require(end == sql.size(), "tokens are all of the text");
  const spi::Scan scan = sqlite::scan_statement(sql);
  require(sql.find(scan.normalized) != std::string_view::npos, "the normal form is in the text");
  const spi::Scan again = sqlite::scan_statement(scan.normalized);
  require(again.normalized == scan.normalized, "a normal form is its own");
  static_cast<void>(sqlite::first_word(sql));
  if (const auto at = sqlite::find_statement(sql, sql.size() / 2))
    require(*at < sql.size(), "a statement begins inside the text");
  return 0;
}
