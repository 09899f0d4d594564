#pragma once

#include <sys/types.h>

#include <string>

namespace weir::sqlite {

/// A file that this process has open through SQLite, for as long as this lives.
///
/// SQLite keeps one account of its file locks for the whole process. After fork() the child has a
/// copy of that account, but not the locks: a connection it opens to the same file takes itself for
/// protected, and what it commits can be deleted with the WAL by whoever closes the file next. So a
/// file that was open when the process was forked off is refused in the child.
///
/// Thread safety: shared object safe.
/// Source: https://www.sqlite.org/howtocorrupt.html, "Carrying an open database connection across a
/// fork()", and src/os_unix.c of SQLite 3.40, `findInodeInfo`.
class OpenFile {
 public:
  /// Errors: `kRefused` when the parent had it open at the fork.
  explicit OpenFile(const std::string& path);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

 private:
  dev_t device_{};
  ino_t inode_{};
};

}  // namespace weir::sqlite
