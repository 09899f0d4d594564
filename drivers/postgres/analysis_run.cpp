#include "drivers/postgres/analysis_run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "drivers/postgres/cast_source.hpp"
#include "drivers/postgres/function_rules.hpp"

namespace weir::postgres {
namespace {

using spi::Cacheability;
using spi::StatementKind;
using Part = CatalogCandidate::Part;
using Trust = CatalogCandidate::Trust;

constexpr int kMaxRounds = 32;  // of views within views and bodies within bodies

template <typename T>
bool contains(const std::vector<T>& items, const T& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

void add_once(std::vector<std::string>& items, std::string item) {
  if (!contains(items, item)) items.push_back(std::move(item));
}

std::string in_place(std::string reason, const std::string& place) {
  return place.empty() ? std::move(reason) : fmt::format("{} (in {})", reason, place);
}

bool is_tracked(const CatalogRelation& relation) {
  switch (relation.kind) {
    case 'r':
    case 'p':
      return relation.installed && relation.untracked.empty() && !relation.foreign &&
             !relation.system && !relation.temporary;
    case 'm':
    case 'v':  // change by DDL only, which is seen
      return relation.installed && !relation.system && !relation.temporary;
    default:
      return false;
  }
}

bool any_time_type(std::string_view names) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (is_time_type(names.substr(0, end))) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

}  // namespace

void AnalysisRun::never(std::string reason, const std::string& place) {
  add_once(never_, in_place(std::move(reason), place));
}

void AnalysisRun::ttl_only(std::string reason, const std::string& place) {
  add_once(ttl_only_, in_place(std::move(reason), place));
}

void AnalysisRun::opaque(std::string reason, const std::string& place) {
  add_once(opaque_, in_place(std::move(reason), place));
}

void AnalysisRun::missing(std::string reason) {
  missing_ = true;
  add_once(never_, std::move(reason));
}

spi::Analysis AnalysisRun::run(const StatementShape& statement, std::string_view sql) {
  result_.kind = statement.kind;
  result_.parameters = statement.parameters;
  result_.may_change_session = statement.may_change_session;
  result_.refusal = statement.refusal;
  absorb(statement, {});
  if (statement.kind == StatementKind::kRead || statement.kind == StatementKind::kWrite) {
    int rounds = 0;
    do {
      resolve_relations();
    } while (statement.kind == StatementKind::kRead && !missing_ && resolve_names() &&
             ++rounds < kMaxRounds);
    if (rounds == kMaxRounds) never("its views and functions are nested too deeply", {});
    if (statement.kind == StatementKind::kRead && !missing_) {
      judge_functions();
      judge_operators();
      judge_casts();
    }
    resolve_writes(statement.writes);
  }
  if (missing_ && result_.kind == StatementKind::kRead) result_.kind = StatementKind::kOther;
  result_.cacheability = result_.kind != StatementKind::kRead || !never_.empty()
                             ? Cacheability::kNever
                         : ttl_only_.empty() && opaque_.empty() ? Cacheability::kProvable
                                                                : Cacheability::kTtlOnly;
  result_.opaque_only = result_.cacheability == Cacheability::kTtlOnly && ttl_only_.empty();
  for (std::vector<std::string>* reasons : {&never_, &ttl_only_, &opaque_}) {
    std::move(reasons->begin(), reasons->end(), std::back_inserter(result_.reasons));
  }
  add_keys(sql);
  return std::move(result_);
}

void AnalysisRun::absorb(const StatementShape& shape, const Place& place) {
  for (const std::string& reason : shape.never) never(reason, place.text);
  for (const std::string& reason : shape.ttl_only) ttl_only(reason, place.text);
  for (const ObjectName& name : shape.relations) {
    if (!place.walked && !contains(elsewhere_, name)) elsewhere_.push_back(name);
    request(name, place);
  }
  for (const FunctionUse& use : shape.functions) {
    names_.functions.push_back(use);
    function_places_.push_back(place.text);
  }
  for (const OperatorUse& use : shape.operators) {
    names_.operators.push_back(use);
    operator_places_.push_back(place.text);
  }
  for (const CastUse& use : shape.casts) {
    names_.casts.push_back(use);
    cast_places_.push_back(place.text);
  }
  for (const std::string& alias : shape.column_aliases) add_once(column_aliases_, alias);
  for (const std::string& alias : shape.function_aliases) add_once(names_.function_aliases, alias);
  for (const std::string& alias : shape.record_aliases) add_once(names_.record_aliases, alias);
  names_.records = names_.records || shape.records;
}

void AnalysisRun::request(const ObjectName& name, const Place& place) {
  RelationRequest wanted{name, place.role};
  if (contains(requested_, wanted)) return;
  requested_.push_back(wanted);
  pending_.push_back(std::move(wanted));
  pending_places_.push_back(place);
}

void AnalysisRun::resolve_relations() {
  for (int round = 0; !pending_.empty(); ++round) {
    if (round == kMaxRounds) return never("its views are nested too deeply", {});
    const std::vector<RelationRequest> requests = std::exchange(pending_, {});
    const std::vector<Place> places = std::exchange(pending_places_, {});
    const std::vector<CatalogRelation> relations = catalog_->relations(requests);
    for (std::size_t i = 0; i < relations.size(); ++i) {
      if (relations[i].exists) {
        remember(requests[i].name, relations[i]);
        judge_relation(relations[i], places[i]);
      } else {
        missing(in_place(fmt::format("relation {} does not exist", requests[i].name.to_string()),
                         places[i].text));
      }
    }
  }
}

void AnalysisRun::resolve_writes(const std::vector<ObjectName>& writes) {
  if (writes.empty()) return;
  std::vector<RelationRequest> requests;
  for (const ObjectName& name : writes) requests.push_back({name, 0});
  for (const CatalogRelation& relation : catalog_->relations(requests)) {
    if (!relation.exists) continue;
    result_.writes.push_back(
        {std::to_string(relation.id), relation.full_name(), is_tracked(relation)});
  }
}

void AnalysisRun::judge_relation(const CatalogRelation& relation, const Place& place) {
  const std::string id = std::to_string(relation.id);
  const std::string name = relation.full_name();
  names_.relations.push_back(relation.id);
  if (std::none_of(result_.relations.begin(), result_.relations.end(),
                   [&id](const spi::RelationUse& use) { return use.id == id; })) {
    result_.relations.push_back({id, name, is_tracked(relation)});
    if (is_tracked(relation) && relation.kind != 'v') {
      for (const std::string& member : relation.family) add_once(result_.dependencies, member);
    }
  }
  if (relation.temporary) return never(fmt::format("{} is temporary", name), place.text);
  if (relation.schema == "weir") return never(fmt::format("{} is weir's own", name), place.text);
  if (relation.system) {
    if (is_session_relation(relation.name)) {
      return never(fmt::format("{} is about the session", name), place.text);
    }
    return ttl_only(fmt::format("system relation {} cannot be tracked", name), place.text);
  }
  if (relation.kind == 'v') {
    const Place inside{fmt::format("view {}", name), relation.view_role};
    const StatementShape shape = read_statement(relation.definition);
    for (Known& known : known_) {
      if (known.relation.id == relation.id) known.reads = shape.relations;
    }
    absorb(shape, inside);
  }
  judge_stored(relation, place);
  if (!relation.unwatched_role.empty()) {
    ttl_only(fmt::format("row security of {} for role {}: changes to that role are not noticed",
                         name, relation.unwatched_role),
             place.text);
  }
  if (relation.row_security) {
    result_.needs_declared_session = true;
    const Place inside{fmt::format("a policy of {}", name), place.role, false};
    for (const std::string& policy : relation.policies)
      absorb(read_statement("SELECT " + policy), inside);
  }
}

void AnalysisRun::judge_stored(const CatalogRelation& relation, const Place& place) {
  const std::string name = relation.full_name();
  switch (relation.kind) {
    case 'f':
      return ttl_only(fmt::format("foreign table {} is written elsewhere", name), place.text);
    case 'S':
      return ttl_only(fmt::format("sequence {} changes without a trace", name), place.text);
    case 'v':
    case 'm':
    case 'r':
    case 'p':
      break;
    default:
      return never(fmt::format("{} is not a table or view", name), place.text);
  }
  if (!relation.installed) {
    return ttl_only(
        fmt::format("{} is not tracked: weir's schema is not installed, run weir migrate up", name),
        place.text);
  }
  if (relation.kind == 'v' || relation.kind == 'm') return;
  if (relation.foreign) {
    return ttl_only(fmt::format("table {} has foreign tables below it, written elsewhere", name),
                    place.text);
  }
  if (relation.untracked == name) {
    return ttl_only(fmt::format("table {} is not tracked: run weir track", name), place.text);
  }
  if (!relation.untracked.empty()) {
    ttl_only(fmt::format("table {} is not tracked, because its relative {} is not: run weir track",
                         name, relation.untracked),
             place.text);
  }
}

bool AnalysisRun::resolve_names() {
  if (names_.functions.empty() && names_.operators.empty() && names_.casts.empty() &&
      names_.relations.empty()) {
    return false;
  }
  candidates_ = catalog_->names(names_);
  bool more = false;
  for (const CatalogCandidate& candidate : candidates_) more = read_body(candidate) || more;
  return more;
}

bool AnalysisRun::read_body(const CatalogCandidate& candidate) {
  if (candidate.trust != Trust::kBody || contains(bodies_, candidate.body)) return false;
  bodies_.push_back(candidate.body);
  if (candidate.part == Part::kCheck) {
    absorb(read_statement("SELECT " + candidate.body),
           {fmt::format("a check of {}", candidate.name), 0, false});
  } else {
    absorb(read_function_body(candidate.body),
           {fmt::format("function {}", candidate.name), 0, false});
  }
  return true;
}

bool AnalysisRun::has_candidate(Part part, std::size_t index) const {
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [part, index](const CatalogCandidate& candidate) {
                       return candidate.part == part && candidate.index == index;
                     });
}

void AnalysisRun::judge_users(const CatalogCandidate& candidate, const char* what,
                              const std::string& place) {
  if (candidate.trust != Trust::kOpaque) return;
  result_.may_change_session = true;
  if (candidate.volatility == 'v') {
    result_.kind = StatementKind::kWrite;
    return never(fmt::format("{} {} is volatile: it may write", what, candidate.name), place);
  }
  opaque(fmt::format("{} {} may read anything: declare depends_on", what, candidate.name), place);
}

void AnalysisRun::judge_functions() {
  for (const CatalogCandidate& candidate : candidates_) {
    if (candidate.part != Part::kFunction || candidate.index >= names_.functions.size()) continue;
    const std::string& place = function_places_[candidate.index];
    if (candidate.trust == Trust::kBuiltin) {
      judge_builtin_function(candidate, names_.functions[candidate.index], place);
    } else {
      judge_users(candidate, "function", place);
    }
  }
  for (std::size_t i = 0; i < names_.functions.size(); ++i) {
    const FunctionUse& use = names_.functions[i];
    if (use.form == FunctionUse::Form::kAttribute || has_candidate(Part::kFunction, i)) continue;
    bool is_cast = false;  // mytype(x)
    for (std::size_t c = 0; c < names_.casts.size(); ++c) {
      is_cast = is_cast || (names_.casts[c].function_style && names_.casts[c].type == use.name &&
                            has_candidate(Part::kType, c));
    }
    if (!is_cast)
      missing(in_place(fmt::format("function {} does not exist", use.name.to_string()),
                       function_places_[i]));
  }
}

void AnalysisRun::judge_builtin_function(const CatalogCandidate& candidate, const FunctionUse& use,
                                         const std::string& place) {
  if (use.form == FunctionUse::Form::kCustomSetting) {
    result_.needs_declared_session = true;
    return;
  }
  const FunctionVerdict verdict = judge_builtin(candidate.name, candidate.volatility);
  if (use.form == FunctionUse::Form::kAttribute && !use.qualifier.empty() &&
      verdict.effect != FunctionVerdict::Effect::kNever &&
      !contains(names_.function_aliases, use.qualifier) &&
      contains(column_aliases_, use.name.name)) {
    return;  // x.age, where x has a column of that name: a row is no argument of age()
  }
  result_.may_change_session = result_.may_change_session || verdict.may_change_session;
  if (verdict.writes) result_.kind = StatementKind::kWrite;
  switch (verdict.effect) {
    case FunctionVerdict::Effect::kNone:
      return;
    case FunctionVerdict::Effect::kTtlOnly:
      return ttl_only(
          fmt::format("{}() {}", candidate.name,
                      candidate.volatility == 'i' ? "shows role names" : "is not immutable"),
          place);
    case FunctionVerdict::Effect::kNever:
      return never(
          fmt::format("{}() {}", candidate.name,
                      verdict.writes ? "may have effects" : "is about the session or has effects"),
          place);
  }
}

void AnalysisRun::judge_operators() {
  for (const CatalogCandidate& candidate : candidates_) {
    if (candidate.part != Part::kOperator || candidate.index >= names_.operators.size()) continue;
    const std::string& place = operator_places_[candidate.index];
    if (candidate.trust != Trust::kBuiltin) {
      judge_users(candidate, "operator function", place);
    } else if (candidate.volatility == 'v') {
      ttl_only(fmt::format("operator {} is volatile", candidate.name), place);
    }
  }
  for (std::size_t i = 0; i < names_.operators.size(); ++i) {
    if (has_candidate(Part::kOperator, i)) continue;
    missing(
        in_place(fmt::format("operator {} does not exist", names_.operators[i].name.to_string()),
                 operator_places_[i]));
  }
}

void AnalysisRun::judge_casts() {
  for (const CatalogCandidate& candidate : candidates_) {
    if (candidate.part == Part::kCast) {
      judge_users(candidate, "cast function", {});
    } else if (candidate.part == Part::kMoving) {
      ttl_only(fmt::format("{} is {}, {}", candidate.name, candidate.body,
                           candidate.body == "timetz" ? "whose zone depends on today"
                           : candidate.body == "time" ? "which a zone makes depend on today"
                                                      : "which shows role names"),
               {});
    } else if (candidate.part == Part::kSupport) {
      judge_users(candidate, "operator class function", {});
    } else if (candidate.part == Part::kType && candidate.index < names_.casts.size()) {
      judge_cast(names_.casts[candidate.index], candidate, cast_places_[candidate.index]);
    }
  }
  for (std::size_t i = 0; i < names_.casts.size(); ++i) {
    if (names_.casts[i].function_style || has_candidate(Part::kType, i)) continue;
    missing(in_place(fmt::format("type {} does not exist", names_.casts[i].type.to_string()),
                     cast_places_[i]));
  }
}

void AnalysisRun::judge_cast(const CastUse& cast, const CatalogCandidate& type,
                             const std::string& place) {
  const bool builtin = type.trust == Trust::kBuiltin;
  if (builtin && is_catalog_type(type.name)) {
    ttl_only(fmt::format("a cast to {} reads the catalog", type.name), place);
  }
  if (!(builtin ? is_time_type(type.name) : any_time_type(type.body))) return;
  const bool harmless = !cast.of_unknown && !odd_cast_source() &&
                        std::all_of(cast.columns.begin(), cast.columns.end(),
                                    [this](const std::string& c) { return never_text(c); });
  if (!harmless) ttl_only(fmt::format("text cast to {} may say 'now'", type.name), place);
}

bool AnalysisRun::odd_cast_source() const {
  return std::any_of(
      candidates_.begin(), candidates_.end(), [this](const CatalogCandidate& candidate) {
        if (candidate.trust == Trust::kBuiltin) return false;
        return (candidate.part == Part::kFunction && candidate.index < names_.functions.size() &&
                decides_cast_source(names_.functions[candidate.index].name.name)) ||
               (candidate.part == Part::kOperator && candidate.index < names_.operators.size() &&
                decides_cast_source(names_.operators[candidate.index].name.name));
      });
}

bool AnalysisRun::never_text(const std::string& column) const {
  if (contains(column_aliases_, column)) return false;
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [&column](const CatalogCandidate& candidate) {
                       return candidate.part == Part::kColumn &&
                              candidate.trust == Trust::kTrusted && candidate.name == column;
                     });
}

}  // namespace weir::postgres
