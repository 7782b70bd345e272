// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/file_query.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "query_tests.h"

namespace sifkit::inspect {

namespace {

enum class Operator : std::uint8_t { open, disjunction, conjunction, negation };  // the later, the closer it binds

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorKind::usage, message); }

}  // namespace

FileQuery::FileQuery(const std::vector<QueryWord>& words, layers::FileSystem& files) {
  std::vector<Operator> pending;
  bool complete = false;  // whether what stands before is a whole expression
  std::string last;
  const auto emit = [&] {
    static constexpr Kind kKinds[] = {Kind::test, Kind::disjunction, Kind::conjunction, Kind::negation};
    steps_.push_back({kKinds[static_cast<std::size_t>(pending.back())], {}});
    pending.pop_back();
  };
  const auto binary = [&](Operator op) {
    while (!pending.empty() && pending.back() >= op) emit();
    pending.push_back(op);
    complete = false;
  };
  for (const auto& word : words) {
    if (word.name == "and" || word.name == "or") {
      if (!complete) fail(fmt::format("expected a test before '{}'", word.name));
      binary(word.name == "or" ? Operator::disjunction : Operator::conjunction);
    } else if (word.name == ")") {
      if (!complete) fail("expected a test before ')'");
      while (!pending.empty() && pending.back() != Operator::open) emit();
      if (pending.empty()) fail("')' without its '('");
      pending.pop_back();
    } else {
      if (complete) binary(Operator::conjunction);
      if (word.name == "not") {
        pending.push_back(Operator::negation);
      } else if (word.name == "(") {
        pending.push_back(Operator::open);
      } else {
        steps_.push_back({Kind::test, query_test(word, files)});
        complete = true;
      }
    }
    last = word.name;
  }
  if (!words.empty() && !complete) fail(fmt::format("expected a test behind '{}'", last));
  while (!pending.empty()) {
    if (pending.back() == Operator::open) fail("'(' without its ')'");
    emit();
  }
}

bool FileQuery::matches(const QueriedFile& file) const {
  std::vector<bool> values;
  for (const auto& step : steps_) {
    if (step.kind == Kind::test) {
      values.push_back(step.test(file));
      continue;
    }
    const bool right = values.back();
    if (step.kind == Kind::negation) {
      values.back() = !right;
      continue;
    }
    values.pop_back();
    values.back() = step.kind == Kind::conjunction ? values.back() && right : values.back() || right;
  }
  return values.empty() || values.back();
}

}  // namespace sifkit::inspect
