#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::test {

/// A `weir` command that runs until it is told to stop; what it writes to stdout and stderr comes
/// through one pipe. Killed with the object, if it still runs.
class ServiceProcess {
 public:
  explicit ServiceProcess(const std::vector<std::string>& arguments,
                          const std::map<std::string, std::string>& environment = {});
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;
  ~ServiceProcess();

  /// Reads until what was written since the last `forget` holds `text`; false after 20 s, or when
  /// the process is gone without it.
  [[nodiscard]] bool wrote(const std::string& text);
  /// Everything read so far is no longer looked at by `wrote`.
  void forget() { from_ = output_.size(); }
  /// The rest of the line behind `text` in what was written; waits for it as `wrote` does.
  [[nodiscard]] std::string after(const std::string& text);
  [[nodiscard]] const std::string& output() const noexcept { return output_; }

  void signal(int number) const;
  /// Its exit code, or minus the signal that ended it; empty when it still runs after 20 s.
  [[nodiscard]] std::optional<int> exit_code();
  /// Closes our end of the pipe.
  void hang_up();

 private:
  /// False at the end of the pipe, or when the deadline has passed.
  bool read_more(std::chrono::steady_clock::time_point deadline);

  pid_t child_{-1};
  int pipe_{-1};
  std::string output_;
  std::size_t from_{0};
};

/// What `GET path` on the loopback port answers: status line, headers, body; empty when nobody
/// does.
[[nodiscard]] std::string http_get(int port, const std::string& path);

}  // namespace weir::test
