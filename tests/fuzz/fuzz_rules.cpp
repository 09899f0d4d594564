// A rules file.
#include "src/engine/rules.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "weir/error.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  try {
    const detail::Rules rules = detail::Rules::parse(fuzz::text_of(data, size), "rules.toml");
    const detail::RuleSubject subject{.sql = "select a from b where c = $1",
                                      .name = "top-sellers",
                                      .tags = {"front-page", "user:42"},
                                      .tables = {"public.orders", "s.t"}};
    static_cast<void>(rules.policy_for(subject));
  } catch (const Error& error) {
    fuzz::require(error.code() == ErrorCode::kConfig, "a rules file's fault is kConfig");
    fuzz::require(std::string_view{error.what()}.find("rules.toml") != std::string_view::npos,
                  "a fault names the file");
  }
  return 0;
}
