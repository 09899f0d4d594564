#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <thread>

namespace weir::test {

/// SQLite's own file layer, of which any one write, sync, truncation or deletion can be made to
/// fail. The default for every connection opened while it lives.
///
/// Thread safety: one at a time in a process; faults strike the thread that calls `run`.
class FailingDisk {
 public:
  FailingDisk() : real_{sqlite3_vfs_find(nullptr)} {
    vfs_ = *real_;
    vfs_.zName = "weir-failing-disk";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = &FailingDisk::open;
    vfs_.xDelete = &FailingDisk::remove;
    current() = this;
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error{"no file layer"};
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
  /// Every connection must be closed by then.
  ~FailingDisk() {
    sqlite3_vfs_register(real_, 1);
    sqlite3_vfs_unregister(&vfs_);
    current() = nullptr;
  }

  /// Runs `work`; its operation number `at` fails with `code`. Returns how many there were.
  std::size_t run(std::size_t at, int code, const std::function<void()>& work) {
    at_ = at;
    code_ = code;
    operations_ = 0;
    thread_ = std::this_thread::get_id();
    work();
    thread_ = std::thread::id{};
    return operations_;
  }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_file* real;
  };

  static FailingDisk*& current() {
    static FailingDisk* disk = nullptr;
    return disk;
  }
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }
  static const sqlite3_io_methods& methods(sqlite3_file* file) { return *real(file)->pMethods; }
  // The code of the fault that strikes now, or SQLITE_OK.
  static int strike() {
    FailingDisk* const disk = current();
    if (disk == nullptr || disk->thread_ != std::this_thread::get_id()) return SQLITE_OK;
    return disk->operations_++ == disk->at_ ? disk->code_ : SQLITE_OK;
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    static const sqlite3_io_methods kMethods = make_methods();
    auto* const self = reinterpret_cast<File*>(file);
    self->base.pMethods = nullptr;
    self->real = reinterpret_cast<sqlite3_file*>(self + 1);
    sqlite3_vfs* const vfs = current()->real_;
    const int code = vfs->xOpen(vfs, name, self->real, flags, out);
    if (self->real->pMethods != nullptr) self->base.pMethods = &kMethods;
    return code;
  }
  static int remove(sqlite3_vfs*, const char* name, int sync) {
    sqlite3_vfs* const vfs = current()->real_;
    const int fault = strike();
    return fault != SQLITE_OK ? fault : vfs->xDelete(vfs, name, sync);
  }

  static sqlite3_io_methods make_methods() {
    sqlite3_io_methods m{};
    m.iVersion = 3;
    m.xClose = [](sqlite3_file* f) { return methods(f).xClose(real(f)); };
    m.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
      return methods(f).xRead(real(f), to, n, at);
    };
    m.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
      const int fault = strike();
      return fault != SQLITE_OK ? fault : methods(f).xWrite(real(f), from, n, at);
    };
    m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      const int fault = strike();
      return fault != SQLITE_OK ? fault : methods(f).xTruncate(real(f), size);
    };
    m.xSync = [](sqlite3_file* f, int flags) {
      const int fault = strike();
      return fault != SQLITE_OK ? fault : methods(f).xSync(real(f), flags);
    };
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return methods(f).xFileSize(real(f), size);
    };
    m.xLock = [](sqlite3_file* f, int lock) { return methods(f).xLock(real(f), lock); };
    m.xUnlock = [](sqlite3_file* f, int lock) { return methods(f).xUnlock(real(f), lock); };
    m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return methods(f).xCheckReservedLock(real(f), out);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
      return methods(f).xFileControl(real(f), op, arg);
    };
    m.xSectorSize = [](sqlite3_file* f) { return methods(f).xSectorSize(real(f)); };
    m.xDeviceCharacteristics = [](sqlite3_file* f) {
      return methods(f).xDeviceCharacteristics(real(f));
    };
    m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return methods(f).xShmMap(real(f), page, size, extend, out);
    };
    m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
      return methods(f).xShmLock(real(f), offset, n, flags);
    };
    m.xShmBarrier = [](sqlite3_file* f) { methods(f).xShmBarrier(real(f)); };
    m.xShmUnmap = [](sqlite3_file* f, int remove) { return methods(f).xShmUnmap(real(f), remove); };
    m.xFetch = [](sqlite3_file* f, sqlite3_int64 at, int n, void** out) {
      return methods(f).xFetch(real(f), at, n, out);
    };
    m.xUnfetch = [](sqlite3_file* f, sqlite3_int64 at, void* page) {
      return methods(f).xUnfetch(real(f), at, page);
    };
    return m;
  }

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_{};
  std::size_t at_{0};
  int code_{SQLITE_OK};
  std::size_t operations_{0};
  std::thread::id thread_{};
};

}  // namespace weir::test
