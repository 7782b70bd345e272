// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/limits.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

namespace {

constexpr auto kAdjustable = std::to_array<AdjustableLimit>({
    {"archive_members", &Limits::archive_members},
    {"decoder_window", &Limits::decoder_window},
    {"documents_bytes", &Limits::documents_bytes},
    {"entries", &Limits::entries},
    {"expansion_ratio", &Limits::expansion_ratio},
    {"file_bytes", &Limits::file_bytes},
    {"image_bytes", &Limits::image_bytes},
    {"json_bytes", &Limits::json_bytes},
    {"layers", &Limits::layers},
    {"metadata_bytes", &Limits::metadata_bytes},
    {"sparse_segments", &Limits::sparse_segments},
    {"stream_bytes", &Limits::stream_bytes},
    {"tar_extension_bytes", &Limits::tar_extension_bytes},
    {"trailing_bytes", &Limits::trailing_bytes},
});

}  // namespace

std::span<const AdjustableLimit> adjustable_limits() noexcept { return kAdjustable; }

void throw_over_limit(std::string message, std::uint64_t Limits::* limit) {
  const auto known = std::find_if(kAdjustable.begin(), kAdjustable.end(), [&](const auto& entry) { return entry.value == limit; });
  SIFKIT_CHECK(known != kAdjustable.end());
  throw Error(ErrorKind::limit, std::move(message), Hint(Advice::raise_limit, std::string(known->name)));
}

}  // namespace sifkit
