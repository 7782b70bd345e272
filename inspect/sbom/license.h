// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sifkit::sbom {

/// The short identifiers of the SPDX licence list, and of its exceptions; sorted without case.
std::span<const std::string_view> license_ids() noexcept;
std::span<const std::string_view> license_exceptions() noexcept;

/// A text as SPDX licence expression, identifiers in the case of the list; nothing where it is none, or names what is not
/// on the list.
std::optional<std::string> license_expression(std::string_view text);

}  // namespace sifkit::sbom
