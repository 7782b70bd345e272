// SPDX-License-Identifier: Apache-2.0
#include "http_options.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/text.h>

namespace sifkit::oci {

namespace {

constexpr std::uint64_t kMaxCertificateBytes = std::uint64_t{1} << 20;

/// Certificates for a host, as podman and Docker keep them: *.crt are authorities beside the system's, X.cert and X.key
/// the client's. The first directory that is there counts alone.
void add_certificates(const std::string& host, net::TlsOptions& tls) {
  for (const auto& above :
       {home_directory() / ".config/containers/certs.d", std::filesystem::path("/etc/containers/certs.d"),
        std::filesystem::path("/etc/docker/certs.d")}) {
    std::error_code error;
    std::filesystem::directory_iterator entries(above / host, error);
    if (error) continue;
    std::vector<std::filesystem::path> files;
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error))
      files.push_back(entries->path());
    if (error) throw_errno(fmt::format("read the directory {}", in_quotes((above / host).native())), error.value());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      auto other = file;
      if (file.extension() == ".crt") {
        const auto source = sifkit::open_source(file);
        tls.more_authorities += std::string(as_text(read_all(*source, kMaxCertificateBytes, file.native()))) + "\n";
      } else if (file.extension() == ".cert") {
        tls.certificate = file;
        tls.key = other.replace_extension(".key");
      } else if (file.extension() == ".key") {
        other.replace_extension(".cert");
      }
      if (other != file && !std::filesystem::exists(other, error)) {
        throw Error(ErrorKind::not_found, fmt::format("{} is not there, which belongs to {}", in_quotes(other.native()),
                                                      in_quotes(file.native())));
      }
    }
    return;
  }
}

}  // namespace

net::HttpOptions http_options(const std::string& host, const RegistryOptions& options) {
  net::HttpOptions out;
  if (!options.plain_http) add_certificates(host, out.tls);
  out.tls.verified = !options.unverified_tls;
  return out;
}

std::string content_encoding_of(const net::HttpResponse& response) {
  std::string out;
  for (const auto header : response.headers("content-encoding")) {
    const auto each = trimmed(header);
    if (!each.empty() && !equal_ignoring_case(each, "identity")) out += (out.empty() ? "" : ", ") + std::string(each);
  }
  return out;
}

Error encoded_answer(std::string_view name, std::string_view encoding) {
  return {ErrorKind::network,
          fmt::format("{}: expected the bytes as they are kept, got Content-Encoding: {}", name, printable(encoding)),
          "a server or a proxy on the way compresses what passes through it, which was not asked for"};
}

}  // namespace sifkit::oci
