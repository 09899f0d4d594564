#include "drivers/sqlite/open_files.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>

#include <mutex>
#include <set>
#include <utility>

#include "weir/error.hpp"

namespace weir::sqlite {
namespace {

using FileId = std::pair<dev_t, ino_t>;

struct Registry {
  std::mutex mutex{};
  std::multiset<FileId> open{};
  std::multiset<FileId> inherited{};  // what was open at the forks that led to this process
};

// Never destroyed: connections may be closed after main() returned.
Registry& registry() {
  static Registry& instance = *new Registry;
  return instance;
}

void watch_forks() {
  static const int registered =
      ::pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                       [] {
                         registry().inherited.merge(registry().open);
                         registry().mutex.unlock();
                       });
  static_cast<void>(registered);
}

}  // namespace

OpenFile::OpenFile(const std::string& path) {
  watch_forks();
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  const std::lock_guard lock{registry().mutex};
  if (registry().inherited.contains({device_, inode_})) {
    throw Error{ErrorCode::kRefused,
                fmt::format("open {}: this process was forked off while the file was open, and "
                            "SQLite's locks on it are not the child's; open it only after fork(), "
                            "or exec() another program",
                            path),
                ErrorDetails{.backend = "sqlite", .connection_usable = false}};
  }
  registry().open.insert({device_, inode_});
}

OpenFile::~OpenFile() {
  const std::lock_guard lock{registry().mutex};
  const auto found = registry().open.find({device_, inode_});
  if (found != registry().open.end()) registry().open.erase(found);
}

}  // namespace weir::sqlite
