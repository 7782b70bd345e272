// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <sifkit/inspect/file_query.h>

namespace sifkit::inspect {

/// The test of one word of an expression. Throws usage for a value that it does not have, not_found for what the image
/// does not have.
std::function<bool(const QueriedFile&)> query_test(const QueryWord& word, layers::FileSystem& files);

}  // namespace sifkit::inspect
