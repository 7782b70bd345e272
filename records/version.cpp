// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/version.h>

#include <bzlib.h>
#include <fmt/format.h>
#include <isa-l.h>
#include <libdeflate.h>
#include <lzma.h>
#include <openssl/crypto.h>
#include <zlib.h>
#include <zstd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/tar_writer.h>
#include <sifkit/inspect/database.h>
#include <sifkit/net/http_client.h>
#include <sifkit/oci/remote_file.h>
#include <sifkit/trust/pgp_key.h>
#include <sifkit/version.h>

namespace sifkit::records {

namespace {

/// Of a library that is loaded when it is needed; nothing where it cannot be.
std::optional<std::string> where_installed(std::string (*version)()) {
  try {
    return version();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

/// "1.0.8" of "1.0.8, 13-Jul-2019".
std::string first_part(std::string_view version) { return std::string(version.substr(0, version.find(','))); }

std::string parts(unsigned major, unsigned minor, unsigned patch) { return fmt::format("{}.{}.{}", major, minor, patch); }

}  // namespace

std::vector<std::pair<std::string, std::optional<std::string>>> library_versions() {
  return {{"libarchive", where_installed(tar_library_version)},
          {"libsquashfs", SIFKIT_LIBSQUASHFS_VERSION},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"zlib", zlibVersion()},
          {"bzip2", first_part(BZ2_bzlibVersion())},
          {"liblzma", lzma_version_string()},
          {"zstd", ZSTD_versionString()},
          {"libdeflate", LIBDEFLATE_VERSION_STRING},
          {"ISA-L", parts(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION)},
          {"fmt", parts(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"nlohmann_json", parts(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
          {"rnp", where_installed(trust::pgp_library_version)},
          {"curl", where_installed(net::http_library_version)},
          {"libyaml", where_installed(oci::yaml_library_version)},
          {"SQLite", where_installed(sbom::database_library_version)}};
}

Json version_record() {
  Json used = Json::object();
  for (const auto& [name, version] : library_versions()) used[name] = version ? Json(*version) : Json(nullptr);
  return {{"schema", "sifkit/version/v1"}, {"version", SIFKIT_VERSION_STRING}, {"libraries", used}};
}

}  // namespace sifkit::records
