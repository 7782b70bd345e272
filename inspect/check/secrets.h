// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/layers/tree.h>

#include "findings.h"

namespace sifkit::check {

/// Chooses the files that are read for secrets: those of names that secrets have as far as `kMaxNamed` bytes allow, and
/// of all others that no package has brought and that may be text as many as `kMaxOthers` bytes allow, in the order in
/// which they are asked for.
class SecretFiles {
 public:
  static constexpr std::uint64_t kMaxNamed = 512u << 20;
  static constexpr std::uint64_t kMaxOthers = 64u << 20;

  /// `path` has no slash in front.
  bool wants(std::string_view path, std::uint64_t size);

 private:
  static bool take(std::uint64_t& left, std::uint64_t size);

  std::uint64_t left_named_ = kMaxNamed;
  std::uint64_t left_ = kMaxOthers;
};

/// Looks for keys, tokens and passwords in a file, once for all of its names. Of what it finds, no more than the first
/// characters are told.
void look_for_secrets(const std::vector<std::string>& paths, std::string_view text, Findings& out);

/// Tokens in a text of the image's configuration, which `where` names.
void look_for_tokens(std::string_view text, const std::string& path, std::string_view where, Findings& out);

/// Variables of the image's configuration, NAME=VALUE, whose names say that they hold a secret. No value is told.
void look_at_environment(const std::vector<std::string>& environment, Findings& out);

/// What the names in a tree say alone: histories, repositories.
void look_at_name(const std::string& path, const layers::Inode& inode, Findings& out);

}  // namespace sifkit::check
