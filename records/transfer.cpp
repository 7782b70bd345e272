// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/transfer.h>

#include <sifkit/net/url.h>

namespace sifkit::records {

namespace {

bool known_by_configuration(const oci::Target& target) {
  return target.transport == oci::Transport::docker_archive || target.transport == oci::Transport::docker_daemon;
}

}  // namespace

const Digest& digest_at(const oci::Target& target, const CopyReport& report) {
  return known_by_configuration(target) ? report.config_digest : report.manifest_digest;
}

Json copy_record(const std::string& source, const oci::Target& target, const CopyReport& report, bool all) {
  return {{"schema", "sifkit/copy/v1"},
          {"source", source},
          {"target", target.text},
          {"manifest_digest", known_by_configuration(target) ? Json(nullptr) : Json(report.manifest_digest.text())},
          {"config_digest", all ? Json(nullptr) : Json(report.config_digest.text())},
          {"images", all ? report.images : 1},
          {"layers", report.layers},
          {"bytes", report.bytes},
          {"seconds", report.seconds}};
}

Json push_record(const std::string& uri, const std::vector<std::string>& paths, const std::vector<oci::SifFile>& files,
                 const oci::PushReport& report) {
  Json images = Json::array();
  for (std::size_t i = 0; i < files.size(); ++i) {
    images.push_back({{"file", paths.at(i)},
                      {"architecture", files[i].architecture},
                      {"manifest_digest", report.manifests.at(i).text()}});
  }
  return {{"schema", "sifkit/push/v1"},
          {"target", uri},
          {"digest", report.digest.text()},
          {"bytes", report.bytes},
          {"sent_bytes", report.sent_bytes},
          {"images", images}};
}

Json pull_record(const std::string& uri, const PullReport& report) {
  return {{"schema", "sifkit/pull/v1"},
          {"source", net::url_without_secrets(uri)},
          {"target", report.target.native()},
          {"bytes", report.bytes},
          {"digest", report.digest.text()},
          {"manifest_digest", report.manifest_digest ? Json(report.manifest_digest->text()) : Json(nullptr)}};
}

}  // namespace sifkit::records
