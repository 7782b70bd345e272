// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/findings.h>

#include <sifkit/records/files.h>
#include <sifkit/records/or_null.h>

namespace sifkit::records {

namespace {

Json change_record(const inspect::TreeChange& change, const layers::Tree& first, const layers::Tree& second) {
  Json record{{"kind", inspect::to_string(change.kind)}, {"changed", change.facts}, {"before", nullptr}, {"after", nullptr}};
  put_text(record, "path", "/" + change.path);
  const bool renamed = change.kind == inspect::ChangeKind::renamed;
  if (change.before != layers::kNone) {
    record["before"] = file_record(first, "/" + (renamed ? change.old_path : change.path), change.before);
  }
  if (change.after != layers::kNone) record["after"] = file_record(second, "/" + change.path, change.after);
  return record;
}

}  // namespace

Json check_record(const std::string& source, const check::Report& report) {
  using enum check::Severity;
  Json findings = Json::array();
  for (const auto& finding : report.findings) {
    findings.push_back({{"code", finding.code},
                        {"severity", to_string(finding.severity)},
                        {"path", text_or_null(finding.path)},
                        {"text", finding.text},
                        {"action", action_of(finding)}});
  }
  Json omitted = Json::array();
  for (const auto& [code, severity, count] : report.omitted) {
    omitted.push_back({{"code", code}, {"severity", to_string(severity)}, {"count", count}});
  }
  const auto& facts = report.facts;
  return {{"schema", "sifkit/check/v1"},
          {"source", source},
          {"facts",
           {{"architecture", text_or_null(facts.architecture)},
            {"libc", text_or_null(facts.libc)},
            {"kernel", text_or_null(facts.kernel)},
            {"processor", text_or_null(facts.processor)},
            {"cuda", text_or_null(facts.cuda)},
            {"rocm", text_or_null(facts.rocm)},
            {"mpi", text_or_null(facts.mpi)}}},
          {"errors", report.count(error)},
          {"warnings", report.count(warning)},
          {"notes", report.count(note)},
          {"findings", findings},
          {"omitted", omitted}};
}

Json diff_record(const inspect::ImageDiff& diff) {
  Json files = Json::array();
  for (const auto& change : diff.files) files.push_back(change_record(change, *diff.first, *diff.second));
  Json said = diff.configuration_compared ? Json::array() : Json(nullptr);
  for (const auto& fact : diff.configuration) {
    said.push_back({{"name", fact.name},
                    {"before", fact.before ? Json(*fact.before) : Json(nullptr)},
                    {"after", fact.after ? Json(*fact.after) : Json(nullptr)}});
  }
  Json packages = Json::array();
  for (const auto& package : diff.packages) {
    packages.push_back({{"kind", package.kind},
                        {"name", package.name},
                        {"before", package.before},
                        {"after", package.after}});
  }
  return {{"schema", "sifkit/diff/v1"},
          {"equal", diff.equal()},
          {"files", files},
          {"configuration", said},
          {"packages", packages}};
}

}  // namespace sifkit::records
