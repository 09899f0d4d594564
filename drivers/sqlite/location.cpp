#include "drivers/sqlite/location.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

constexpr std::string_view kScheme = "sqlite:";
constexpr std::string_view kMemory = ":memory:";

// Absolute, so that neither a later chdir nor SQLite's `file:` URIs change what it means.
std::string absolute_path(const std::string& path, std::string_view field) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    throw Error{ErrorCode::kConfig, fmt::format("{}: '{}' is not a file name", field, path)};
  }
  std::error_code failure;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failure);
  if (failure) {
    throw Error{ErrorCode::kConfig, fmt::format("{}: '{}': {}", field, path, failure.message())};
  }
  return absolute.lexically_normal().string();
}

bool is_plain_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::vector<std::string> Location::shared_schemas() const {
  std::vector<std::string> schemas;
  if (!in_memory()) schemas.emplace_back("main");
  for (const auto& [schema, file] : attach) schemas.push_back(schema);
  return schemas;
}

const std::string& Location::file_of(const std::string& schema) const {
  return schema == "main" ? path : attach.at(schema);
}

std::string Location::display_name() const {
  std::string name = fmt::format("{}{}", kScheme, in_memory() ? kMemory : std::string_view{path});
  for (const auto& [schema, file] : attach) name += fmt::format(" {}={}", schema, file);
  return name;
}

Location Location::from(const Options& options) {
  const std::string& dsn = options.database;
  if (!dsn.starts_with(kScheme)) {
    throw Error{
        ErrorCode::kConfig,
        fmt::format(
            "database: '{}' is not an SQLite database; wanted sqlite:PATH or sqlite::memory:",
            dsn)};
  }
  const std::string path = dsn.substr(kScheme.size());
  if (path.empty()) {
    throw Error{ErrorCode::kConfig,
                "database: 'sqlite:' names no file; wanted sqlite:PATH or sqlite::memory:"};
  }
  if (path.starts_with("//")) {
    throw Error{
        ErrorCode::kConfig,
        fmt::format(
            "database: '{}' has a host part, which SQLite has not; wanted sqlite:PATH, as in "
            "sqlite:/var/lib/app.db",
            dsn)};
  }
  Location location;
  if (path != kMemory) location.path = absolute_path(path, "database");
  for (const auto& [schema, file] : options.sqlite.attach) {
    if (!is_plain_name(schema) || schema == "main" || schema == "temp") {
      throw Error{
          ErrorCode::kConfig,
          fmt::format(
              "sqlite.attach: '{}' cannot name an attached database; wanted letters, digits and _, "
              "not starting with a digit, not main or temp",
              schema)};
    }
    if (file == kMemory) {
      throw Error{
          ErrorCode::kConfig,
          fmt::format(
              "sqlite.attach: '{}' is :memory:, which every connection would have its own of",
              schema)};
    }
    location.attach[schema] = absolute_path(file, "sqlite.attach");
  }
  location.busy_timeout = options.sqlite.busy_timeout;
  location.create = options.sqlite.create;
  location.foreign_keys = options.sqlite.foreign_keys;
  return location;
}

std::string identify_files(const Location& location) {
  std::string identity;
  for (const std::string& schema : location.shared_schemas()) {
    const std::string& file = location.file_of(schema);
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
      throw ConnectionError{
          fmt::format("the database file {} cannot be found: {}", file, std::strerror(errno)),
          ErrorDetails{.sqlstate = "SQLITE_CANTOPEN",
                       .backend = "sqlite",
                       .retryable = true,
                       .connection_usable = false}};
    }
    identity += fmt::format("{:x}.{:x}-", status.st_dev, status.st_ino);
  }
  return identity;
}

}  // namespace weir::sqlite
