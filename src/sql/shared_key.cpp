#include "src/sql/shared_key.hpp"

#include <fmt/format.h>

#include <optional>

#include "src/base/hash.hpp"

namespace weir::detail {
namespace {

/// Of the parts and their order: another one is another key.
constexpr std::string_view kForm = "weir entry 1";

void append(std::string& key, std::string_view part) {
  key += std::to_string(part.size());
  key += ':';
  key += part;
}

void append(std::string& key, const std::optional<std::string>& part) {
  key += part ? '+' : '-';
  if (part) append(key, std::string_view{*part});
}

}  // namespace

SharedKey shared_key(std::string_view name_space, const SharedKeyParts& parts) {
  SharedKey key;
  std::string& bytes = key.bytes;
  bytes += kForm;
  append(bytes, parts.backend);
  append(bytes, parts.incarnation);
  append(bytes, parts.epoch);
  append(bytes, parts.environment);
  append(bytes, parts.session->role);
  append(bytes, parts.session->search_path);
  append(bytes, std::string_view{std::to_string(parts.session->settings.size())});
  for (const auto& [name, value] : parts.session->settings) {
    append(bytes, std::string_view{name});
    append(bytes, std::string_view{value});
  }
  append(bytes, std::string_view{std::to_string(parts.depends_on.size())});
  for (const std::string& table : parts.depends_on) append(bytes, std::string_view{table});
  append(bytes, parts.normalized);
  append(bytes, parts.params->encoded());
  // Braces: in a cluster an entry and its lease are in one slot.
  const Hash128 hash = hash128(bytes);
  key.name = fmt::format("{}:{{{:016x}{:016x}}}", name_space, hash.high, hash.low);
  return key;
}

std::string lease_name(const SharedKey& key) { return key.name + ":lease"; }

}  // namespace weir::detail
