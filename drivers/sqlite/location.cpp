#include "drivers/sqlite/location.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "drivers/sqlite/scan.hpp"
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

Location Location::existing() const {
  Location same = *this;
  same.create = false;
  return same;
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
    if (!is_plain_name(schema) || equal_ignoring_case(schema, "main") ||
        equal_ignoring_case(schema, "temp")) {
      throw Error{
          ErrorCode::kConfig,
          fmt::format(
              "sqlite.attach: '{}' cannot name an attached database; wanted letters, digits and _, "
              "not starting with a digit, not main or temp",
              schema)};
    }
    for (const auto& [earlier, path_of_earlier] : location.attach) {
      if (!equal_ignoring_case(earlier, schema)) continue;
      throw Error{ErrorCode::kConfig,
                  fmt::format("sqlite.attach: '{}' and '{}' are one name to SQLite, which does not "
                              "tell capitals from small letters; name each database differently",
                              earlier, schema)};
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

FileIdentity::FileIdentity(const Location& location) {
  for (const std::string& schema : location.shared_schemas()) {
    const std::string& path = location.file_of(schema);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      throw ConnectionError{
          fmt::format("the database file {} cannot be found: {}", path, std::strerror(errno)),
          ErrorDetails{.sqlstate = "SQLITE_CANTOPEN",
                       .backend = "sqlite",
                       .retryable = true,
                       .connection_usable = false}};
    }
    files_.push_back({path, status.st_dev, status.st_ino});
  }
}

const std::string* FileIdentity::first_moved() const noexcept {
  for (const File& file : files_) {
    struct stat status {};
    const bool there = ::stat(file.path.c_str(), &status) == 0 && status.st_dev == file.device &&
                       status.st_ino == file.inode;
    if (!there) return &file.path;
  }
  return nullptr;
}

std::optional<FileIdentity> files_to_open(const Location& location, bool seen_before) {
  try {
    return FileIdentity{location};
  } catch (const ConnectionError&) {
    if (seen_before) throw;
    return std::nullopt;  // opening creates it, or says why not
  }
}

std::string FileIdentity::text() const {
  std::string text;
  for (const File& file : files_) text += fmt::format("{:x}.{:x}-", file.device, file.inode);
  return text;
}

}  // namespace weir::sqlite
