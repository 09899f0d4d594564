#include "src/app/parameters.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "weir/error.hpp"

namespace weir::app {
namespace {

template <typename T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<std::vector<std::byte>> bytes_of(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> bytes;
  for (; !digits.empty(); digits.remove_prefix(2)) {
    std::uint8_t byte = 0;
    const auto [stop, fault] = std::from_chars(digits.data(), digits.data() + 2, byte, 16);
    if (fault != std::errc{} || stop != digits.data() + 2) return std::nullopt;
    bytes.push_back(std::byte{byte});
  }
  return bytes;
}

[[noreturn]] void refuse(std::size_t number, std::string_view what) {
  throw Error(ErrorCode::kUsage, fmt::format("query: parameter {} {}", number, what));
}

void add_plain(Params& params, std::string_view word) {
  const auto integer = number_of<std::int64_t>(word);
  if (integer && fmt::to_string(*integer) == word) {
    params.add(*integer);
    return;
  }
  const auto real = number_of<double>(word);
  if (real && std::isfinite(*real) && fmt::to_string(*real) == word) {
    params.add(*real);
    return;
  }
  params.add(word);
}

void add(Params& params, std::string_view word, std::size_t number) {
  const std::size_t colon = word.find(':');
  const std::string_view type = colon == std::string_view::npos ? "" : word.substr(0, colon);
  const std::string_view value = colon == std::string_view::npos ? word : word.substr(colon + 1);
  if (type == "int") {
    const auto integer = number_of<std::int64_t>(value);
    if (!integer) refuse(number, "is no integer of 64 bits, as int: wants");
    params.add(*integer);
  } else if (type == "double") {
    const auto real = number_of<double>(value);
    if (!real) refuse(number, "is no number, as double: wants");
    params.add(*real);
  } else if (type == "bool") {
    if (value != "true" && value != "false")
      refuse(number, "is neither true nor false, as bool: wants");
    params.add(value == "true");
  } else if (type == "bytes") {
    const auto bytes = bytes_of(value);
    if (!bytes) refuse(number, "is no even number of hexadecimal digits, as bytes: wants");
    params.add(*bytes);
  } else if (type == "null") {
    if (!value.empty()) refuse(number, "has something behind null:, which stands alone");
    params.add(nullptr);
  } else if (type == "text") {
    params.add(value);
  } else {
    add_plain(params, word);
  }
}

}  // namespace

Params parse_parameters(const std::vector<std::string>& words) {
  Params params;
  for (std::size_t i = 0; i < words.size(); ++i) add(params, words[i], i + 1);
  return params;
}

}  // namespace weir::app
