#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "weir/error.hpp"

namespace weir::test {

/// The message of the `Error` that `call` throws; fails the test unless it throws one with this
/// code.
template <typename Call>
std::string error_of(ErrorCode code, Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error, expected " << to_string(code);
  return {};
}

}  // namespace weir::test
