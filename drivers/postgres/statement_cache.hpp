#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::postgres {

/// The statements prepared on one connection, by text and declared parameter types; the least
/// recently used go first. Keeps names and what is known about the texts; talks to no server.
///
/// Thread safety: distinct objects safe; shared object unsafe.
class StatementCache {
 public:
  struct Entry {
    std::string key{};
    std::string name{};
    std::size_t parameters{};    ///< How many it takes.
    bool known_read{false};      ///< Proven a read that leaves the session alone, as of:
    std::uint64_t generation{};  ///< of the catalog,
    std::uint64_t session{};     ///< and of the session.
    // Its plan may hold constants folded under the settings of when it ran. `epoch` is when it ran
    // last; `unverified`: nobody has asked since whether the settings were right then; `tainted`:
    // nobody ever will.
    std::uint64_t epoch{};
    bool unverified{false};
    bool tainted{false};
  };

  /// At most `capacity` statements; 0 keeps none.
  explicit StatementCache(std::size_t capacity) : capacity_{capacity} {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }
  /// The entry, now the most recently used, or null. Lifetime: until it is evicted or retired.
  [[nodiscard]] Entry* find(std::string_view key);
  /// A new entry with a name never used before on this connection; what no longer fits is evicted
  /// and waits in `take_evicted`. REQUIRES: capacity > 0, `key` is absent.
  Entry& insert(std::string_view key);
  /// Takes the entry out; its name goes where evicted ones go. Does nothing when it is absent.
  void retire(std::string_view key);
  template <typename F>
  void for_each(F&& f) {
    for (Entry& entry : entries_) f(entry);
  }
  /// The names of evicted statements, which the server may still hold; forgets them.
  [[nodiscard]] std::vector<std::string> take_evicted() noexcept;

 private:
  std::size_t capacity_;
  std::uint64_t next_{1};
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  std::vector<std::string> evicted_;
};

}  // namespace weir::postgres
