#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/weir.hpp"

/// The code shown in README.md and docs/guide/, between `// [name]` lines; lint.snippets holds the
/// two together.
namespace snippets {

// Run on SQLite by ctest.
void first_steps(const std::string& dsn);
void policies(const std::string& dsn, const std::string& rules_file);
void testing();
void replacing_sqlite(const std::string& path);

// Compiled and linked only: they need a server.
void sessions(const weir::Database& db);
void functions(const weir::Database& db);
void replicas();
void pooling();
void replacing_postgres(const std::string& dsn);

}  // namespace snippets
