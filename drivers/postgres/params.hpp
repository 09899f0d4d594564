#pragma once

#include <cstdint>
#include <string>

#include "drivers/postgres/pq.hpp"
#include "weir/params.hpp"

namespace weir::postgres {

/// `params` as PostgreSQL takes them: text whose type the server infers from the statement, bytes
/// in binary as bytea, arrays as array literals, times as ISO 8601 in UTC, doubles in the fewest
/// digits that read back the same. Errors: `kUsage` naming the parameter for NUL bytes, malformed
/// UTF-8 and values outside PostgreSQL's date range. Lifetime: bytes are not copied; `params` must
/// outlive the answer.
[[nodiscard]] PqParams encode(const Params& params);

/// Which parameters are bytes, as text: statements prepared with different declared types are
/// different. Empty when none is.
[[nodiscard]] std::string type_signature(const Params& params);

/// `2024-03-05 12:34:56.789012+00`; years before 1 end in " BC".
[[nodiscard]] std::string timestamp_text(std::int64_t microseconds);
/// `2024-03-05`.
[[nodiscard]] std::string date_text(std::int64_t days);
/// Shortest text that reads back as the same double; "NaN", "Infinity", "-Infinity".
[[nodiscard]] std::string double_text(double value);

}  // namespace weir::postgres
