#pragma once

#include <libpq-fe.h>

#include <optional>
#include <string>
#include <string_view>

#include "weir/error.hpp"

namespace weir::postgres {

/// What the server said about a failed statement, taken apart.
struct ServerError {
  std::string sqlstate{};
  std::string severity{};  ///< "ERROR", "FATAL", "PANIC", never translated.
  std::string message{};   ///< The primary message: no DETAIL, which holds row data.
  std::string constraint{};
  std::string function{};  ///< The server's own function that raised it.
  std::optional<std::size_t> position{};
};

/// The class a SQLSTATE belongs to.
[[nodiscard]] ErrorCode error_code(std::string_view sqlstate) noexcept;

/// The parts of a failed result.
[[nodiscard]] ServerError server_error(const PGresult* result);

/// Throws `error` as `Error`, `ConnectionError` or `ConstraintError`. Values the server quotes in
/// data exceptions (class 22) are left out of the message.
[[noreturn]] void throw_server_error(const ServerError& error, std::string_view operation);

/// `text` without the line feed libpq ends its messages with.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

}  // namespace weir::postgres
