// The address of a Redis, alone, or in five lines what stands before, in and after a user and
// password.
#include <algorithm>
#include <string>

#include "drivers/redis/location.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/error.hpp"

namespace {

using weir::fuzz::require;

constexpr std::string_view kSecret = "Sesame1234";

void parse_once(const std::string& url) {
  using namespace weir;
  const auto hides_the_secret = [](std::string_view text) {
    return text.find(kSecret) == std::string_view::npos;
  };
  try {
    const redis::Location location = redis::parse_location({.url = url});
    require(!location.endpoints.empty(), "an address names at least one server");
    for (const redis::Endpoint& endpoint : location.endpoints)
      require(!redis::to_string(endpoint).empty(), "a server has a name");
    require(hides_the_secret(location.display_name), "the name shows no password");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kConfig, "a bad address is kConfig");
    require(hides_the_secret(error.what()), "no message shows a password");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = weir::fuzz::text_of(data, size);
  if (text.find(kSecret) != std::string_view::npos) return 0;
  const auto line = [&text] {
    const std::string_view found = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), found.size() + 1));
    return std::string{found};
  };
  const std::string scheme = line();
  static_cast<void>(weir::redis::parse_endpoint(scheme, std::uint16_t{6379}));
  if (text.empty()) {
    parse_once(scheme);
    return 0;
  }
  std::string url = scheme + line() + ':' + line();
  url += kSecret;
  url += line() + '@' + line();
  parse_once(url);
  return 0;
}
