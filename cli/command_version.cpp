// SPDX-License-Identifier: Apache-2.0
#include <isa-l.h>
#include <libdeflate.h>
#include <openssl/crypto.h>
#include <zstd.h>

#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/tar_writer.h>
#include <sifkit/net/http_client.h>
#include <sifkit/trust/pgp_key.h>
#include <sifkit/version.h>

#include "commands.h"

namespace sifkit::cli {

namespace {

/// Of a library that is loaded when it is needed; nothing where it cannot be.
template <class Version>
std::optional<std::string> where_installed(const Version& version) {
  try {
    return version();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

}  // namespace

void add_version_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "version", "Print the version and those of the libraries in use");
  verb->callback([&session] {
    session.action = [&session] {
      const std::vector<std::pair<std::string, std::optional<std::string>>> libraries{
          {"libarchive", where_installed([] { return tar_library_version(); })},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"zstd", ZSTD_versionString()},
          {"libdeflate", LIBDEFLATE_VERSION_STRING},
          {"ISA-L", fmt::format("{}.{}.{}", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION)},
          {"rnp", where_installed([] { return trust::pgp_library_version(); })},
          {"curl", where_installed([] { return net::http_library_version(); })},
      };
      if (session.json) {
        Json used = Json::object();
        for (const auto& [name, version] : libraries) used[name] = version ? Json(*version) : Json(nullptr);
        session.print_json({{"schema", "sifkit/version/v1"}, {"version", SIFKIT_VERSION_STRING}, {"libraries", used}});
        return 0;
      }
      session.io.out << "sifkit " SIFKIT_VERSION_STRING "\n";
      for (const auto& [name, version] : libraries) session.io.out << fmt::format("  {:<11} {}\n", name, version.value_or("not installed"));
      return 0;
    };
  });
}

}  // namespace sifkit::cli
