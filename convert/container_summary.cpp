// SPDX-License-Identifier: Apache-2.0
#include "container_summary.h"

#include <algorithm>
#include <array>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit {

namespace {

constexpr std::uint64_t kMaxSignatureBytes = 1u << 20;

/// The key id in a DSSE envelope; nothing in what is none.
std::string dsse_key(std::string_view envelope) {
  const Json document = parse_json(envelope, "signature");
  const auto signatures = JsonView(document, "signature: ").require_object()["signatures"].require_array();
  return signatures.size() == 0 ? "" : signatures.at(0).require_object()["keyid"].text_or("");
}

SignatureSummary signature_of(const sif::Image& image, const sif::Descriptor& object) {
  SignatureSummary out;
  out.id = object.id;
  (object.links_group() ? out.group : out.object) = object.link();
  out.format = "unknown";
  try {
    const auto data = image.read_data(object, kMaxSignatureBytes);
    const auto text = as_text(data);
    if (text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----")) {
      out.format = "PGP";
      const auto info = object.signature();
      const bool named = info && std::any_of(info->fingerprint.begin(), info->fingerprint.end(), [](std::byte byte) { return byte != std::byte{0}; });
      if (named) out.key = to_upper_hex(info->fingerprint);
    } else if (text.starts_with('{')) {
      out.key = dsse_key(text);
      out.format = "DSSE";
    }
  } catch (const Error&) {  // an image may hold anything; what it is stays unknown
  }
  return out;
}

}  // namespace

void add_superblock(const File& file, std::uint64_t offset, ContainerSummary& summary) {
  static constexpr const char* kCodecs[] = {"unknown", "gzip", "lzma", "lzo", "xz", "lz4", "zstd"};
  static constexpr std::uint64_t kDataUncompressed = 0x2;
  std::array<std::byte, 32> block{};
  if (file.read_at(offset, block) != block.size() || as_text(block).substr(0, 4) != "hsqs") return;
  const auto codec = load_le<std::uint16_t>(&block[20]);
  summary.file_system = "squashfs";
  summary.inodes = load_le<std::uint32_t>(&block[4]);
  summary.block_size = load_le<std::uint32_t>(&block[12]);
  const bool plain = (load_le<std::uint16_t>(&block[24]) & kDataUncompressed) != 0;
  summary.compression = plain ? "none" : kCodecs[codec < std::size(kCodecs) ? codec : 0];
}

ContainerSummary summary_of_sif(const sif::Image& image) {
  ContainerSummary out;
  out.kind = "SIF";
  out.bytes = image.file_size();
  out.architecture = image.header().architecture;
  if (image.header().created != sif::kNoTime) out.created = image.header().created;
  for (const auto* object : image.objects()) {
    if (object->type == sif::DataType::signature) out.signatures.push_back(signature_of(image, *object));
    const auto partition = object->partition();
    if (!partition) continue;
    if (partition->fs == sif::FsType::encrypted_squashfs) out.encrypted = true;
    if (partition->type == sif::PartitionType::overlay) {
      out.overlays.push_back({object->id, std::string(sif::to_string(partition->fs)), static_cast<std::uint64_t>(std::max<std::int64_t>(object->size, 0))});
    }
    if (partition->type != sif::PartitionType::primary_system || !out.file_system.empty()) continue;
    out.file_system = sif::to_string(partition->fs);
    try {
      image.check_range(*object);
      add_superblock(*image.file(), static_cast<std::uint64_t>(object->offset), out);
    } catch (const Error&) {  // a descriptor may say anything
    }
  }
  return out;
}

}  // namespace sifkit
