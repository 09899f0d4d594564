#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "src/engine/core.hpp"
#include "src/engine/transaction_impl.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_driver.hpp"

namespace weir::detail {

/// An engine over a fake database, on a clock that stands still.
class CoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fake_->write("orders", "1", "ten");
    fake_->write("users", "1", "ann");
  }

  Core& core() {
    if (!core_) {
      auto driver = std::make_unique<test::FakeDriver>(fake_, clock_);
      driver_ = driver.get();
      core_ = std::make_shared<Core>(options_, std::move(driver), clock_, threads_);
      asker_ = core_->asker({}, {});
    }
    return *core_;
  }
  Result ask(std::string_view sql, const Params& params = {}) {
    core();
    return core_->query(asker_, sql, nullptr, params);
  }
  Result ask_with(Policy policy, std::string_view sql) {
    const Asker asker = core().asker({}, std::move(policy));
    return core_->query(asker, sql, nullptr, {});
  }
  std::unique_ptr<Transaction::Impl> begin(Isolation isolation = Isolation::kReadCommitted) {
    core();
    return std::make_unique<Transaction::Impl>(core_, asker_,
                                               TransactionOptions{.isolation = isolation});
  }
  static std::string value_of(const Result& result) {
    return result.empty() ? "" : result[0].get<std::string>("value");
  }
  std::size_t runs() const { return fake_->calls(test::FakeCall::kRun); }

  std::shared_ptr<test::FakeDatabase> fake_ = std::make_shared<test::FakeDatabase>();
  test::FakeClock clock_;
  Options options_{.database = "fake:memory"};
  Threads threads_{Threads::kNone};
  test::FakeDriver* driver_{nullptr};
  std::shared_ptr<Core> core_;
  Asker asker_;
};

}  // namespace weir::detail
