#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/support/error_of.hpp"
#include "tests/support/redis_server.hpp"
#include "weir/clock.hpp"
#include "weir/drivers/redis.hpp"
#include "weir/error.hpp"

namespace weir::test {

using namespace std::chrono_literals;

inline constexpr std::chrono::milliseconds kLife{600'000};

inline spi::Deadline in(std::chrono::milliseconds limit) {
  return spi::Deadline::after(system_clock(), limit);
}
inline spi::Deadline soon() { return in(20s); }

/// Waits long enough for a busy machine: for what is to succeed.
inline RedisOptions patient(const std::string& url) {
  return {.url = url, .connect_timeout = 20s, .call_timeout = 20s};
}
/// For what is to run out of time.
inline RedisOptions hasty(const std::string& url) {
  return {.url = url, .connect_timeout = 200ms, .call_timeout = 200ms};
}

/// The error of `call`, of whatever code; a failure when there is none.
template <typename Call>
Error any_error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error{ErrorCode::kInternal, "none"};
}

/// Whether `call` does not throw an `Error`.
template <typename Call>
bool succeeds(Call&& call) {
  try {
    call();
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// A look at a stream where nothing is expected; again where a busy machine could not even connect.
inline spi::StreamRead glance(spi::ChangeStream& stream) {
  spi::StreamRead read;
  EXPECT_TRUE(eventually([&] { return succeeds([&] { read = stream.read(in(100ms)); }); }));
  return read;
}

}  // namespace weir::test
