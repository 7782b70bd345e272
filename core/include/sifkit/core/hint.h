// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <sifkit/core/export.h>

namespace sifkit {

/// Something that a program may offer its users against an error. How it is asked for, by an option or in a dialog, is the
/// program's to say.
enum class Advice : std::uint8_t {
  none,
  overwrite,        ///< replace the target
  raise_limit,      ///< of the name `argument` (adjustable_limits)
  clamp_names,      ///< LayerOptions::clamp_climbing_names
  larger_blocks,    ///< SquashfsOptions::block_size
  root_owners,      ///< ConvertOptions::all_root
  exclude,          ///< ConvertOptions::excludes: the paths in `argument`, a space between them
  keep_capabilities,  ///< XattrPolicy::keep
  choose_platform,  ///< SourceOptions::platform: `argument`, as "linux/arm64"
  service_address,  ///< SourceOptions::daemon_host; `argument` is the one that is meant, where it is known
  service_timeout,  ///< SourceOptions::service_timeout
  registry_login,   ///< name credentials for the registry `argument`
  plain_http,       ///< RegistryOptions::plain_http, or its certificates, for the registry `argument`
  name_library,     ///< RegistryOptions::library
  oci_manifest,     ///< CopyOptions::format: a manifest of OCI
  copy_all,         ///< copy all that the source has, as it is (copy_all)
  scratch_directory,  ///< SourceOptions::scratch; `argument` is what it must have, "room for the image" or nothing
  pipe_archive,     ///< let a program write an archive to standard input
  convert,          ///< convert the source
  look_inside,      ///< inspect and list the image
  list_objects,     ///< show what objects a SIF holds
  remove_object,    ///< from a SIF
  compact,          ///< give back what no object of a SIF uses
  sign,
  import_key,       ///< of the fingerprint `argument`
  name_public_key,  ///< to verify with; `argument` is its id, where it is known
  find_key,         ///< ask a keyserver for fingerprints
  make_key,         ///< an OpenPGP key
  choose_key,       ///< PgpKeyChoice: of those that `argument` lists
  pem_key,          ///< PEM keys are not kept in rings: their files are named where they are used
  certificate,      ///< verify with a certificate
  legacy,           ///< VerifyOptions::legacy
};

/// What to do about an error: words, and something that the program may offer.
class SIFKIT_API Hint {
 public:
  Hint() = default;
  Hint(std::string words) : words_(std::move(words)) {}  // NOLINT(google-explicit-constructor)
  Hint(const char* words) : words_(words) {}             // NOLINT(google-explicit-constructor)
  Hint(Advice advice, std::string argument = {}, std::string words = {})
      : advice_(advice), argument_(std::move(argument)), words_(std::move(words)) {}

  bool empty() const noexcept { return advice_ == Advice::none && words_.empty(); }
  Advice advice() const noexcept { return advice_; }
  const std::string& argument() const noexcept { return argument_; }
  /// What is said beside the advice, in front of it.
  const std::string& words() const noexcept { return words_; }
  /// The whole, in words that name no option of any program.
  std::string text() const;

 private:
  Advice advice_ = Advice::none;
  std::string argument_;
  std::string words_;
};

}  // namespace sifkit
