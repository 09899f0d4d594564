// Snapshots and tokens as text, which come from servers, headers and cookies.
#include "tests/fuzz/fuzz.hpp"
#include "weir/error.hpp"
#include "weir/spi/snapshot.hpp"
#include "weir/token.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using fuzz::require;
  const std::string_view text = fuzz::text_of(data, size);
  try {
    const spi::Snapshot snapshot = spi::Snapshot::parse(text);
    require(spi::Snapshot::parse(snapshot.to_string()) == snapshot, "a snapshot keeps its meaning");
    require(snapshot.covers(snapshot), "a snapshot covers itself");
    for (const spi::ChangeId id : snapshot.in_progress)
      require(!snapshot.sees(id), "what is in progress is not seen");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kUsage, "a snapshot's fault is kUsage");
  }
  try {
    const Token token = Token::parse(text);
    require(Token::parse(token.to_string()) == token, "a token keeps its meaning");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kUsage, "a token's fault is kUsage");
  }
  return 0;
}
