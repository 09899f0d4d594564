#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weir/params.hpp"
#include "weir/session.hpp"

namespace weir::detail {

/// Everything that decides what an answer is, in terms that mean the same in every process.
struct SharedKeyParts {
  std::string_view backend{};
  std::string_view incarnation{};  ///< Names server and database too.
  std::string_view epoch{};
  std::string_view environment{};
  const Session* session{nullptr};
  std::span<const std::string> depends_on{};
  std::string_view normalized{};  ///< With its literals.
  const Params* params{nullptr};
};

/// Key of an entry that processes share. Two keys are equal only if all their parts are.
struct SharedKey {
  std::string name{};   ///< What the store finds it by: a hash.
  std::string bytes{};  ///< What decides.
};

/// REQUIRES: session and params are not null.
[[nodiscard]] SharedKey shared_key(std::string_view name_space, const SharedKeyParts& parts);
/// What the store finds the lease on the key by, in the same slot of a cluster.
[[nodiscard]] std::string lease_name(const SharedKey& key);

}  // namespace weir::detail
