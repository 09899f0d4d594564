#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/clock.hpp"
#include "weir/error.hpp"
#include "weir/spi/remote_store.hpp"

namespace weir::test {

/// A remote store in memory, whose time is a `Clock`'s and which can be made to fail, to forget, to
/// bring back what was overwritten, and to spoil bytes. Several engines may share one; each
/// owns a `SharedRemoteStore` of it.
///
/// Thread safety: shared object safe.
class FakeRemoteStore final : public spi::RemoteStore {
 public:
  explicit FakeRemoteStore(const Clock& clock, Bytes max_value = Bytes::mebi(4))
      : clock_{&clock}, max_value_{max_value} {}

  [[nodiscard]] std::string_view display_name() const noexcept override { return "fake"; }

  [[nodiscard]] std::optional<spi::RemoteValue> get(std::string_view key,
                                                    spi::Deadline /*deadline*/) override {
    enter("get");
    const std::lock_guard lock{mutex_};
    Value* const value = find_live(key);
    if (value == nullptr || Bytes{value->bytes.size()} > max_value_) return std::nullopt;
    const auto remaining =
        std::chrono::floor<std::chrono::milliseconds>(value->dies_at - clock_->now());
    if (remaining <= std::chrono::milliseconds{0}) return std::nullopt;
    return spi::RemoteValue{.bytes = value->bytes, .remaining = remaining};
  }

  void put(std::string_view key, std::string_view value, std::chrono::milliseconds lifetime,
           spi::Deadline /*deadline*/) override {
    enter("put");
    const std::lock_guard lock{mutex_};
    store(key, value, lifetime);
  }

  [[nodiscard]] bool add(std::string_view key, std::string_view value,
                         std::chrono::milliseconds lifetime, spi::Deadline /*deadline*/) override {
    enter("add");
    const std::lock_guard lock{mutex_};
    if (find_live(key) != nullptr) return false;
    store(key, value, lifetime);
    return true;
  }

  void remove_if(std::string_view key, std::string_view value,
                 spi::Deadline /*deadline*/) override {
    enter("remove_if");
    const std::lock_guard lock{mutex_};
    const Value* const found = find_live(key);
    if (found != nullptr && found->bytes == value) values_.erase(std::string{key});
  }

  void ping(spi::Deadline /*deadline*/) override { enter("ping"); }

  [[nodiscard]] spi::StoreFacts facts(spi::Deadline /*deadline*/) override {
    enter("facts");
    return {.version = "fake", .eviction_policy = "noeviction"};
  }

  [[nodiscard]] std::unique_ptr<spi::ChangeStream> open_stream(std::string_view name) override;

  // What tests do to it.

  /// Called at the start of every call with its name; may throw, wait, or move a clock.
  void on_call(std::function<void(const std::string& operation)> hook) {
    const std::lock_guard lock{mutex_};
    hook_ = std::move(hook);
  }
  /// Every call fails as with a server that is gone, until `mend`.
  void break_down() {
    on_call([](const std::string& operation) {
      throw ConnectionError{"fake: " + operation + ": connection refused",
                            ErrorDetails{.backend = "fake", .retryable = true}};
    });
  }
  void mend() { on_call(nullptr); }
  /// As FLUSHALL: values and streams are gone.
  void flush() {
    const std::lock_guard lock{mutex_};
    values_.clear();
    streams_.clear();
  }
  /// As eviction.
  void forget(std::string_view key) {
    const std::lock_guard lock{mutex_};
    values_.erase(std::string{key});
  }
  /// A copy of all values, to be brought back by `restore` as from an older file.
  struct Backup {
    std::map<std::string, std::pair<std::string, TimePoint>> values{};
  };
  [[nodiscard]] Backup backup() const {
    const std::lock_guard lock{mutex_};
    Backup made;
    for (const auto& [key, value] : values_) made.values[key] = {value.bytes, value.dies_at};
    return made;
  }
  void restore(const Backup& backup) {
    const std::lock_guard lock{mutex_};
    values_.clear();
    for (const auto& [key, value] : backup.values) values_[key] = {value.first, value.second};
  }
  /// From now on every value put is remembered for `past`.
  void keep_past() {
    const std::lock_guard lock{mutex_};
    keeps_past_ = true;
  }
  /// Every value put under the key since `keep_past`, oldest first.
  [[nodiscard]] std::vector<std::string> past(std::string_view key) const {
    const std::lock_guard lock{mutex_};
    const auto found = past_.find(std::string{key});
    return found == past_.end() ? std::vector<std::string>{} : found->second;
  }
  /// The bytes of a live value, changed in place.
  void spoil(std::string_view key, const std::function<void(std::string& bytes)>& change) {
    const std::lock_guard lock{mutex_};
    if (Value* const value = find_live(key)) change(value->bytes);
  }
  [[nodiscard]] std::vector<std::string> keys() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> all;
    for (const auto& [key, value] : values_) {
      if (value.dies_at > clock_->now()) all.push_back(key);
    }
    return all;
  }
  /// Calls so far, by name.
  [[nodiscard]] std::size_t calls(const std::string& operation) const {
    const std::lock_guard lock{mutex_};
    const auto found = calls_.find(operation);
    return found == calls_.end() ? 0 : found->second;
  }

 private:
  friend class FakeChangeStream;

  struct Value {
    std::string bytes{};
    TimePoint dies_at{};
  };
  struct Stream {
    std::deque<spi::StreamEntry> entries{};
    std::uint64_t first{1};  // the number of entries.front()
    std::uint64_t next{1};   // of the entry appended next
  };

  void enter(const std::string& operation) {
    std::function<void(const std::string&)> hook;
    {
      const std::lock_guard lock{mutex_};
      ++calls_[operation];
      hook = hook_;
    }
    if (hook) hook(operation);
  }
  Value* find_live(std::string_view key) {
    const auto found = values_.find(std::string{key});
    if (found == values_.end() || found->second.dies_at <= clock_->now()) return nullptr;
    return &found->second;
  }
  void store(std::string_view key, std::string_view value, std::chrono::milliseconds lifetime) {
    if (Bytes{value.size()} > max_value_) throw Error{ErrorCode::kUsage, "fake: value too large"};
    values_[std::string{key}] = {std::string{value}, clock_->now() + lifetime};
    if (keeps_past_) past_[std::string{key}].emplace_back(value);
  }

  const Clock* const clock_;
  const Bytes max_value_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, Value> values_;
  std::map<std::string, std::vector<std::string>> past_;
  std::map<std::string, Stream> streams_;
  std::map<std::string, std::size_t> calls_;
  std::function<void(const std::string&)> hook_;
  bool keeps_past_{false};
};

/// A stream of a `FakeRemoteStore`, which must outlive it. Reading waits in real time.
class FakeChangeStream final : public spi::ChangeStream {
 public:
  FakeChangeStream(FakeRemoteStore& store, std::string name)
      : store_{&store}, name_{std::move(name)} {}

  void append(std::string_view bytes, std::size_t keep, spi::Deadline /*deadline*/) override {
    store_->enter("append");
    {
      const std::lock_guard lock{store_->mutex_};
      FakeRemoteStore::Stream& stream = store_->streams_[name_];
      stream.entries.push_back({.id = std::to_string(stream.next++), .bytes = std::string{bytes}});
      while (stream.entries.size() > keep) {
        stream.entries.pop_front();
        ++stream.first;
      }
    }
    store_->changed_.notify_all();
  }

  [[nodiscard]] spi::StreamRead read(spi::Deadline deadline) override {
    store_->enter("read");
    std::unique_lock lock{store_->mutex_};
    if (!next_) next_ = store_->streams_[name_].next;
    for (;;) {
      const FakeRemoteStore::Stream& stream = store_->streams_[name_];
      spi::StreamRead read;
      if (stream.next < *next_) {  // flushed
        next_ = stream.first;
        read.gap = true;
      }
      if (stream.first > *next_) {
        next_ = stream.first;
        read.gap = true;
      }
      while (*next_ < stream.next) {
        read.entries.push_back(stream.entries[static_cast<std::size_t>((*next_)++ - stream.first)]);
      }
      if (read.gap || !read.entries.empty()) return read;
      if (std::exchange(interrupted_, false)) return {};
      if (store_->changed_.wait_for(lock, deadline.left(*store_->clock_)) ==
          std::cv_status::timeout) {
        return {};
      }
    }
  }

  void interrupt() noexcept override {
    {
      const std::lock_guard lock{store_->mutex_};
      interrupted_ = true;
    }
    store_->changed_.notify_all();
  }

 private:
  FakeRemoteStore* const store_;
  const std::string name_;
  std::optional<std::uint64_t> next_;
  bool interrupted_{false};
};

inline std::unique_ptr<spi::ChangeStream> FakeRemoteStore::open_stream(std::string_view name) {
  return std::make_unique<FakeChangeStream>(*this, std::string{name});
}

/// A handle that engines may own, on a store that outlives them.
class SharedRemoteStore : public spi::RemoteStore {
 public:
  explicit SharedRemoteStore(std::shared_ptr<spi::RemoteStore> store) : store_{std::move(store)} {}

  [[nodiscard]] std::string_view display_name() const noexcept override {
    return store_->display_name();
  }
  [[nodiscard]] std::optional<spi::RemoteValue> get(std::string_view key,
                                                    spi::Deadline deadline) override {
    return store_->get(key, deadline);
  }
  void put(std::string_view key, std::string_view value, std::chrono::milliseconds lifetime,
           spi::Deadline deadline) override {
    store_->put(key, value, lifetime, deadline);
  }
  [[nodiscard]] bool add(std::string_view key, std::string_view value,
                         std::chrono::milliseconds lifetime, spi::Deadline deadline) override {
    return store_->add(key, value, lifetime, deadline);
  }
  void remove_if(std::string_view key, std::string_view value, spi::Deadline deadline) override {
    store_->remove_if(key, value, deadline);
  }
  void ping(spi::Deadline deadline) override { store_->ping(deadline); }
  [[nodiscard]] spi::StoreFacts facts(spi::Deadline deadline) override {
    return store_->facts(deadline);
  }
  [[nodiscard]] std::unique_ptr<spi::ChangeStream> open_stream(std::string_view name) override {
    return store_->open_stream(name);
  }

 private:
  const std::shared_ptr<spi::RemoteStore> store_;
};

}  // namespace weir::test
