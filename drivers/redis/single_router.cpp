#include "drivers/redis/router.hpp"

namespace weir::redis {
namespace {

class SingleRouter final : public Router {
 public:
  explicit SingleRouter(std::shared_ptr<Node> node) : node_{std::move(node)} {}

  std::vector<Reply> run(const Request& request, spi::Deadline deadline) override {
    return node_->run(request, Manner::kPlain, deadline);
  }
  std::unique_ptr<Connection> connect(std::string_view /*key*/, std::size_t max_reply,
                                      spi::Deadline deadline) override {
    return node_->connect(max_reply, deadline);
  }
  void suspect(std::string_view /*key*/) noexcept override {}

 private:
  const std::shared_ptr<Node> node_;
};

}  // namespace

std::shared_ptr<Node> NodeMaker::make(const Endpoint& endpoint, Greeting greeting) const {
  ConnectionSettings own = settings;
  own.greeting = greeting;
  return std::make_shared<Node>(endpoint, std::move(own), connections, connect_timeout, *clock);
}

std::unique_ptr<Router> make_single_router(const Location& location, const NodeMaker& maker) {
  return std::make_unique<SingleRouter>(maker.make(location.endpoints.front(), Greeting::kPlain));
}

}  // namespace weir::redis
