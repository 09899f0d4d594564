#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/sqlite/handle.hpp"
#include "drivers/sqlite/key_log.hpp"
#include "drivers/sqlite/location.hpp"
#include "weir/spi/change_feed.hpp"

namespace weir::sqlite {

/// `PRAGMA data_version` of each shared schema, as one connection sees it. Those of two connections
/// do not compare.
using Versions = std::vector<std::int64_t>;

/// Reads a connection's data versions, in the order of `Location::shared_schemas`. Prepared once.
///
/// Thread safety: one thread at a time. Lifetime: the handle outlives it.
class VersionReader {
 public:
  VersionReader(Handle& handle, const Location& location) : handle_{handle} { prepare(location); }
  [[nodiscard]] Versions read();
  /// Per schema, whether a write transaction of this connection keeps others from committing: not
  /// in a file this process may only read.
  [[nodiscard]] const std::vector<bool>& lockable() const noexcept { return lockable_; }
  void start(spi::Deadline deadline) noexcept { handle_.start(deadline); }

  /// Before databases are detached, and after they were attached anew.
  void clear() noexcept {
    statements_.clear();
    lockable_.clear();
  }
  void prepare(const Location& location);

 private:
  Handle& handle_;
  std::vector<StatementPtr> statements_{};
  std::vector<bool> lockable_{};
};

/// What one look at the journal tables found.
struct ForeignChanges {
  Versions versions{};  ///< The monitor's, at the moment of the look.
  std::vector<std::pair<spi::ChangeKind, std::string>> changes{};
  std::vector<std::pair<std::string, std::string>> rows{};  ///< Relation, and `Change::rows`.
};

/// The connection that notices the commits of others, and finds out what they changed as far as the
/// file tells.
///
/// Without weir's tables in the file, any commit by others means everything. With them (`weir
/// track`), and the schema unchanged, it means: the tracked tables whose marks say so, every table
/// that is not tracked, and what was invalidated by hand. A mark is a row in weir_dirty, left by
/// the first write since it was last taken away; taking it away moves the table's generation. So a
/// table may have changed since the last look iff its generation moved or its mark is there; and
/// for the marks to tell commits apart, whoever reads them takes them away (when that costs no
/// wait, and no fsync: in WAL mode).
///
/// A table tracked by rows has no mark as long as its triggers can tell which rows were written:
/// they do so in weir_key, whose ids grow in the order of the commits. So its rows that changed
/// since the last look are those told after the last id seen then, if its mark and generation tell
/// nothing; and if rows after that id are gone, it changed as a whole. Whoever looks takes the
/// oldest of them away, when that costs no wait and no fsync.
///
/// Thread safety: one thread at a time.
class Monitor {
 public:
  /// Errors: `ConnectionError`, `kTimeout`, `kMigration` for weir tables newer than this library.
  Monitor(const Location& location, const Clock& clock, spi::Deadline deadline);

  void start(spi::Deadline deadline) noexcept { handle_.start(deadline); }
  /// Errors: `Error`.
  [[nodiscard]] Versions versions();
  /// What commits by others since `known` may have changed. Errors: `Error`; then nothing was
  /// learned.
  [[nodiscard]] ForeignChanges look(const Versions& known);
  /// The keys told after `from` up to `to` are known already: this process told them.
  void know_keys(std::int64_t from, std::int64_t to) noexcept {
    if (keys_seen_ >= from && keys_seen_ < to) keys_seen_ = to;
  }

 private:
  struct Marks {
    std::map<std::string, std::int64_t> generations{};
    std::set<std::string> dirty{};
  };

  void load_schema();
  [[nodiscard]] std::int64_t schema_version();
  [[nodiscard]] Marks read_marks();
  [[nodiscard]] std::int64_t last_invalidation();
  void collect_tables(ForeignChanges& found, const Marks& now, const ToldKeys& told) const;
  /// Returns the last one.
  [[nodiscard]] std::int64_t collect_invalidations(ForeignChanges& found);
  [[nodiscard]] bool take_away(bool marks, bool keys) noexcept;

  const Location location_;
  Handle handle_;
  VersionReader reader_;
  bool wal_{false};
  std::optional<std::int64_t> schema_version_{};  // of which all below is known
  bool tracking_{false};                          // at least one table of main is tracked
  std::set<std::string> tracked_{};               // names in main
  std::set<std::string> by_rows_{};               // those of tracked_ whose rows are told
  std::vector<std::string> untracked_{};          // names in main
  Marks marks_{};                                 // as of the last look
  std::int64_t invalidation_{0};                  // the last one seen
  std::int64_t keys_seen_{0};                     // the last row of weir_key seen
};

}  // namespace weir::sqlite
