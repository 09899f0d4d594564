#include "src/engine/contexts.hpp"

#include <string_view>

namespace weir::detail {
namespace {

constexpr std::size_t kMemos = 64;

void append(std::string& text, std::string_view part) {
  text += std::to_string(part.size());
  text += ':';
  text += part;
}

void append(std::string& text, const std::optional<std::string>& part) {
  text += part ? '+' : '-';
  if (part) append(text, std::string_view{*part});
}

void append(std::string& text, const std::pair<const std::string, std::string>& setting) {
  append(text, std::string_view{setting.first});
  append(text, std::string_view{setting.second});
}

/// Settings of applications, `app.tenant_id`: what answers may depend on, but no meaning of a name.
bool is_custom(std::string_view setting) { return setting.find('.') != std::string_view::npos; }

std::string names_of(const Session& session) {
  std::string text;
  append(text, session.role);
  append(text, session.search_path);
  for (const auto& setting : session.settings) {
    if (!is_custom(setting.first)) append(text, setting);
  }
  return text;
}

}  // namespace

std::uint64_t Contexts::number(const Session& session, const std::vector<std::string>& depends_on) {
  std::string text = names_of(session);
  text += '|';
  for (const auto& setting : session.settings) append(text, setting);
  text += '|';
  for (const std::string& table : depends_on) append(text, std::string_view{table});
  const MutexLock lock{mutex_};
  if (numbers_.size() >= kRemembered) numbers_.clear();
  const auto [it, is_new] = numbers_.try_emplace(std::move(text), next_);
  if (is_new) ++next_;
  return it->second;
}

std::shared_ptr<StatementMemo> Contexts::memo(const Session& session) {
  const MutexLock lock{mutex_};
  if (memos_.size() >= kMemos) {
    std::erase_if(memos_, [](const auto& memo) { return memo.second.use_count() == 1; });
  }
  auto& memo = memos_[names_of(session)];
  if (!memo) memo = std::make_shared<StatementMemo>(memo_capacity_);
  return memo;
}

std::vector<std::shared_ptr<StatementMemo>> Contexts::memos() const {
  const MutexLock lock{mutex_};
  std::vector<std::shared_ptr<StatementMemo>> all;
  for (const auto& [name, memo] : memos_) all.push_back(memo);
  return all;
}

std::size_t Contexts::statements() const {
  const MutexLock lock{mutex_};
  std::size_t sum = 0;
  for (const auto& [name, memo] : memos_) sum += memo->size();
  return sum;
}

}  // namespace weir::detail
