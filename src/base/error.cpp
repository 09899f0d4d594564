#include "weir/error.hpp"

#include <utility>

namespace weir {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kConfig:
      return "config";
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kConnection:
      return "connection";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kPoolExhausted:
      return "pool exhausted";
    case ErrorCode::kSyntax:
      return "syntax";
    case ErrorCode::kUndefinedObject:
      return "undefined object";
    case ErrorCode::kConstraint:
      return "constraint";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kSerialization:
      return "serialization";
    case ErrorCode::kDeadlock:
      return "deadlock";
    case ErrorCode::kMigration:
      return "migration";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kDatabase:
      return "database";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

Error::Error(ErrorCode code, const std::string& message, ErrorDetails details)
    : std::runtime_error{message}, code_{code}, details_{std::move(details)} {}

ConnectionError::ConnectionError(const std::string& message, ErrorDetails details)
    : Error{ErrorCode::kConnection, message, std::move(details)} {}

ConstraintError::ConstraintError(const std::string& message, ErrorDetails details)
    : Error{ErrorCode::kConstraint, message, std::move(details)} {}

}  // namespace weir
