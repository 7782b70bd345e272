// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/sif/format.h>

namespace sifkit::sif {

/// The global header (docs/formats.md, "Header"). Times are seconds since 1970, kNoTime where not set.
struct SIFKIT_API Header {
  std::array<std::byte, kLaunchSize> launch{};
  std::string architecture = "unknown";     ///< GOARCH word
  std::array<std::byte, 3> architecture_code{};  ///< as stored
  std::array<std::byte, 16> uuid{};
  std::int64_t created = kNoTime;
  std::int64_t modified = kNoTime;
  std::int64_t descriptors_free = 0;
  std::int64_t descriptors_total = 0;
  std::int64_t descriptors_offset = 0;
  std::int64_t descriptors_size = 0;
  std::int64_t data_offset = 0;
  std::int64_t data_size = 0;

  /// Throws malformed when magic or version are not those of SIF, and nothing else.
  static Header decode(ByteView bytes);
  Bytes encode() const;

  std::string launch_text() const;  ///< without final NULs
  std::string uuid_text() const;    ///< 8-4-4-4-12
  bool has_uuid() const noexcept;
  /// Nothing where none is set, and for what is no time of the years 1 to 9999.
  std::optional<std::int64_t> time_created() const noexcept;
  bool is_deterministic() const noexcept { return !has_uuid() && created == kNoTime && modified == kNoTime; }

  /// What signatures protect: launch script, magic, version and UUID.
  Bytes integrity_bytes() const;

  void set_architecture(std::string_view goarch);
  /// Also what stands for no architecture that is known here.
  void set_architecture_code(std::span<const std::byte, 3> code);
};

/// Type-specific part of a partition's descriptor.
struct Partition {
  FsType fs{};
  PartitionType type{};
  std::string architecture;  ///< GOARCH word
};

/// Type-specific part of a signature's descriptor.
struct SignatureInfo {
  HashType hash{};
  std::array<std::byte, 20> fingerprint{};  ///< of the PGP primary key; zeros: none
};

struct CryptoInfo {
  CryptoFormat format{};
  CryptoMessage message{};
};

/// One record of the descriptor table: a data object's place and meaning. Fields are as stored; nothing about them is
/// checked here (Image does).
struct SIFKIT_API Descriptor {
  DataType type{};
  bool used = false;
  std::uint32_t id = 0;
  std::uint32_t raw_group = 0;
  std::uint32_t raw_link = 0;
  std::int64_t offset = 0;
  std::int64_t size = 0;
  std::int64_t size_with_padding = 0;
  std::int64_t created = 0;
  std::int64_t modified = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::array<std::byte, kNameSize> raw_name{};
  std::array<std::byte, kExtraSize> extra{};

  static Descriptor decode(ByteView bytes);
  Bytes encode() const;

  std::uint32_t group() const noexcept { return raw_group & ~kGroupMask; }  ///< 0: none
  bool links_group() const noexcept { return (raw_link & kGroupMask) == kGroupMask; }
  std::uint32_t link() const noexcept { return raw_link & ~kGroupMask; }
  std::string name() const;  ///< without final NULs; bytes

  /// The extra field, where `type` has one.
  std::optional<Partition> partition() const;
  std::optional<SignatureInfo> signature() const;
  std::optional<CryptoInfo> crypto() const;
  std::optional<SbomFormat> sbom() const;
  std::optional<std::string> oci_digest() const;  ///< text up to the first NUL

  bool is_primary() const;

  /// What signatures protect; the id stands relative to the smallest of its group.
  Bytes integrity_bytes(std::uint32_t relative_id) const;
};

/// Extra fields to write.
SIFKIT_API std::array<std::byte, kExtraSize> encode_extra(const Partition& partition);
SIFKIT_API std::array<std::byte, kExtraSize> encode_extra(const SignatureInfo& signature);
SIFKIT_API std::array<std::byte, kExtraSize> encode_extra(const CryptoInfo& crypto);
SIFKIT_API std::array<std::byte, kExtraSize> encode_extra(SbomFormat format);
SIFKIT_API std::array<std::byte, kExtraSize> encode_extra(const Digest& oci_digest);

}  // namespace sifkit::sif
