// A result's bytes as they come from outside: refused, or safe to read to the last byte.
#include "src/base/result_room.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/result_walk.hpp"
#include "weir/result.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view bytes = fuzz::text_of(data, size);
  const detail::CheckedResult checked = detail::copy_result(bytes, Bytes::kibi(64));
  fuzz::require(static_cast<bool>(checked.rows) == checked.fault.empty(), "rows or a fault");
  if (!checked.rows) return 0;
  fuzz::require(bytes == std::string_view{checked.rows->data(), checked.rows->size()}, "a copy");
  fuzz::walk(*checked.rows);
  if (checked.rows->rows() < 1000) static_cast<void>(Result{checked.rows, Provenance{}}.json());
  return 0;
}
