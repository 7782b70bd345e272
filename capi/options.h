// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <sifkit.h>
#include <sifkit/convert.h>
#include <sifkit/core/secret.h>
#include <sifkit/inspect/check.h>
#include <sifkit/inspect/image_diff.h>
#include <sifkit/inspect/sbom.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/trusted_keys.h>
#include <sifkit/trust/verify.h>

struct sifkit_options {
  sifkit_options() { diff.with_runtime_files = false; }

  sifkit::ConvertOptions build;  ///< which is the source's, too
  std::string compression;       ///< as given: a copy knows other words than a build
  bool sign_after_build = false;

  std::vector<std::string> keys;
  std::string key_name;
  sifkit::Secret passphrase;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> objects;
  bool replace = false;

  sifkit::trust::VerifyOptions verify;
  sifkit::trust::CertificateFiles certificate;
  std::string policy;
  std::optional<std::int64_t> at;

  std::optional<sifkit::Digest> digest;
  bool verify_pulled = false;
  sifkit::oci::Annotations annotations;

  sifkit::check::Options check;
  sifkit::inspect::TreeDiffOptions diff;
  std::vector<std::string> ignored;
  sifkit::sbom::DocumentOptions document;
  std::string document_name;

  bool tree = false;
  bool without_runtime_files = false;

  sifkit_progress_function progress = nullptr;
  void* progress_user = nullptr;
  sifkit_message_function message = nullptr;
  void* message_user = nullptr;
  std::stop_source cancel;
};

namespace sifkit::capi {

/// Throws usage for an option that there is not, or a value that it does not take.
void set_option(sifkit_options& options, std::string_view name, std::string_view value);

/// Whose signatures count: those of the options, else those of the rings of the user and the site.
trust::TrustedKeys keys_to_trust(const sifkit_options& options);
/// Whether the options say whose signatures count, or what is demanded of them.
bool names_trust(const sifkit_options& options);

/// The options that a null pointer stands for.
const sifkit_options& options_or_none(const sifkit_options* options);

}  // namespace sifkit::capi
