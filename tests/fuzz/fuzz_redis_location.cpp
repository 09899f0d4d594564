// The address of a Redis; user and password of the options, one a line, behind it.
#include <algorithm>
#include <string>

#include "drivers/redis/location.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/error.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  std::string_view text = fuzz::text_of(data, size);
  const auto line = [&text] {
    const std::string_view found = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), found.size() + 1));
    return std::string{found};
  };
  RedisOptions options;
  options.url = line();
  options.user = line();
  options.password = line();
  try {
    const redis::Location location = redis::parse_location(options);
    require(!location.endpoints.empty(), "an address names at least one server");
    for (const redis::Endpoint& endpoint : location.endpoints)
      require(!redis::to_string(endpoint).empty(), "a server has a name");
    const std::string& password = location.credentials.password;
    if (password.size() > 8 && options.url.find(password) == options.url.rfind(password))
      require(location.display_name.find(password) == std::string::npos, "no password is shown");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kConfig, "a bad address is kConfig");
  }
  static_cast<void>(redis::parse_endpoint(options.url, std::uint16_t{6379}));
  return 0;
}
