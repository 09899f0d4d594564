#include "tests/support/fake_remote_store.hpp"

#include <gtest/gtest.h>

#include "tests/support/error_of.hpp"
#include "tests/support/fake_clock.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// What the fake does beyond a store; the rest is RemoteStoreConformance, where it is one of many.

TEST(FakeRemoteStoreTest, ItsTimeIsTheClocks) {
  const spi::Deadline deadline{};
  FakeClock clock;
  FakeRemoteStore store{clock};
  store.put("k", "v", 10ms, deadline);
  clock.advance(4ms);
  EXPECT_EQ(store.get("k", deadline)->remaining, 6ms);
  clock.advance(6ms);
  EXPECT_FALSE(store.get("k", deadline));
}

TEST(FakeRemoteStoreTest, ItFailsSpoilsForgetsAndBringsBackWhenTold) {
  const spi::Deadline deadline{};
  FakeClock clock;
  FakeRemoteStore store{clock};
  store.keep_past();
  store.put("k", "old", 1s, deadline);
  const auto backup = store.backup();
  store.put("k", "new", 1s, deadline);
  EXPECT_EQ(store.past("k"), (std::vector<std::string>{"old", "new"}));
  store.spoil("k", [](std::string& bytes) { bytes[0] = 'N'; });
  EXPECT_EQ(store.get("k", deadline)->bytes, "New");
  store.restore(backup);
  EXPECT_EQ(store.get("k", deadline)->bytes, "old");
  store.break_down();
  error_of(ErrorCode::kConnection, [&] { (void)store.get("k", deadline); });
  store.mend();
  store.forget("k");
  EXPECT_FALSE(store.get("k", deadline));
  EXPECT_EQ(store.calls("get"), 4U);
}

}  // namespace
}  // namespace weir::test
