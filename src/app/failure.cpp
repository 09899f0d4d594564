#include "src/app/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "src/app/table.hpp"

namespace weir::app {
namespace {

/// What to do next, where the message does not say it itself.
std::string_view advice(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kConnection:
      return error.backend() == "sqlite"
                 ? "check the path given with --database, and its rights"
                 : "check that the server runs, and host, port, user and password in --database";
    case ErrorCode::kTimeout:
      return "--timeout gives it more time";
    case ErrorCode::kPermission:
      return "run it as a role that may, or ask for the right";
    case ErrorCode::kInternal:
      return "this is a defect of weir; please report it";
    default:
      return {};
  }
}

/// The statement's characters, each a piece of UTF-8.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  while (!text.empty()) {
    std::size_t length = 1;
    while (length < text.size() && continues(text[length])) ++length;
    all.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return all;
}

}  // namespace

int exit_code(ErrorCode code) noexcept {
  return code == ErrorCode::kConfig || code == ErrorCode::kUsage ? kUsage : kProblem;
}

std::string describe(const Error& error, std::string_view sql) {
  std::string text = "weir: ";
  // libpq's messages have several lines.
  for (std::string_view rest = error.what(); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty() || line.starts_with("Is the server running")) continue;  // advice() says it
    if (text.back() != ' ') text += "; ";
    text += printable(line);
  }
  if (const std::string_view next = advice(error); !next.empty()) text += fmt::format("; {}", next);
  text += '\n';
  if (error.position() && !sql.empty()) text += point_at(sql, *error.position());
  return text;
}

std::string point_at(std::string_view sql, std::size_t position) {
  constexpr std::size_t kWidth = 76;
  const std::vector<std::string_view> all = characters(sql);
  const std::size_t at = std::min(position == 0 ? 0 : position - 1, all.size());
  std::size_t first = at;
  while (first > 0 && all[first - 1] != "\n") --first;
  std::size_t last = at;
  while (last < all.size() && all[last] != "\n") ++last;
  // Around the place, when the line is longer than a terminal's.
  if (at - first > kWidth / 2) first = std::max(first, at - kWidth / 2);
  last = std::min(last, first + kWidth);
  std::string line = "  ";
  std::string caret = "  ";
  for (std::size_t i = first; i < last; ++i) {
    const bool control = all[i].size() == 1 && static_cast<unsigned char>(all[i].front()) < 0x20;
    line += control ? " " : printable(all[i]);
  }
  caret.append(at - first, ' ');
  return fmt::format("{}\n{}^\n", line, caret);
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw Error(ErrorCode::kRefused,
                fmt::format("the output cannot be written: {}", std::strerror(errno)));
  }
}

void complain(std::string_view text) noexcept {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace weir::app
