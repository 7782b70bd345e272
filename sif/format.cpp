// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/format.h>

#include <iterator>

namespace sifkit::sif {

namespace {

// In the order of their codes, from 00.
constexpr std::string_view kArchitectures[] = {"unknown", "386",    "amd64",    "arm",   "arm64",   "ppc64",  "ppc64le",
                                               "mips",    "mipsle", "mips64", "mips64le", "s390x", "riscv64", "loong64"};
constexpr std::string_view kCodes[] = {"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13"};

static_assert(std::size(kArchitectures) == std::size(kCodes));

}  // namespace

std::string_view to_string(DataType type) noexcept {
  switch (type) {
    case DataType::deffile: return "Def.FILE";
    case DataType::environment: return "Env.Vars";
    case DataType::labels: return "JSON.Labels";
    case DataType::partition: return "FS";
    case DataType::signature: return "Signature";
    case DataType::generic_json: return "JSON.Generic";
    case DataType::generic: return "Generic/Raw";
    case DataType::crypto_message: return "Cryptographic Message";
    case DataType::sbom: return "SBOM";
    case DataType::oci_root_index: return "OCI.RootIndex";
    case DataType::oci_blob: return "OCI.Blob";
  }
  return "Unknown";
}

std::string_view to_string(FsType type) noexcept {
  switch (type) {
    case FsType::squashfs: return "Squashfs";
    case FsType::ext3: return "Ext3";
    case FsType::archive: return "Archive";
    case FsType::raw: return "Raw";
    case FsType::encrypted_squashfs: return "Encrypted squashfs";
    case FsType::gocryptfs_squashfs: return "Gocryptfs squashfs";
  }
  return "Unknown";
}

std::string_view to_string(PartitionType type) noexcept {
  switch (type) {
    case PartitionType::system: return "System";
    case PartitionType::primary_system: return "*System";
    case PartitionType::data: return "Data";
    case PartitionType::overlay: return "Overlay";
  }
  return "Unknown";
}

std::string_view to_string(HashType type) noexcept {
  switch (type) {
    case HashType::sha256: return "SHA-256";
    case HashType::sha384: return "SHA-384";
    case HashType::sha512: return "SHA-512";
    case HashType::blake2s_256: return "BLAKE2s-256";
    case HashType::blake2b_256: return "BLAKE2b-256";
  }
  return "Unknown";
}

std::string_view to_string(CryptoFormat format) noexcept {
  switch (format) {
    case CryptoFormat::openpgp: return "OpenPGP";
    case CryptoFormat::pem: return "PEM";
  }
  return "Unknown";
}

std::string_view to_string(CryptoMessage message) noexcept {
  switch (message) {
    case CryptoMessage::clear_signature: return "Clear Signature";
    case CryptoMessage::rsa_oaep: return "RSA-OAEP";
  }
  return "Unknown";
}

std::string_view to_string(SbomFormat format) noexcept {
  switch (format) {
    case SbomFormat::cyclonedx_json: return "cyclonedx-json";
    case SbomFormat::cyclonedx_xml: return "cyclonedx-xml";
    case SbomFormat::github_json: return "github-json";
    case SbomFormat::spdx_json: return "spdx-json";
    case SbomFormat::spdx_rdf: return "spdx-rdf";
    case SbomFormat::spdx_tag_value: return "spdx-tag-value";
    case SbomFormat::spdx_yaml: return "spdx-yaml";
    case SbomFormat::syft_json: return "syft-json";
  }
  return "unknown";
}

std::optional<std::string_view> architecture_code(std::string_view goarch) noexcept {
  for (std::size_t i = 0; i < std::size(kArchitectures); ++i) {
    if (kArchitectures[i] == goarch) return kCodes[i];
  }
  return std::nullopt;
}

std::string_view architecture_name(std::string_view code) noexcept {
  for (std::size_t i = 0; i < std::size(kCodes); ++i) {
    if (kCodes[i] == code) return kArchitectures[i];
  }
  return kArchitectures[0];
}

}  // namespace sifkit::sif
