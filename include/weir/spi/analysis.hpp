#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::spi {

/// What a statement's text is, found without asking the server.
struct Scan {
  /// The text for the cache key: texts with equal normal forms have equal answers, column names
  /// included. Never executed. When the text cannot be scanned this is the text itself.
  std::string normalized{};
  std::vector<std::string>
      hints{};  ///< The bodies of `/* weir: … */` comments, in order, without the prefix.
};

enum class StatementKind : std::uint8_t {
  kRead,  ///< One SELECT (or VALUES, TABLE, WITH … SELECT) that writes nothing as far as the text
          ///< tells.
  kWrite,  ///< Anything that writes or may write: DML, CALL, DO, a modifying CTE, SELECT INTO, FOR
           ///< UPDATE.
  kSchemaChange,        ///< DDL.
  kSessionChange,       ///< SET, RESET, DISCARD, SET ROLE, ATTACH, a PRAGMA that sets: refused, see
                        ///< `refusal`.
  kTransactionControl,  ///< BEGIN, COMMIT, SAVEPOINT …: refused outside `Transaction`, see
                        ///< `refusal`.
  kMultiple,            ///< More than one statement in the string: refused, see `refusal`.
  kOther,               ///< Not understood (it may still be valid): passed through, never cached.
};

enum class Cacheability : std::uint8_t {
  kProvable,  ///< Everything it reads is known and tracked.
  kTtlOnly,   ///< Cached only where the caller annotates a TTL: untracked tables, now(), functions
              ///< with unknown bodies.
  kNever,  ///< Not even then: writes, locks, sequences, temporary tables, what only this connection
           ///< can see.
};

/// A relation a statement reads or writes, as shown to people.
struct RelationUse {
  std::string id{};    ///< The driver's stable name for it within an incarnation; see
                       ///< `ChangeKind::kRelation`.
  std::string name{};  ///< `schema.name`.
  /// Whether a result that reads it is known to be stale after any write to it. On SQLite that is
  /// every ordinary table; see `note`.
  bool tracked{false};
  /// What `tracked` alone would overstate, in the words `explain` shows: that writes to other
  /// tables count as writes to this one, say. Empty when nothing.
  std::string note{};
  /// Why any write to it counts, not only one to the rows that `Analysis::keys` tells of; empty
  /// when those are what counts, and for what is not tracked.
  std::string whole{};
};

/// One value of a keyed reference.
struct KeyValue {
  /// The number of a parameter, from 1; 0: the value is `literal`.
  std::size_t parameter{0};
  bool each_element{false};  ///< The parameter is an array, and each of its elements is a value.
  std::string literal{};  ///< In the canonical form of `Change::rows`; of no use with a parameter.
  std::string shown{};    ///< The literal for people, where it differs.
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

/// A reference to a relation that only rows with one of some values in one column can matter to:
/// a write none of whose old and new rows has one of them cannot change the result through it.
struct KeyedReference {
  std::string relation{};       ///< One of `Analysis::dependencies`.
  std::string column{};         ///< As `Change::rows` names it.
  std::string type{};           ///< What `Driver::key_value` needs to know of the column.
  std::string relation_name{};  ///< `schema.name`, for people.
  std::string column_name{};    ///< For people.
  /// None: no row can matter (`id = NULL`).
  std::vector<KeyValue> values{};
};

/// What a statement reads, found with the catalog. True until the next `ChangeKind::kEverything`.
struct Analysis {
  StatementKind kind{StatementKind::kOther};
  Cacheability cacheability{Cacheability::kNever};
  std::vector<std::string> reasons{};  ///< Why it is not `kProvable`, in the words `explain` shows.
  std::vector<RelationUse> relations{};  ///< Every relation read, views' own relations included.
  std::vector<RelationUse> writes{};     ///< Every relation known to be written.
  /// The relation ids whose changes can change the result: the tracked ones of `relations` with
  /// their partition and inheritance families.
  std::vector<std::string> dependencies{};
  /// One for each reference to a relation all of whose references are keyed. Of a dependency that
  /// is named here, only changes to those rows, and those that do not tell rows, count.
  std::vector<KeyedReference> keys{};
  std::size_t parameters{0};  ///< How many parameters the statement takes.
  bool needs_declared_session{
      false};  ///< Reads row-security tables: cached only under a declared session.
  /// `kTtlOnly`, and only because of functions whose bodies are unknown: a policy's `depends_on`
  /// makes it provable.
  bool opaque_only{false};
  bool may_change_session{
      false};  ///< Calls something that could change settings (set_config, unknown functions).
  std::string refusal{};  ///< For refused kinds: what was refused and the declared way to do it.
};

}  // namespace weir::spi
