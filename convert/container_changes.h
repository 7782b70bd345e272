// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/inspect.h>

namespace sifkit {

/// Throws usage for a variable that is to be set or taken away and that no container can have: a name that no shell
/// accepts, or, where it is to be set, one that the runtime sets itself.
void expect_possible_variables(const ConvertOptions& options);

/// The text of an "oci-config.json" with the labels and variables that are asked for; the text itself where they change
/// nothing. Throws malformed for what is no such document.
std::string changed_oci_config(std::string_view text, const ConvertOptions& options);

/// The script that sets what a builder is asked for, /.singularity.d/env/90-environment.sh. What it says already stays,
/// but for lines that were written here before: of those each variable has one. `others` are the other scripts that set
/// variables. Throws not_found for a variable that is to be taken away and that nothing sets.
std::string changed_environment(std::string script, const TextMap& others, const ConvertOptions& options);

}  // namespace sifkit
