// SPDX-License-Identifier: Apache-2.0
#include "verify_text.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <sifkit/core/readable.h>
#include <sifkit/core/text.h>

#include "sif_text.h"
#include "table.h"

namespace sifkit::cli {

namespace {

/// "1204 5C8C 0B10 04D0 58DE  4BED A20C 27EE 7FF7 BA84"; a key id of another kind as it is.
std::string grouped(const std::string& key) {
  if (key.size() != 40) return printable(key);
  std::string out;
  for (std::size_t i = 0; i < key.size(); i += 4) out += (i == 0 ? "" : i == 20 ? "  " : " ") + key.substr(i, 4);
  return out;
}

using ObjectsById = std::map<std::uint32_t, const sif::Descriptor*>;

ObjectsById by_id(const sif::Image& image) {
  ObjectsById out;
  for (const auto* object : image.objects()) out.emplace(object->id, object);
  return out;
}

void add_objects(Table& table, const ObjectsById& objects, const std::vector<std::uint32_t>& ids, const char* state) {
  for (const auto id : ids) {
    const auto& object = *objects.at(id);
    const std::string group = object.group() == 0 ? "none" : fmt::format("{}", object.group());
    table.add({state, fmt::format("{}", id), group, fmt::format("{}", object.size), printable(type_text(object))});
  }
}

std::string signature_text(const trust::SignatureReport& signature) {
  std::string out = fmt::format("signature {} of {} {}: {}{}", signature.id, signature.group != 0 ? "group" : "object",
                                signature.group != 0 ? signature.group : signature.object,
                                signature.ignored ? "not asked for, " : "", to_string(signature.verdict));
  if (!signature.reason.empty()) out += ": " + printable(signature.reason);
  out += '\n';
  if (signature.legacy) out += "  legacy: it covers bytes only; header and descriptors are not protected\n";
  if (signature.format != "unknown") {
    out += fmt::format("  {}{}{}\n", signature.format, signature.hash.empty() ? "" : ", " + signature.hash,
                       signature.created ? ", made " + time_text(*signature.created) : "");
  }
  for (const auto& signer : signature.signers) {
    out += fmt::format("  key {}", signer.key.empty() ? "without a name" : grouped(signer.key));
    if (signer.algorithm.empty()) {
      out += ", not known here\n";
      continue;
    }
    out += fmt::format(", {}{}\n", signer.algorithm, signer.valid ? "" : ", NOT VALID");
    if (!signer.name.empty()) out += fmt::format("    \"{}\"\n", readable(signer.name));
    out += fmt::format("    from {}{}{}\n", printable(signer.ring), signer.expires ? ", expires " + time_text(*signer.expires) : "",
                       signer.revoked ? ", REVOKED " + time_text(*signer.revoked) : "");
  }
  return out;
}

/// What no signature protects.
std::string unprotected_text(const sif::Unprotected& bytes) {
  return fmt::format("not protected: the header's architecture ({}{}), times of change, places, {} bytes between objects, {} behind the last one\n",
                     bytes.architecture, !bytes.agrees ? "" : *bytes.agrees ? ", as the partition's" : ", NOT the partition's", bytes.bytes_between, bytes.bytes_behind);
}

/// How many keys stand behind the result. Two that have each signed a part are not two that have signed.
std::string keys_text(const trust::VerifyReport& report) {
  const auto whole = std::count_if(report.keys.begin(), report.keys.end(), [&](const trust::KeyCoverage& key) { return key.objects == report.covered; });
  if (whole == 0) return fmt::format("{} keys have signed parts of them", report.keys.size());
  return fmt::format("signed by {} key{}", whole, whole == 1 ? "" : "s");
}

/// How much was compared with a signature. Nothing can be where no valid one is.
std::string extent_text(const trust::VerifyReport& report) {
  const auto checked = report.covered.size() + report.changed.size() + report.cut_short.size();
  const auto all = checked + report.not_covered.size() + report.not_checked.size();
  if (checked == 0) return fmt::format("none of the {} objects has a valid signature", all);
  return checked == all ? fmt::format("all {} objects were checked", all)
                        : fmt::format("only {} of {} objects were checked", checked, all);
}

std::string policy_text(const trust::PolicyMatch& match) {
  const std::string place = match.place.empty() ? "NO RULE" : match.path.empty() ? match.place : fmt::format("{} ({})", match.place, in_quotes(match.path));
  return fmt::format("policy {}: {} is for {}\n", in_quotes(match.policy), place, in_quotes(match.image));
}

std::string apptainer_document(std::size_t signatures, const std::string& entries) {
  return fmt::format("{{\n  \"Signatures\": {},\n  \"SignerKeys\": {}\n}}\n", signatures, entries.empty() ? "null" : "[\n" + entries + "\n  ]");
}

std::string apptainer_entry(const sif::Descriptor& object, const trust::SignatureReport& signature, bool intact) {
  const bool pgp = signature.format == "PGP" && signature.signers.size() == 1 && !signature.signers[0].algorithm.empty();
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  return fmt::format(
      "    {{\n      \"Signer\": {{\n        \"Partition\": {},\n        \"Name\": {},\n        \"Fingerprint\": {},\n"
      "        \"KeyLocal\": {},\n        \"KeyCheck\": {},\n        \"DataCheck\": {}\n      }}\n    }}",
      go_json_string(to_string(object.type)), go_json_string(pgp ? signature.signers[0].name : "unknown"),
      go_json_string(pgp ? lower_case(signature.signers[0].key) : ""), flag(pgp), flag(pgp), flag(intact));
}

}  // namespace

std::string verify_text(const sif::Image& image, const trust::VerifyReport& report) {
  Table table({"", "ID", "GROUP", "BYTES", "TYPE"});
  table.align_right(3);
  const auto objects = by_id(image);
  add_objects(table, objects, report.covered, "covered");
  add_objects(table, objects, report.changed, "CHANGED");
  add_objects(table, objects, report.cut_short, "CUT SHORT");
  add_objects(table, objects, report.not_covered, "NOT COVERED");
  add_objects(table, objects, report.not_checked, "not checked");
  std::string out = fmt::format("{}: SIF, {} bytes{}\n{}", printable(image.name()), image.file_size(), report.digest ? ", " + report.digest->text() : "", table.text());
  for (const auto& signature : report.signatures) out += signature_text(signature);
  if (report.at) out += fmt::format("judged as of {}\n", time_text(*report.at));
  if (report.policy) out += policy_text(*report.policy);
  for (const auto& link : report.policy_links) out += policy_text(link);
  out += unprotected_text(report.unprotected);
  for (const auto& problem : report.layout) out += fmt::format("layout: {}\n", printable(problem));
  if (!report.failure) return out + fmt::format("VERIFIED: {}, {}\n", extent_text(report), keys_text(report));
  return out + fmt::format("FAILED: {}: {}; {}\n", to_string(report.failure->kind()),
                           printable(report.failure->message()), extent_text(report));
}

std::string apptainer_json(const sif::Image& image, const trust::VerifyReport& report) {
  std::string entries;
  const auto objects = by_id(image);
  const auto add = [&](const trust::SignatureReport& signature, std::uint32_t id, bool intact) {
    entries += (entries.empty() ? "" : ",\n") + apptainer_entry(*objects.at(id), signature, intact);
  };
  for (const auto& signature : report.signatures) {
    for (const auto id : signature.objects) add(signature, id, true);
    for (const auto id : signature.damaged) add(signature, id, false);
  }
  return apptainer_document(report.signatures.size(), entries);
}

std::string apptainer_json_of_nothing() { return apptainer_document(0, {}); }

}  // namespace sifkit::cli
