#include "src/engine/keyed.hpp"

#include <algorithm>

#include "weir/spi/change_feed.hpp"

namespace weir::detail {
namespace {

/// Adds the hashes of one reference's values; false when one of them is not known.
class Collector {
 public:
  Collector(const spi::KeyedReference& reference, const spi::Driver& driver,
            std::vector<std::uint64_t>& hashes)
      : reference_{reference}, driver_{driver}, hashes_{hashes} {}

  [[nodiscard]] bool add(const spi::KeyValue& value, std::span<const ParamView> params) {
    if (value.parameter == 0) {
      add(value.literal);
      return true;
    }
    if (value.parameter > params.size()) return false;
    const ParamView& param = params[value.parameter - 1];
    if (!value.each_element) return add(param);
    if (param.is_null()) return true;
    if (param.type() != ParamType::kArray) return false;  // an array as text
    const ArrayView array = param.array();
    if (array.size() > kMostKeyValues) return false;
    bool known = true;
    array.for_each([&](const ParamView& element) { known = known && add(element); });
    return known;
  }

 private:
  [[nodiscard]] bool add(const ParamView& param) {
    const spi::KeyText key = driver_.key_value(reference_.type, param);
    if (key.form == spi::KeyText::Form::kValue) add(key.text);
    return key.form != spi::KeyText::Form::kUnknown;
  }
  void add(const std::string& text) {
    item_ = reference_.column;
    item_ += ':';
    item_ += text;
    hashes_.push_back(KeyStripes::hash(reference_.relation, item_));
  }

  const spi::KeyedReference& reference_;
  const spi::Driver& driver_;
  std::vector<std::uint64_t>& hashes_;
  std::string item_{};
};

std::vector<ParamView> views_of(const Params& params) {
  std::vector<ParamView> views;
  views.reserve(params.size());
  params.for_each([&](const ParamView& view) { views.push_back(view); });
  return views;
}

}  // namespace

std::uint64_t sum_of_changes(std::span<const FactsDependency> dependencies) noexcept {
  std::uint64_t sum = 0;
  for (const FactsDependency& dependency : dependencies)
    sum += dependency.cells->changes.load(std::memory_order_relaxed);
  return sum;
}

std::optional<std::vector<std::uint64_t>> key_hashes(const spi::Analysis& analysis,
                                                     const std::string& relation,
                                                     const Params& params,
                                                     const spi::Driver& driver) {
  std::vector<std::uint64_t> hashes;
  const std::vector<ParamView> views = views_of(params);
  for (const spi::KeyedReference& reference : analysis.keys) {
    if (reference.relation != relation) continue;
    Collector collector{reference, driver, hashes};
    for (const spi::KeyValue& value : reference.values) {
      if (!collector.add(value, views) || hashes.size() > kMostKeyValues) return std::nullopt;
    }
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  return hashes;
}

std::vector<const Cell*> dependency_cells(const spi::Analysis& analysis,
                                          std::span<const FactsDependency> dependencies,
                                          const Params& params, const spi::Driver& driver,
                                          const KeyStripes* keys) {
  std::vector<const Cell*> cells;
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    const FactsDependency& dependency = dependencies[i];
    std::optional<std::vector<std::uint64_t>> hashes;
    if (dependency.keyed && keys != nullptr)
      hashes = key_hashes(analysis, analysis.dependencies[i], params, driver);
    if (!hashes) {
      cells.push_back(&dependency.cells->any);
      continue;
    }
    cells.push_back(&dependency.cells->whole);
    for (const std::uint64_t hash : *hashes) cells.push_back(keys->at(hash));
  }
  return cells;
}

}  // namespace weir::detail
