#include "weir/params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "weir/error.hpp"

namespace weir {
namespace {

template <typename T>
T take_raw(std::string_view& encoded) noexcept {
  T value{};
  std::memcpy(&value, encoded.data(), sizeof value);
  encoded.remove_prefix(sizeof value);
  return value;
}

std::string_view take_bytes(std::string_view& encoded) noexcept {
  const auto size = take_raw<std::uint32_t>(encoded);
  const std::string_view bytes = encoded.substr(0, size);
  encoded.remove_prefix(size);
  return bytes;
}

}  // namespace

ParamView ParamView::take(std::string_view& encoded) noexcept {
  ParamView view;
  view.type_ = static_cast<ParamType>(encoded.front());
  encoded.remove_prefix(1);
  switch (view.type_) {
    case ParamType::kNull:
      break;
    case ParamType::kBool:
    case ParamType::kInt64:
    case ParamType::kDouble:
    case ParamType::kTimestamp:
    case ParamType::kDate:
      view.word_ = take_raw<std::uint64_t>(encoded);
      break;
    case ParamType::kText:
    case ParamType::kBytes:
      view.text_ = take_bytes(encoded);
      break;
    case ParamType::kArray:
      view.element_ = static_cast<ParamType>(encoded.front());
      encoded.remove_prefix(1);
      view.word_ = take_raw<std::uint32_t>(encoded);
      view.text_ = take_bytes(encoded);
      break;
  }
  return view;
}

Params::Params(const Params& other) : count_{other.count_} {
  std::copy_n(other.data(), other.length_, extend(other.length_));
}

Params::Params(Params&& other) noexcept { *this = std::move(other); }

Params& Params::operator=(const Params& other) {
  if (this != &other) *this = Params{other};
  return *this;
}

Params& Params::operator=(Params&& other) noexcept {
  if (this == &other) return *this;
  if (!other.heap_) std::copy_n(other.inline_.data(), other.length_, inline_.data());
  heap_ = std::move(other.heap_);
  length_ = std::exchange(other.length_, 0);
  capacity_ = std::exchange(other.capacity_, kInline);
  count_ = std::exchange(other.count_, 0);
  return *this;
}

void Params::grow(std::size_t more) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (more > kMost - length_) {
    throw Error{ErrorCode::kUsage,
                fmt::format("parameters: {} bytes after parameter {}, at most {} in all", more,
                            count_, kMost)};
  }
  const std::size_t capacity =
      std::min(kMost, std::max(length_ + more, std::size_t{capacity_} * 2));
  auto bigger = std::make_unique_for_overwrite<char[]>(capacity);
  std::copy_n(data(), length_, bigger.get());
  heap_ = std::move(bigger);
  capacity_ = static_cast<std::uint32_t>(capacity);
}

void Params::put_sized(ParamType type, std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) grow(bytes.size());  // throws
  const auto size = static_cast<std::uint32_t>(bytes.size());
  char* const out = extend(1 + sizeof size + bytes.size());
  *out = static_cast<char>(type);
  std::memcpy(out + 1, &size, sizeof size);
  std::copy_n(bytes.data(), bytes.size(), out + 1 + sizeof size);
}

void Params::put_array(ParamType element, std::size_t count, const Params& elements) {
  // An element takes a byte at least, so the count fits where the length does.
  const auto size = static_cast<std::uint32_t>(count);
  char* out = extend(2 + sizeof size + sizeof elements.length_ + elements.length_);
  *out++ = static_cast<char>(ParamType::kArray);
  *out++ = static_cast<char>(element);
  std::memcpy(out, &size, sizeof size);
  std::memcpy(out + sizeof size, &elements.length_, sizeof elements.length_);
  std::copy_n(elements.data(), elements.length_, out + sizeof size + sizeof elements.length_);
}

void Params::too_many() {
  throw Error{ErrorCode::kUsage, fmt::format("parameters: more than {}", kMaxCount)};
}

void Params::too_large() {
  throw Error{
      ErrorCode::kUsage,
      fmt::format("parameters: an unsigned integer is over {}, the largest int64", INT64_MAX)};
}

void Params::no_such_date() {
  throw Error{ErrorCode::kUsage,
              "parameters: a std::chrono::year_month_day is not a date (ok() is false)"};
}

void Params::time_out_of_range() {
  throw Error{
      ErrorCode::kUsage,
      "parameters: a time is not within 64 bits of microseconds (about 292,000 years) of 1970"};
}

}  // namespace weir
