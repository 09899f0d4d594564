#pragma once

#include <chrono>
#include <optional>
#include <type_traits>

namespace weir::detail {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <typename T>
struct IsSysTime : std::false_type {};
template <typename D>
struct IsSysTime<std::chrono::sys_time<D>> : std::true_type {};

/// The types that C++ counts as integers and people as characters.
template <typename T>
inline constexpr bool kCharacter =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

/// Integers of up to 64 bits: not bool, not characters, not a compiler's wider ones.
template <typename T>
concept Integer =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && !kCharacter<T> && sizeof(T) <= 8;

}  // namespace weir::detail
