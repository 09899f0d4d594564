#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/engine/core.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_driver.hpp"
#include "tests/support/fake_remote_store.hpp"

namespace weir::detail {

/// One process over the shared fake database and store, with a clock of its own.
struct Process {
  std::shared_ptr<Core> core{};

  Result ask(std::string_view sql, const Policy& policy = {}, const Params& params = {}) const {
    const Asker asker = core->asker({}, policy);
    return core->query(asker, sql, nullptr, params);
  }
  Metrics metrics() const { return core->metrics(); }
};

/// Several engines over one fake database and one store.
class SharedTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kCost{5};  // of each statement

  void SetUp() override {
    fake_->write("orders", "1", "ten");
    fake_->write("users", "1", "ann");
    fake_->while_running = [this] { advance(kCost); };
    options_.policy.max_staleness = std::chrono::milliseconds{0};
    options_.redis = RedisOptions{.url = "redis://fake", .lease_wait = {}};  // clocks stand still
  }

  /// A process whose clock shows `now`.
  Process process(TimePoint now = TimePoint{std::chrono::hours{1}}) {
    Process process;
    clocks_.push_back(std::make_unique<test::FakeClock>(now));
    test::FakeClock& clock = *clocks_.back();
    process.core =
        std::make_shared<Core>(options_, std::make_unique<test::FakeDriver>(fake_, clock), clock,
                               Threads::kNone, std::make_unique<test::SharedRemoteStore>(store_));
    return process;
  }
  /// Time passes for everybody.
  void advance(Duration step) {
    store_clock_.advance(step);
    for (const auto& clock : clocks_) clock->advance(step);
  }
  static std::string value_of(const Result& result) {
    return result.empty() ? "" : result[0].get<std::string>("value");
  }
  std::size_t runs() const { return fake_->calls(test::FakeCall::kRun); }

  test::FakeClock store_clock_{TimePoint{std::chrono::hours{500}}};
  std::vector<std::unique_ptr<test::FakeClock>> clocks_;  // outlive the processes
  std::shared_ptr<test::FakeDatabase> fake_ = std::make_shared<test::FakeDatabase>();
  std::shared_ptr<test::FakeRemoteStore> store_ =
      std::make_shared<test::FakeRemoteStore>(store_clock_);
  Options options_{.database = "fake:memory"};
};

}  // namespace weir::detail
