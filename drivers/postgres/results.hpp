#pragma once

#include <libpq-fe.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/postgres/pq.hpp"
#include "weir/spi/result_buffer.hpp"

namespace weir::postgres {

/// The catalog's name of a built-in type (`int4`, `timestamptz`, `int4[]`), or empty. Lifetime: the
/// whole process.
[[nodiscard]] std::string_view builtin_type_name(Oid type) noexcept;

/// The types of the columns `builtin_type_name` does not know, each once.
[[nodiscard]] std::vector<Oid> unknown_types(const Rows& rows);

/// The rows as a flat result. int2, int4, int8 and oid are integers; float4 and float8 reals; bool;
/// text, varchar, bpchar, name and "char" texts; bytea bytes; everything else keeps its exact text.
/// `name_of` is asked for the names of types that are not built in.
/// Errors: `kUsage` when it would pass 4 GiB; `kInternal` when the server's text is not of its
/// type.
[[nodiscard]] spi::ResultRef to_result(const Rows& rows,
                                       const std::function<std::string(Oid)>& name_of);

/// The bytes behind bytea's text, in either output format. Errors: `kInternal` when it is neither.
[[nodiscard]] std::string decode_bytea(std::string_view text);

}  // namespace weir::postgres
