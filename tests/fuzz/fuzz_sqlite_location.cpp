// What names an SQLite database: the DSN, then an attached schema and its file, one a line.
#include <string>

#include "drivers/sqlite/location.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/error.hpp"
#include "weir/options.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  std::string_view text = fuzz::text_of(data, size);
  const auto line = [&text] {
    const std::string_view found = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), found.size() + 1));
    return std::string{found};
  };
  Options options;
  options.database = line();
  const std::string schema = line();
  if (!schema.empty()) options.sqlite.attach[schema] = line();
  try {
    const sqlite::Location location = sqlite::Location::from(options);
    require(location.in_memory() || location.path.front() == '/', "a path is absolute");
    require(location.display_name().starts_with("sqlite:"), "its name says what it is");
    for (const std::string& shared : location.shared_schemas())
      require(location.file_of(shared).front() == '/', "an attached path is absolute");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kConfig, "a bad location is kConfig");
  }
  return 0;
}
