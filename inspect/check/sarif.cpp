// SPDX-License-Identifier: Apache-2.0
//
// SARIF 2.1.0, as code scanning services read it.
#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>
#include <sifkit/version.h>

namespace sifkit::check {

namespace {

/// A path as a URI reference, relative to the image: every byte that a URI gives a meaning is encoded.
std::string uri_of(std::string_view path) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string out;
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out.empty() ? "." : out;
}

}  // namespace

std::string sarif_text(const Report& report, std::string_view name) {
  Json known = Json::array();
  for (const auto& rule : rules()) {
    known.push_back({{"id", rule.code},
                     {"shortDescription", {{"text", rule.summary}}},
                     {"help", {{"text", rule.action}}},
                     {"defaultConfiguration", {{"level", to_string(rule.severity)}}}});
  }
  Json results = Json::array();
  for (const auto& finding : report.findings) {
    const auto print =
        digest_of(as_bytes(finding.code + '\0' + finding.path + '\0' + finding.text)).hex().substr(0, 32);
    results.push_back(
        {{"ruleId", finding.code},
         {"level", to_string(finding.severity)},
         {"message", {{"text", finding.text}}},
         {"locations",
          Json::array({{{"physicalLocation",
                         {{"artifactLocation", {{"uri", uri_of(finding.path)}, {"uriBaseId", "IMAGE"}}}}}}})},
         {"partialFingerprints", {{"sifkit/v1", print}}}});
  }
  const Json document{
      {"version", "2.1.0"},
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"runs",
       Json::array(
           {{{"tool",
              {{"driver", {{"name", "sifkit"}, {"version", SIFKIT_VERSION_STRING}, {"rules", std::move(known)}}}}},
             {"originalUriBaseIds", {{"IMAGE", {{"description", {{"text", fmt::format("the root of {}", name)}}}}}}},
             {"results", std::move(results)}}})}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sifkit::check
