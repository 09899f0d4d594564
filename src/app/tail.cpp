#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/app/commands.hpp"
#include "src/app/failure.hpp"
#include "src/app/listen/backoff.hpp"
#include "src/app/listen/log.hpp"
#include "src/app/signals.hpp"
#include "src/app/table.hpp"
#include "src/app/target.hpp"
#include "src/base/json.hpp"
#include "weir/clock.hpp"
#include "weir/error.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::app {
namespace {

std::string_view to_string(spi::ChangeKind kind) noexcept {
  switch (kind) {
    case spi::ChangeKind::kRelation:
      return "relation";
    case spi::ChangeKind::kTag:
      return "tag";
    case spi::ChangeKind::kTagPattern:
      return "pattern";
    case spi::ChangeKind::kRows:
      return "rows";
    case spi::ChangeKind::kEverything:
      break;
  }
  return "everything";
}

[[nodiscard]] bool of_relation(const spi::Change& change) noexcept {
  return change.kind == spi::ChangeKind::kRelation || change.kind == spi::ChangeKind::kRows;
}

/// Changes as lines; asks for the names of relations it has not met yet.
class Printer {
 public:
  Printer(spi::Admin& admin, Format format) : admin_{admin}, format_{format} {}

  [[nodiscard]] std::string lines(const spi::Pull& pull) {
    const std::string time = timestamp(std::chrono::system_clock::now());
    std::string text;
    if (!pull.reset.empty()) {
      forget();
      text += line(time, "reset", 0, {}, pull.reset, {});
    }
    learn_names(pull.changes);
    std::vector<spi::Change> in_order = pull.changes;
    std::stable_sort(in_order.begin(), in_order.end(),
                     [](const spi::Change& a, const spi::Change& b) { return a.id < b.id; });
    for (const spi::Change& change : in_order) {
      const auto known = of_relation(change) ? names_.find(change.target) : names_.end();
      text += line(time, to_string(change.kind), change.id, change.target,
                   known == names_.end() ? change.target : known->second, keys_of(change));
    }
    return text;
  }

 private:
  /// Values by column.
  using Keys = std::map<std::string, std::set<std::string>>;

  [[nodiscard]] Keys keys_of(const spi::Change& change) {
    Keys keys;
    if (change.kind != spi::ChangeKind::kRows) return keys;
    if (!columns_.contains(change.target))
      columns_.emplace(change.target, admin_.column_names_of(change.target));
    const auto& columns = columns_.at(change.target);
    std::istringstream items{change.rows};
    for (std::string item; std::getline(items, item, spi::Change::kRowSeparator);) {
      const std::string column = item.substr(0, item.find(':'));
      const auto name = columns.find(column);
      keys[name == columns.end() ? column : name->second].insert(item.substr(column.size() + 1));
    }
    return keys;
  }

  void forget() {
    names_.clear();
    columns_.clear();
  }

  void learn_names(const std::vector<spi::Change>& changes) {
    std::vector<std::string> unknown;
    for (const spi::Change& change : changes) {
      if (change.kind == spi::ChangeKind::kEverything) forget();  // it may have been renamed
    }
    for (const spi::Change& change : changes) {
      if (of_relation(change) && !names_.contains(change.target)) unknown.push_back(change.target);
    }
    if (!unknown.empty()) names_.merge(admin_.names_of(unknown));
  }

  [[nodiscard]] std::string line(std::string_view time, std::string_view kind, spi::ChangeId id,
                                 std::string_view target, std::string_view name,
                                 const Keys& keys) const {
    if (format_ == Format::kText) {
      std::string shown{name};
      for (const auto& [column, values] : keys)
        shown += fmt::format(" {}={}", column, fmt::join(values, ","));
      return fmt::format("{} {:>10} {:<10} {}\n", time, id == 0 ? "-" : fmt::to_string(id), kind,
                         printable(shown));
    }
    std::string text = fmt::format(R"({{"time":"{}","kind":"{}")", time, kind);
    if (id != 0) text += fmt::format(R"(,"transaction":{})", id);
    if (!name.empty()) text += fmt::format(R"(,"name":{})", detail::json_quote(name));
    if (!target.empty() && target != name)
      text += fmt::format(R"(,"id":{})", detail::json_quote(target));
    if (kind == to_string(spi::ChangeKind::kRows)) {
      text += R"(,"keys":{)";
      std::string_view comma;
      for (const auto& [column, values] : keys) {
        text += fmt::format("{}{}:[", std::exchange(comma, ","), detail::json_quote(column));
        std::string_view between;
        for (const std::string& value : values)
          text += fmt::format("{}{}", std::exchange(between, ","), detail::json_quote(value));
        text += ']';
      }
      text += '}';
    }
    return text += "}\n";
  }

  spi::Admin& admin_;
  const Format format_;
  std::map<std::string, std::string> names_;
  std::map<std::string, std::map<std::string, std::string>> columns_;  // by relation
};

/// False when nobody reads any more.
[[nodiscard]] bool write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  if (errno == EPIPE) return false;
  throw Error(ErrorCode::kRefused, "the output cannot be written");
}

[[nodiscard]] bool has_reader() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) <= 0 || (out.revents & POLLERR) == 0;
}

}  // namespace

int run(const TailArguments& arguments) {
  const Options options = options_of(arguments.target);
  const Signals signals;
  const Upkeep upkeep = open_upkeep(arguments.target);
  const auto feed = upkeep.driver->open_feed();
  Printer printer{*upkeep.admin, arguments.format};
  Backoff backoff{std::chrono::seconds{1}, std::chrono::seconds{5}};
  std::string failure;
  bool begun = false;
  while (has_reader()) {
    if (backoff.may_try(system_clock().now())) {
      try {
        const spi::Pull pull =
            feed->pull(spi::Deadline::after(system_clock(), options.pull_timeout));
        if (!write_out(printer.lines(pull))) return kOk;
        if (!begun || backoff.failing())
          complain(
              fmt::format("weir: follows {}; Ctrl-C ends it\n", upkeep.driver->display_name()));
        begun = true;
        backoff.succeeded();
        failure.clear();
      } catch (const Error& error) {
        // What cannot be reached at first will hardly be reached soon; later it may come back.
        const bool passing =
            error.code() == ErrorCode::kConnection || error.code() == ErrorCode::kTimeout;
        if (!begun || !passing) throw;
        if (failure != error.what()) complain(describe(error));
        failure = error.what();
        backoff.failed(system_clock().now());
      }
    }
    const auto signal = signals.wait(arguments.interval);
    if (signal) return kOk;
  }
  return kOk;
}

}  // namespace weir::app
