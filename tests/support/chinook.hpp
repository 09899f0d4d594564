#pragma once

#include <string>
#include <vector>

#include "tests/support/real_database.hpp"

namespace weir::test {

/// The music shop is written once, with PostgreSQL's names (`invoice_line`); Chinook's SQLite
/// edition calls the same `InvoiceLine`.
[[nodiscard]] std::string chinook_sql(Engine engine, const std::string& sql);

/// The script that makes and fills the music shop: Chinook's own when it is there (in
/// $WEIR_TEST_DATA or, when that is unset, in the folder `shared/data` beside the repository), else
/// a generated smaller one of the same shape.
[[nodiscard]] std::string chinook_script(Engine engine);

/// One query of the shop.
struct ChinookQuery {
  std::string name;
  std::string sql;
  std::vector<int> parameters{};
};

/// What a music shop asks: both engines' queries, then those only this one can run.
[[nodiscard]] std::vector<ChinookQuery> chinook_queries(Engine engine);

/// Views the queries read; made before tables are tracked.
[[nodiscard]] std::string chinook_views(Engine engine);

}  // namespace weir::test
