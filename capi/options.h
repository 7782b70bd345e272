// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit.h>
#include <sifkit/convert.h>
#include <sifkit/core/secret.h>
#include <sifkit/inspect/check.h>
#include <sifkit/inspect/image_diff.h>
#include <sifkit/oci/registry_settings.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/trusted_keys.h>
#include <sifkit/trust/verify.h>

struct sifkit_options {
  sifkit_options() { diff.with_runtime_files = false; }

  sifkit::ConvertOptions build;  ///< which is the source's, too
  std::string compression;       ///< as given: a copy knows other words than a build
  std::string format;            ///< as given: each function has formats of its own; empty: the usual one
  bool without_cache = false;
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

  bool all = false;  ///< of a copy: every platform of an index
  sifkit::oci::OwnRegistry source_registry;
  sifkit::oci::OwnRegistry target_registry;
  sifkit::oci::Annotations annotations;

  sifkit::check::Options check;
  sifkit::inspect::TreeDiffOptions diff;
  std::vector<std::string> ignored;
  std::string document_name;

  bool tree = false;
  bool without_runtime_files = false;

  sifkit_progress_function progress = nullptr;
  void* progress_user = nullptr;
  sifkit_message_function message = nullptr;
  void* message_user = nullptr;
  sifkit_warning_function warning = nullptr;
  void* warning_user = nullptr;
  std::stop_source cancel;
};

namespace sifkit::capi {

/// Throws usage for an option that there is not, or a value that it does not take. No value is one of a flag alone.
void set_option(sifkit_options& options, std::string_view name, std::optional<std::string_view> value);

/// The place of the option `format` among those that a function has, the first where it is not set. Throws usage for one
/// of another function: what is not asked for must not pass for it.
std::size_t format_among(const sifkit_options& options, std::initializer_list<std::string_view> formats);

/// Whose signatures count: those of the options, else those of the rings of the user and the site.
trust::TrustedKeys keys_to_trust(const sifkit_options& options);
/// Whether the options say whose signatures count, or what is demanded of the keys.
bool names_trust(const sifkit_options& options);

/// The options that a null pointer stands for.
const sifkit_options& options_or_none(const sifkit_options* options);

}  // namespace sifkit::capi
