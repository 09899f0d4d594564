#include "src/cache/single_flight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.hpp"
#include "tests/unit/cache/fixtures.hpp"
#include "weir/error.hpp"

namespace weir::detail {
namespace {

using namespace std::chrono_literals;
using test::key_of;

constexpr spi::Deadline kFarOff{};
// For calls that must not wait: one that does fails instead of hanging.
constexpr spi::Deadline kNoWait{TimePoint{}};

std::shared_ptr<const FlightResult> landed(std::size_t bytes = 1) {
  auto result = std::make_shared<FlightResult>();
  result->rows = test::result_of(bytes);
  return result;
}

class SingleFlightTest : public ::testing::Test {
 protected:
  /// Runs the call in another thread, and returns once it waits.
  std::future<FlightTicket> join(std::string_view key, FlightNeeds needs = {},
                                 spi::Deadline deadline = kFarOff) {
    const std::size_t waiting = flights.waiting();
    auto ticket = std::async(std::launch::async, [this, key, needs, deadline] {
      return flights.join_or_lead(key_of(key), needs, deadline);
    });
    while (flights.waiting() == waiting) {
      if (ticket.wait_for(0s) == std::future_status::ready) {
        ADD_FAILURE() << "it did not wait";
        break;
      }
      std::this_thread::yield();
    }
    return ticket;
  }

  test::FakeClock clock;
  SingleFlight flights{100, clock};
};

TEST_F(SingleFlightTest, TheFirstLeadsAndTheOthersShareItsResult) {
  FlightTicket first = flights.join_or_lead(key_of("k"), {}, kNoWait);
  ASSERT_EQ(first.outcome, FlightOutcome::kLead);
  EXPECT_EQ(flights.flying(), 1U);
  auto second = join("k");
  const auto result = landed();
  first.lead.finish(result);
  const FlightTicket shared = second.get();
  EXPECT_EQ(shared.outcome, FlightOutcome::kShared);
  EXPECT_EQ(shared.result, result);
  EXPECT_EQ(flights.flying(), 0U);
}

TEST_F(SingleFlightTest, NothingIsKeptAfterTheEnd) {
  flights.join_or_lead(key_of("k"), {}, kNoWait).lead.finish(landed());
  EXPECT_EQ(flights.join_or_lead(key_of("k"), {}, kNoWait).outcome, FlightOutcome::kLead);
}

TEST_F(SingleFlightTest, KeysWithEqualHashesFlyApart) {
  const FlightTicket a = flights.join_or_lead({7, "a"}, {}, kNoWait);
  const FlightTicket b = flights.join_or_lead({7, "b"}, {}, kNoWait);
  EXPECT_EQ(a.outcome, FlightOutcome::kLead);
  EXPECT_EQ(b.outcome, FlightOutcome::kLead);
}

TEST_F(SingleFlightTest, AFlightThatBeganBeforeTheCallersWriteIsNotJoined) {
  FlightTicket before = flights.join_or_lead(key_of("k"), {.epoch = 4}, kNoWait);
  FlightTicket after = flights.join_or_lead(key_of("k"), {.epoch = 5}, kNoWait);
  ASSERT_EQ(after.outcome, FlightOutcome::kLead);
  EXPECT_EQ(after.lead.start().epoch, 5U);

  // The newer one is the one to join, by those too for whom the older would have done.
  auto late = join("k", {.epoch = 4});
  const auto newer = landed();
  before.lead.finish(landed());
  EXPECT_EQ(flights.waiting(), 1U);
  after.lead.finish(newer);
  EXPECT_EQ(late.get().result, newer);
}

TEST_F(SingleFlightTest, TheEndOfAReplacedFlightLeavesTheNewerOneToJoin) {
  FlightTicket older = flights.join_or_lead(key_of("k"), {.epoch = 1}, kNoWait);
  FlightTicket newer = flights.join_or_lead(key_of("k"), {.epoch = 2}, kNoWait);
  older.lead.finish(landed());
  auto late = join("k", {.epoch = 2});
  newer.lead.finish(landed());
  EXPECT_EQ(late.get().outcome, FlightOutcome::kShared);
}

TEST_F(SingleFlightTest, AFlightThatBeganTooEarlyIsNotJoined) {
  const FlightTicket early = flights.join_or_lead(key_of("k"), {}, kNoWait);
  EXPECT_EQ(early.lead.start().at, clock.now());
  clock.advance(1s);
  const FlightNeeds needs{.not_before = clock.now()};
  const FlightTicket late = flights.join_or_lead(key_of("k"), needs, kNoWait);
  EXPECT_EQ(late.outcome, FlightOutcome::kLead);
  EXPECT_EQ(late.lead.start().at, needs.not_before);
}

TEST_F(SingleFlightTest, AWaiterGivesUpAtItsOwnDeadlineAndTheFlightGoesOn) {
  FlightTicket leader = flights.join_or_lead(key_of("k"), {}, kNoWait);
  auto patient = join("k");
  auto hurried = join("k", {}, spi::Deadline::after(clock, 5s));
  clock.advance(6s);
  EXPECT_EQ(hurried.get().outcome, FlightOutcome::kTimedOut);
  EXPECT_EQ(flights.waiting(), 1U);
  leader.lead.finish(landed());
  EXPECT_EQ(patient.get().outcome, FlightOutcome::kShared);
}

TEST_F(SingleFlightTest, ACallerOutOfTimeMayStillLead) {
  // What is left of its time is for the database call to find out.
  EXPECT_EQ(flights.join_or_lead(key_of("k"), {}, kNoWait).outcome, FlightOutcome::kLead);
}

TEST_F(SingleFlightTest, AnErrorReachesEveryWaiterAndIsNotKept) {
  FlightTicket leader = flights.join_or_lead(key_of("k"), {}, kNoWait);
  std::vector<std::future<FlightTicket>> waiters;
  for (int i = 0; i < 4; ++i) waiters.push_back(join("k"));
  leader.lead.fail(std::make_exception_ptr(
      ConstraintError{"too many", {.sqlstate = "23505", .constraint = "orders_pk"}}));
  for (auto& waiter : waiters) {
    try {
      static_cast<void>(waiter.get());
      ADD_FAILURE() << "no error came";
    } catch (const ConstraintError& e) {
      EXPECT_STREQ(e.what(), "too many");
      EXPECT_EQ(e.constraint(), "orders_pk");
      EXPECT_EQ(e.sqlstate(), "23505");
    }
  }
  EXPECT_EQ(flights.join_or_lead(key_of("k"), {}, kNoWait).outcome, FlightOutcome::kLead);
}

TEST_F(SingleFlightTest, ErrorsKeepTheirTypes) {
  const auto thrown_by_waiter = [&](const std::exception_ptr& error) {
    FlightTicket leader = flights.join_or_lead(key_of("k"), {}, kNoWait);
    auto waiter = join("k");
    leader.lead.fail(error);
    return waiter;
  };
  EXPECT_THROW(
      static_cast<void>(thrown_by_waiter(std::make_exception_ptr(ConnectionError{"gone"})).get()),
      ConnectionError);
  EXPECT_THROW(
      static_cast<void>(
          thrown_by_waiter(std::make_exception_ptr(Error{ErrorCode::kTimeout, "too slow"})).get()),
      Error);
  EXPECT_THROW(static_cast<void>(
                   thrown_by_waiter(std::make_exception_ptr(std::out_of_range{"theirs"})).get()),
               std::out_of_range);
}

TEST_F(SingleFlightTest, ALeadLetGoOfHandsOverToAWaiter) {
  std::vector<std::future<FlightTicket>> waiters;
  {
    const FlightTicket leader = flights.join_or_lead(key_of("k"), {}, kNoWait);
    for (int i = 0; i < 3; ++i) waiters.push_back(join("k"));
  }
  // One of them leads now, and answers for the other two; whoever wakes up only after it has landed
  // leads once more.
  std::size_t led = 0;
  while (!waiters.empty()) {
    for (auto waiter = waiters.begin(); waiter != waiters.end();) {
      if (waiter->wait_for(1ms) != std::future_status::ready) {
        ++waiter;
        continue;
      }
      FlightTicket ticket = waiter->get();
      waiter = waiters.erase(waiter);
      if (ticket.outcome == FlightOutcome::kLead) {
        ++led;
        ticket.lead.finish(landed());
      } else {
        EXPECT_EQ(ticket.outcome, FlightOutcome::kShared);
      }
    }
  }
  EXPECT_GE(led, 1U);
  EXPECT_EQ(flights.flying(), 0U);
}

TEST_F(SingleFlightTest, AWaiterOutOfTimeDoesNotLeadInAnAbandonedFlightsPlace) {
  std::future<FlightTicket> waiter;
  {
    const FlightTicket leader = flights.join_or_lead(key_of("k"), {}, kNoWait);
    waiter = join("k", {}, spi::Deadline::after(clock, 1s));
    clock.advance(2s);
  }
  EXPECT_EQ(waiter.get().outcome, FlightOutcome::kTimedOut);
}

TEST_F(SingleFlightTest, FlightsBeyondTheBoundAreFlownAlone) {
  SingleFlight two{2, clock};
  FlightTicket a = two.join_or_lead(key_of("a"), {}, kNoWait);
  const FlightTicket b = two.join_or_lead(key_of("b"), {}, kNoWait);
  EXPECT_EQ(two.join_or_lead(key_of("c"), {}, kNoWait).outcome, FlightOutcome::kFull);
  EXPECT_EQ(two.join_or_lead(key_of("a"), {.epoch = 1}, kNoWait).outcome, FlightOutcome::kFull)
      << "a flight that replaces one flies beside it";
  a.lead.finish(landed());
  EXPECT_EQ(two.join_or_lead(key_of("c"), {}, kNoWait).outcome, FlightOutcome::kLead);
}

TEST_F(SingleFlightTest, AMovedLeadStillLeadsAndAnOverwrittenOneIsLetGoOf) {
  FlightTicket a = flights.join_or_lead(key_of("a"), {}, kNoWait);
  FlightTicket b = flights.join_or_lead(key_of("b"), {}, kNoWait);
  FlightLead lead = std::move(a.lead);
  EXPECT_FALSE(a.lead);  // NOLINT(bugprone-use-after-move): that it is empty is the point
  EXPECT_EQ(flights.flying(), 2U);
  lead = std::move(b.lead);
  EXPECT_EQ(flights.flying(), 1U);
  EXPECT_EQ(flights.join_or_lead(key_of("a"), {}, kNoWait).outcome, FlightOutcome::kLead);
  lead.finish(landed());
  EXPECT_EQ(flights.flying(), 0U);
}

TEST_F(SingleFlightTest, ThirtyTwoCallersAtOnceAskTheDatabaseOnce) {
  constexpr int kCallers = 32;
  std::atomic<int> executions{0};
  std::latch all_called{kCallers};
  const auto result = landed(1000);
  std::vector<std::thread> callers;
  std::atomic<int> answered{0};
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      all_called.arrive_and_wait();
      FlightTicket ticket = flights.join_or_lead(key_of("k"), {}, kFarOff);
      if (ticket.outcome == FlightOutcome::kLead) {
        executions.fetch_add(1);
        while (flights.waiting() < kCallers - 1) std::this_thread::yield();  // a slow database
        ticket.lead.finish(result);
        ticket.result = result;
      }
      if (ticket.result == result && ticket.result->rows->text(0, 0).size() == 1000) ++answered;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(executions, 1);
  EXPECT_EQ(answered, kCallers);
}

// Everything at once on few keys: each result a caller shares is no older than it asked for.
TEST_F(SingleFlightTest, NobodySharesAReadFromBeforeItsWrite) {
  std::atomic<std::uint64_t> epoch{1};
  std::atomic<int> too_old{0};
  std::atomic<int> shared{0};
  std::vector<std::thread> callers;
  for (unsigned t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      std::mt19937 random{t};
      for (int i = 0; i < 1500; ++i) {
        if (random() % 8 == 0) epoch.fetch_add(1);
        const std::uint64_t mine = epoch.load();
        const std::string key = std::to_string(random() % 3);
        try {
          FlightTicket ticket = flights.join_or_lead(key_of(key), {.epoch = mine}, kFarOff);
          if (ticket.outcome == FlightOutcome::kShared) {
            shared.fetch_add(1);
            if (static_cast<std::uint64_t>(ticket.result->cost.count()) < mine)
              too_old.fetch_add(1);
          } else if (ticket.outcome == FlightOutcome::kLead) {
            const auto end = random() % 10;
            if (end == 0) continue;  // let go of
            if (end == 1) {
              ticket.lead.fail(std::make_exception_ptr(Error{ErrorCode::kDatabase, "no"}));
              continue;
            }
            auto result = std::make_shared<FlightResult>();
            // Stands for what the read saw: at least the writes before it.
            result->cost = std::chrono::nanoseconds{static_cast<std::int64_t>(epoch.load())};
            if (random() % 2 == 0) std::this_thread::yield();
            ticket.lead.finish(std::move(result));
          }
        } catch (const Error& e) {
          EXPECT_STREQ(e.what(), "no");
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(too_old, 0);
  EXPECT_EQ(flights.flying(), 0U);
  RecordProperty("shared", shared.load());
}

}  // namespace
}  // namespace weir::detail
