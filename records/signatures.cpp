// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/signatures.h>

#include <sifkit/records/or_null.h>

namespace sifkit::records {

namespace {

Json signature_record(const trust::SignatureReport& signature) {
  Json signers = Json::array();
  for (const auto& signer : signature.signers) {
    signers.push_back({{"key", text_or_null(signer.key)},
                       {"name", text_or_null(signer.name)},
                       {"algorithm", text_or_null(signer.algorithm)},
                       {"ring", text_or_null(signer.ring)},
                       {"expires", number_or_null(signer.expires)},
                       {"revoked", number_or_null(signer.revoked)},
                       {"valid", signer.valid}});
  }
  return {{"id", signature.id},
          {"group", id_or_null(signature.group)},
          {"object", id_or_null(signature.object)},
          {"legacy", signature.legacy},
          {"format", signature.format},
          {"hash", text_or_null(signature.hash)},
          {"verdict", to_string(signature.verdict)},
          {"ignored", signature.ignored},
          {"reason", text_or_null(signature.reason)},
          {"signers", signers},
          {"created", number_or_null(signature.created)},
          {"objects", signature.objects}};
}

}  // namespace

Json sign_record(const std::string& file, const trust::SignReport& report) {
  Json stale = Json::array();
  for (const auto& old : report.stale)
    stale.push_back({{"signature", old.id}, {"group", old.group}, {"reason", old.reason}});
  return {{"file", file},
          {"added", report.added},
          {"replaced", report.replaced},
          {"stale", stale},
          {"without_group", report.without_group}};
}

Json verify_record(const std::string& file, const sif::Image* image, const trust::VerifyReport* report, const Error* failure) {
  Json signatures = Json::array();
  if (report != nullptr) {
    for (const auto& signature : report->signatures) signatures.push_back(signature_record(signature));
    if (report->failure) failure = &*report->failure;
  }
  const auto ids = [&](std::vector<std::uint32_t> trust::VerifyReport::*list) { return report == nullptr ? Json(nullptr) : Json(report->*list); };
  Json keys = Json::array();
  Json unprotected(nullptr);
  Json policy(nullptr);
  if (report != nullptr) {
    for (const auto& key : report->keys) keys.push_back({{"key", key.key}, {"objects", key.objects}});
    const auto& bytes = report->unprotected;
    unprotected = {{"architecture", bytes.architecture},
                   {"architecture_agrees", bytes.agrees ? Json(*bytes.agrees) : Json(nullptr)},
                   {"bytes_between", bytes.bytes_between},
                   {"bytes_behind", bytes.bytes_behind}};
    if (report->policy) {
      const auto& match = *report->policy;
      Json links = Json::array();
      for (const auto& link : report->policy_links) links.push_back({{"link", link.image}, {"rule", link.place}, {"path", link.path}});
      policy = {{"policy", match.policy}, {"image", match.image}, {"rule", text_or_null(match.place)}, {"path", text_or_null(match.path)}, {"links", links}};
    }
  }
  return {{"file", file},
          {"verified", report != nullptr && failure == nullptr},
          {"kind", failure == nullptr ? Json(nullptr) : Json(to_string(failure->kind()))},
          {"failure", failure == nullptr ? Json(nullptr) : Json(failure->message())},
          {"covered", ids(&trust::VerifyReport::covered)},
          {"changed", ids(&trust::VerifyReport::changed)},
          {"cut_short", ids(&trust::VerifyReport::cut_short)},
          {"not_covered", ids(&trust::VerifyReport::not_covered)},
          {"not_checked", ids(&trust::VerifyReport::not_checked)},
          {"keys", keys},
          {"at", report == nullptr ? Json(nullptr) : number_or_null(report->at)},
          {"problems", image == nullptr ? Json(nullptr) : Json(image->problems())},
          {"digest", report != nullptr && report->digest ? Json(report->digest->text()) : Json(nullptr)},
          {"unprotected", unprotected},
          {"policy", policy},
          {"layout", report == nullptr ? Json(nullptr) : Json(report->layout)},
          {"signatures", signatures}};
}

}  // namespace sifkit::records
