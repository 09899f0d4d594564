#include "src/sql/key_builder.hpp"

#include <cstring>

#include "src/base/hash.hpp"

namespace weir::detail {

KeyBuilder::BuiltKey KeyBuilder::build(std::uint64_t statement_id, std::uint64_t session_id,
                                       const Params& params) {
  const std::string_view tail = params.encoded();
  const std::size_t size = kPrefix + tail.size();
  char* bytes = inline_.data();
  if (size > inline_.size()) {
    if (size > heap_size_) {
      heap_.reset(new char[size]);
      heap_size_ = size;
    }
    bytes = heap_.get();
  }
  std::memcpy(bytes, &session_id, sizeof session_id);
  std::memcpy(bytes + sizeof session_id, &statement_id, sizeof statement_id);
  if (!tail.empty()) std::memcpy(bytes + kPrefix, tail.data(), tail.size());
  const std::string_view key{bytes, size};
  return {key, hash64(key)};
}

}  // namespace weir::detail
