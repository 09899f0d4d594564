#pragma once

#include <string>
#include <thread>

#include "src/base/mutex.hpp"

namespace weir::app {

/// Says on a terminal's stderr what is being waited for, when that takes longer than a second.
///
/// Thread safety: shared object unsafe.
class Patience {
 public:
  explicit Patience(std::string what);
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  ~Patience();

 private:
  void wait();

  std::string what_;
  detail::Mutex mutex_;
  detail::CondVar changed_;
  bool over_ WEIR_GUARDED_BY(mutex_){false};
  std::thread thread_;
};

}  // namespace weir::app
