#include "tests/support/fake_remote_store.hpp"
#include "tests/support/remote_store_conformance.hpp"

namespace weir::test {
namespace {

class FakePlace final : public RemoteStorePlace {
 public:
  std::unique_ptr<spi::RemoteStore> open() override {
    return std::make_unique<SharedRemoteStore>(store_);
  }
  [[nodiscard]] const std::string& prefix() const override { return prefix_; }

 private:
  const std::shared_ptr<FakeRemoteStore> store_ = std::make_shared<FakeRemoteStore>(system_clock());
  const std::string prefix_{"weir:"};
};

INSTANTIATE_TEST_SUITE_P(Fake, RemoteStoreConformance,
                         ::testing::Values(RemoteStoreCase{
                             "InMemory", [] { return std::make_unique<FakePlace>(); }}),
                         remote_store_name);

}  // namespace
}  // namespace weir::test
