// The listener's file. Every variable of the environment holds a secret, which no message may show.
#include <optional>
#include <string>

#include "src/app/listen/config.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/error.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  const std::string secret = "Sesame1234";
  const std::string_view text = fuzz::text_of(data, size);
  if (text.find(secret) != std::string_view::npos) return 0;
  try {
    const app::ListenConfig config = app::ListenConfig::parse(
        text, "weir.toml", [&secret](const std::string& name) -> std::optional<std::string> {
          if (name == "NONE") return std::nullopt;
          return secret;
        });
    require(!config.databases.empty(), "there is a database to listen to");
    require(config.databases.size() <= app::ListenConfig::kMostDatabases, "and not too many");
    static_cast<void>(config.summary());
  } catch (const Error& error) {
    const std::string_view message = error.what();
    require(error.code() == ErrorCode::kConfig, "a bad file is kConfig");
    require(message.find("weir.toml") != std::string_view::npos, "a fault names the file");
    require(message.find(secret) == std::string_view::npos, "no message shows a variable's value");
  }
  return 0;
}
