// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/json.h>
#include <sifkit/layers/tree.h>

namespace sifkit::records {

/// "regular", "char_device"
SIFKIT_API std::string_view type_word(layers::EntryType type);

SIFKIT_API bool is_device(const layers::Inode& inode);

/// As lstat has it: a link is as long as its target.
SIFKIT_API std::uint64_t size_of(const layers::Tree& tree, const layers::Inode& inode);

/// Sets `key` to a text that may be any bytes; where they are no UTF-8, `key_hex` has all of them.
SIFKIT_API void put_text(Json& record, const std::string& key, std::string_view text);

/// A file as JSON output has it (docs/formats.md).
SIFKIT_API Json file_record(const layers::Tree& tree, std::string_view path, layers::InodeId id);

}  // namespace sifkit::records
