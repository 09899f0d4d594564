#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "src/engine/rules.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

constexpr std::string_view kKept = "; the rules read before stay in force";

class File {
 public:
  explicit File(const std::string& path)
      : descriptor_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return static_cast<std::int64_t>(time.tv_sec) * kSecond + time.tv_nsec;
}

[[noreturn]] void throw_unreadable(const std::string& path, const std::string& why) {
  throw Error{ErrorCode::kConfig, fmt::format("rules: {}: cannot be read: {}", path, why)};
}

template <typename Signature>
Signature signature_of(const struct ::stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim)};
}

}  // namespace

RulesFile::RulesFile(std::string path)
    : path_{std::move(path)}, rules_{std::make_shared<const Rules>()} {
  if (path_.empty()) return;
  Loaded loaded = load();
  auto rules = std::make_shared<const Rules>(Rules::parse(loaded.text, path_));
  seen_ = loaded.signature;
  size_.store(rules->size(), std::memory_order_relaxed);  // nobody else has this object yet
  const MutexLock lock{mutex_};
  rules_ = std::move(rules);
}

std::string RulesFile::tick(TimePoint now) {
  if (path_.empty() || now < next_look_) return {};
  next_look_ = now + kCheckEvery;
  const std::optional<Signature> current = look();
  if (current == seen_) return {};
  seen_ = current;
  try {
    Loaded loaded = load();
    seen_ = loaded.signature;
    auto fresh = std::make_shared<const Rules>(Rules::parse(loaded.text, path_));
    const MutexLock lock{mutex_};
    size_.store(fresh->size(), std::memory_order_relaxed);  // seen at the latest with the version
    rules_ = std::move(fresh);
    // Release: whoever reads the new number finds the new rules, too.
    version_.fetch_add(1, std::memory_order_release);
    return {};
  } catch (const Error& error) {
    return std::string{error.what()}.append(kKept);
  }
}

Policy RulesFile::policy_for(const RuleSubject& subject) const {
  return rules()->policy_for(subject);
}

std::shared_ptr<const Rules> RulesFile::rules() const {
  const MutexLock lock{mutex_};
  return rules_;
}

RulesFile::Loaded RulesFile::load() const {
  const File file{path_};
  struct ::stat status {};
  if (file.descriptor() < 0 || ::fstat(file.descriptor(), &status) != 0) {
    throw_unreadable(path_, std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) throw_unreadable(path_, "it is not a regular file");
  // Taken before the content: a change while it is read is seen by the next look.
  Loaded loaded{.signature = signature_of<Signature>(status), .text = {}};
  std::array<char, 64UL * 1024> part;
  while (loaded.text.size() <= Rules::kLongestFile) {
    const ssize_t got = ::read(file.descriptor(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(path_, std::generic_category().message(errno));
    if (got == 0) break;
    loaded.text.append(part.data(), static_cast<std::size_t>(got));
  }
  return loaded;
}

std::optional<RulesFile::Signature> RulesFile::look() const {
  struct ::stat status {};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return signature_of<Signature>(status);
}

}  // namespace weir::detail
