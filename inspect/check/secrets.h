// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/layers/tree.h>

#include "findings.h"

namespace sifkit::check {

/// Whether a file of this name and size is read for secrets. `path` has no slash in front.
bool may_hold_secrets(std::string_view path, std::uint64_t size);

/// Looks for keys, tokens and passwords in a file, once for all of its names. Of what it finds, no more than the first
/// characters are told.
void look_for_secrets(const std::vector<std::string>& paths, std::string_view text, Findings& out);

/// Tokens in a text of the image's configuration, which `where` names.
void look_for_tokens(std::string_view text, const std::string& path, std::string_view where, Findings& out);

/// What the names in a tree say alone: histories, repositories.
void look_at_name(const std::string& path, const layers::Inode& inode, Findings& out);

}  // namespace sifkit::check
