// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sifkit/core/export.h>

// The numbers of the SIF format (docs/formats.md). Enumerations hold whatever a file says: a value without a name here
// is legal and shown as unknown.

namespace sifkit::sif {

inline constexpr std::string_view kSifMagic("SIF_MAGIC\0", 10);  ///< in the header, behind the launch script
inline constexpr std::size_t kHeaderSize = 128;
inline constexpr std::size_t kDescriptorSize = 585;
inline constexpr std::uint64_t kDescriptorsOffset = 4096;
inline constexpr std::uint32_t kDefaultCapacity = 48;   ///< descriptors of a new image
/// Of any image: a table is held in memory, and in a sparse file it costs whoever makes it nothing.
inline constexpr std::uint32_t kMaxDescriptors = 65536;
inline constexpr std::uint32_t kPartitionAlignment = 4096;
inline constexpr std::uint32_t kGroupMask = 0xf0000000u;
inline constexpr std::uint32_t kMaxGroup = 0x0fffffffu;
inline constexpr std::size_t kLaunchSize = 32;
inline constexpr std::size_t kNameSize = 128;
inline constexpr std::size_t kExtraSize = 384;
inline constexpr std::int64_t kLatestTime = 253402300799;  ///< the last second of the year 9999
inline constexpr std::int64_t kNoTime = -62135596800;   ///< "not set": the zero time of the reference implementation

enum class DataType : std::int32_t {
  deffile = 0x4001,
  environment = 0x4002,
  labels = 0x4003,
  partition = 0x4004,
  signature = 0x4005,
  generic_json = 0x4006,
  generic = 0x4007,
  crypto_message = 0x4008,
  sbom = 0x4009,
  oci_root_index = 0x400a,
  oci_blob = 0x400b,
};

enum class FsType : std::int32_t {
  squashfs = 1,
  ext3 = 2,
  archive = 3,
  raw = 4,
  encrypted_squashfs = 5,
  gocryptfs_squashfs = 6,  ///< Apptainer only
};

enum class PartitionType : std::int32_t { system = 1, primary_system = 2, data = 3, overlay = 4 };

enum class HashType : std::int32_t { sha256 = 1, sha384 = 2, sha512 = 3, blake2s_256 = 4, blake2b_256 = 5 };

enum class CryptoFormat : std::int32_t { openpgp = 1, pem = 2 };
enum class CryptoMessage : std::int32_t { clear_signature = 0x100, rsa_oaep = 0x200 };

enum class SbomFormat : std::int32_t {
  cyclonedx_json = 1,
  cyclonedx_xml = 2,
  github_json = 3,
  spdx_json = 4,
  spdx_rdf = 5,
  spdx_tag_value = 6,
  spdx_yaml = 7,
  syft_json = 8,
};

/// The words siftool prints.
SIFKIT_API std::string_view to_string(DataType type) noexcept;
SIFKIT_API std::string_view to_string(FsType type) noexcept;
SIFKIT_API std::string_view to_string(PartitionType type) noexcept;
SIFKIT_API std::string_view to_string(HashType type) noexcept;
SIFKIT_API std::string_view to_string(CryptoFormat format) noexcept;
SIFKIT_API std::string_view to_string(CryptoMessage message) noexcept;
SIFKIT_API std::string_view to_string(SbomFormat format) noexcept;

/// The two digits for a GOARCH word; nothing for a word that SIF has no code for. "unknown" is "00".
SIFKIT_API std::optional<std::string_view> architecture_code(std::string_view goarch) noexcept;
/// The GOARCH word for two digits; "unknown" for any others.
SIFKIT_API std::string_view architecture_name(std::string_view code) noexcept;

}  // namespace sifkit::sif
