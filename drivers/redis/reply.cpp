#include "drivers/redis/reply.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <new>
#include <utility>

namespace weir::redis {
namespace {

// Far more than any answer to what we ask has; a hostile server gets no further.
constexpr std::size_t kMostItems = 1UL << 18U;
constexpr std::size_t kMostLevels = 8;  // hiredis before 1.0 has such a limit itself

ReplyReader::Budget& budget_of(const redisReadTask* task) {
  return *static_cast<ReplyReader::Budget*>(task->privdata);
}

// The place for the reply a task stands for: a root of its own, or its slot in the parent's items,
// which were made when the parent was. Null when there is none.
Reply* place_for(const redisReadTask* task) {
  if (task->parent == nullptr) return new (std::nothrow) Reply;
  auto* const parent = static_cast<Reply*>(task->parent->obj);
  const auto index = static_cast<std::size_t>(task->idx);
  return parent != nullptr && index < parent->items.size() ? &parent->items[index] : nullptr;
}

// A tree is taken down level by level of the stack.
bool too_deep(const redisReadTask* task) {
  std::size_t levels = 0;
  for (; task != nullptr && levels <= kMostLevels; task = task->parent) ++levels;
  return levels > kMostLevels;
}

bool take(std::size_t& left, std::size_t wanted, ReplyReader::Budget& budget) {
  if (wanted > left) {
    budget.exceeded = true;
    return false;
  }
  left -= wanted;
  return true;
}

// A failed callback: what is not yet part of the tree goes here, the tree by free_object.
void* fail(const redisReadTask* task, Reply* reply) {
  if (task->parent == nullptr) delete reply;
  return nullptr;
}

// All callbacks are called by C: nothing may be thrown.
void* create_string(const redisReadTask* task, char* text, std::size_t length) {
  Reply* const reply = place_for(task);
  if (reply == nullptr) return nullptr;
  ReplyReader::Budget& budget = budget_of(task);
  if (!take(budget.bytes, length, budget)) return fail(task, reply);
  try {
    reply->text.assign(text, length);
  } catch (const std::bad_alloc&) {
    return fail(task, reply);
  }
  switch (task->type) {
    case REDIS_REPLY_ERROR:
      reply->kind = Reply::Kind::kError;
      break;
    case REDIS_REPLY_STATUS:
      reply->kind = Reply::Kind::kStatus;
      break;
    default:
      reply->kind = Reply::Kind::kString;
      break;
  }
  return reply;
}

void* create_items(const redisReadTask* task, std::size_t elements) {
  Reply* const reply = place_for(task);
  if (reply == nullptr) return nullptr;
  ReplyReader::Budget& budget = budget_of(task);
  if (too_deep(task)) {
    budget.exceeded = true;
    return fail(task, reply);
  }
  if (!take(budget.items, elements, budget)) return fail(task, reply);
  try {
    reply->items.resize(elements);
  } catch (const std::bad_alloc&) {
    return fail(task, reply);
  }
  reply->kind = Reply::Kind::kArray;
  return reply;
}

void* create_integer(const redisReadTask* task, long long value) {
  Reply* const reply = place_for(task);
  if (reply == nullptr) return nullptr;
  reply->kind = Reply::Kind::kInteger;
  reply->integer = value;
  return reply;
}

void* create_nil(const redisReadTask* task) { return place_for(task); }

void free_object(void* reply) { delete static_cast<Reply*>(reply); }

#if HIREDIS_MAJOR >= 1
void* create_array(const redisReadTask* task, std::size_t elements) {
  return create_items(task, elements);
}
// Only RESP3 has these, which we never ask for.
void* create_double(const redisReadTask* task, double /*value*/, char* text, std::size_t length) {
  return create_string(task, text, length);
}
void* create_bool(const redisReadTask* task, int value) { return create_integer(task, value); }
#else
void* create_array(const redisReadTask* task, int elements) {
  return elements < 0 ? nullptr : create_items(task, static_cast<std::size_t>(elements));
}
#endif

redisReplyObjectFunctions* functions() {
  static redisReplyObjectFunctions table = [] {
    redisReplyObjectFunctions made{};
    made.createString = create_string;
    made.createArray = create_array;
    made.createInteger = create_integer;
    made.createNil = create_nil;
    made.freeObject = free_object;
#if HIREDIS_MAJOR >= 1
    made.createDouble = create_double;
    made.createBool = create_bool;
#endif
    return made;
  }();
  return &table;
}

}  // namespace

std::string_view Reply::error_word() const noexcept {
  if (kind != Kind::kError) return {};
  const std::string_view all = text;
  return all.substr(0, all.find(' '));
}

std::string_view to_string(Reply::Kind kind) noexcept {
  switch (kind) {
    case Reply::Kind::kNil:
      return "nil";
    case Reply::Kind::kInteger:
      return "an integer";
    case Reply::Kind::kString:
      return "a string";
    case Reply::Kind::kStatus:
      return "a status";
    case Reply::Kind::kError:
      return "an error";
    case Reply::Kind::kArray:
      return "an array";
  }
  return "?";
}

ReplyReader::ReplyReader(std::size_t max_bytes)
    : max_bytes_{max_bytes}, reader_{redisReaderCreateWithFunctions(functions()), redisReaderFree} {
  if (!reader_) throw std::bad_alloc{};
  reader_->privdata = &budget_;
  refill();
}

ReplyReader::~ReplyReader() = default;

void ReplyReader::refill() { budget_ = {.bytes = max_bytes_, .items = kMostItems}; }

void ReplyReader::feed(std::span<const char> bytes) {
  redisReaderFeed(reader_.get(), bytes.data(), bytes.size());  // what goes wrong, next() tells
}

std::optional<Reply> ReplyReader::next() {
  void* raw = nullptr;
  const int status = redisReaderGetReply(reader_.get(), &raw);
  const std::unique_ptr<Reply> reply{static_cast<Reply*>(raw)};
  if (budget_.exceeded) {
    throw ProtocolFault{fmt::format("a reply of more than {} bytes, {} items or {} levels",
                                    max_bytes_, kMostItems, kMostLevels)};
  }
  if (status != REDIS_OK) throw ProtocolFault{reader_->errstr};
  if (reply) {
    refill();
    return std::move(*reply);
  }
  if (reader_->len - reader_->pos > max_bytes_) {
    throw ProtocolFault{fmt::format("a reply of more than {} bytes", max_bytes_)};
  }
  return std::nullopt;
}

void append_command(std::string& wire, const Command& command) {
  std::vector<const char*> arguments;
  std::vector<std::size_t> lengths;
  for (const std::string_view argument : command) {
    arguments.push_back(argument.data() == nullptr ? "" : argument.data());
    lengths.push_back(argument.size());
  }
  char* text = nullptr;
  const auto length = redisFormatCommandArgv(&text, static_cast<int>(command.size()),
                                             arguments.data(), lengths.data());
  if (length < 0) throw std::bad_alloc{};
  const std::unique_ptr<char, void (*)(char*)> owner{text, redisFreeCommand};
  wire.append(text, static_cast<std::size_t>(length));
}

}  // namespace weir::redis
