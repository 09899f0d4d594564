// A statement's text as the PostgreSQL driver reads it.
#include <string>
#include <vector>

#include "drivers/postgres/scan.hpp"
#include "drivers/postgres/sql_tokens.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/spi/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  const std::string_view sql = fuzz::text_of(data, size);
  if (spi::find_text_fault(sql)) return 0;  // refused before any driver sees it
  const auto tokens = postgres::tokenize(sql);
  const char* end = sql.data();
  for (const postgres::Token& token : tokens ? *tokens : std::vector<postgres::Token>{}) {
    require(!token.text.empty() && token.text.data() >= end, "tokens follow each other");
    end = token.text.data() + token.text.size();
    require(end <= sql.data() + sql.size(), "a token is inside the text");
  }
  const spi::Scan scan = postgres::scan_statement(sql);
  const spi::Scan again = postgres::scan_statement(scan.normalized);
  require(again.normalized == scan.normalized, "a normal form is its own");
  return 0;
}
