// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/descriptor.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::sif {

namespace {

constexpr std::string_view kVersion("01\0", 3);

template <std::size_t N>
std::array<std::byte, N> taken(ByteReader& reader, std::string_view what) {
  std::array<std::byte, N> out;
  const auto bytes = reader.take(N, what);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::string without_final_nuls(ByteView bytes) {
  std::string text(as_text(bytes));
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

using Extra = std::array<std::byte, kExtraSize>;

Extra padded(const ByteWriter& writer) {
  Extra extra{};
  std::copy(writer.bytes().begin(), writer.bytes().end(), extra.begin());
  return extra;
}

std::string code_with_nul(std::string_view goarch) {
  const auto code = architecture_code(goarch);
  if (!code) throw Error(ErrorKind::unsupported, fmt::format("unknown architecture: {}", printable(goarch)));
  return std::string(*code) + '\0';
}

std::string_view name_of_code(ByteView code) { return architecture_name(code[2] == std::byte{0} ? as_text(code.first(2)) : ""); }

}  // namespace

Header Header::decode(ByteView bytes) {
  ByteReader reader(bytes, "header");
  Header header;
  header.launch = taken<kLaunchSize>(reader, "launch script");
  if (as_text(reader.take(kSifMagic.size(), "magic")) != kSifMagic) throw Error(ErrorKind::malformed, "invalid SIF magic");
  if (as_text(reader.take(kVersion.size(), "version")) != kVersion) throw Error(ErrorKind::malformed, "incompatible SIF version");
  header.architecture_code = taken<3>(reader, "architecture");
  header.architecture = name_of_code(header.architecture_code);
  header.uuid = taken<16>(reader, "UUID");
  header.created = reader.le<std::int64_t>("created");
  header.modified = reader.le<std::int64_t>("modified");
  header.descriptors_free = reader.le<std::int64_t>("free descriptors");
  header.descriptors_total = reader.le<std::int64_t>("descriptors");
  header.descriptors_offset = reader.le<std::int64_t>("descriptors offset");
  header.descriptors_size = reader.le<std::int64_t>("descriptors size");
  header.data_offset = reader.le<std::int64_t>("data offset");
  header.data_size = reader.le<std::int64_t>("data size");
  return header;
}

Bytes Header::encode() const {
  ByteWriter out;
  out.put(launch);
  out.put(as_bytes(kSifMagic));
  out.put(as_bytes(kVersion));
  out.put(architecture_code);
  out.put(uuid);
  for (const auto value : {created, modified, descriptors_free, descriptors_total, descriptors_offset, descriptors_size,
                           data_offset, data_size}) {
    out.le(value);
  }
  return out.release();
}

std::optional<std::int64_t> Header::time_created() const noexcept {
  return created > kNoTime && created <= kLatestTime ? std::optional(created) : std::nullopt;
}

std::string Header::launch_text() const { return without_final_nuls(launch); }

std::string Header::uuid_text() const {
  const std::string hex = to_hex(uuid);
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4), hex.substr(20));
}

bool Header::has_uuid() const noexcept {
  return std::any_of(uuid.begin(), uuid.end(), [](std::byte b) { return b != std::byte{0}; });
}

Bytes Header::integrity_bytes() const {
  ByteWriter out;
  out.put(launch);
  out.put(as_bytes(kSifMagic));
  out.put(as_bytes(kVersion));
  out.put(uuid);
  return out.release();
}

void Header::set_architecture(std::string_view goarch) {
  const auto code = code_with_nul(goarch);
  std::memcpy(architecture_code.data(), code.data(), architecture_code.size());
  architecture = goarch;
}

void Header::set_architecture_code(std::span<const std::byte, 3> code) {
  std::copy(code.begin(), code.end(), architecture_code.begin());
  architecture = name_of_code(architecture_code);
}

Descriptor Descriptor::decode(ByteView bytes) {
  ByteReader reader(bytes, "descriptor");
  Descriptor out;
  out.type = static_cast<DataType>(reader.le<std::int32_t>("type"));
  out.used = reader.le<std::uint8_t>("used") != 0;
  out.id = reader.le<std::uint32_t>("id");
  out.raw_group = reader.le<std::uint32_t>("group");
  out.raw_link = reader.le<std::uint32_t>("link");
  for (auto* field : {&out.offset, &out.size, &out.size_with_padding, &out.created, &out.modified, &out.uid, &out.gid}) {
    *field = reader.le<std::int64_t>("descriptor field");
  }
  out.raw_name = taken<kNameSize>(reader, "name");
  out.extra = taken<kExtraSize>(reader, "extra");
  return out;
}

Bytes Descriptor::encode() const {
  ByteWriter out;
  out.le(static_cast<std::int32_t>(type));
  out.le(static_cast<std::uint8_t>(used ? 1 : 0));
  out.le(id);
  out.le(raw_group);
  out.le(raw_link);
  for (const auto field : {offset, size, size_with_padding, created, modified, uid, gid}) out.le(field);
  out.put(raw_name);
  out.put(extra);
  return out.release();
}

std::string Descriptor::name() const { return without_final_nuls(raw_name); }

std::optional<Partition> Descriptor::partition() const {
  if (type != DataType::partition) return std::nullopt;
  return Partition{static_cast<FsType>(load_le<std::int32_t>(extra.data())),
                   static_cast<PartitionType>(load_le<std::int32_t>(extra.data() + 4)),
                   std::string(name_of_code(ByteView(extra).subspan(8, 3)))};
}

std::optional<SignatureInfo> Descriptor::signature() const {
  if (type != DataType::signature) return std::nullopt;
  SignatureInfo info{static_cast<HashType>(load_le<std::int32_t>(extra.data())), {}};
  std::copy_n(extra.begin() + 4, info.fingerprint.size(), info.fingerprint.begin());
  return info;
}

std::optional<CryptoInfo> Descriptor::crypto() const {
  if (type != DataType::crypto_message) return std::nullopt;
  return CryptoInfo{static_cast<CryptoFormat>(load_le<std::int32_t>(extra.data())),
                    static_cast<CryptoMessage>(load_le<std::int32_t>(extra.data() + 4))};
}

std::optional<SbomFormat> Descriptor::sbom() const {
  if (type != DataType::sbom) return std::nullopt;
  return static_cast<SbomFormat>(load_le<std::int32_t>(extra.data()));
}

std::optional<std::string> Descriptor::oci_digest() const {
  if (type != DataType::oci_root_index && type != DataType::oci_blob) return std::nullopt;
  const auto text = as_text(extra);
  return std::string(text.substr(0, text.find('\0')));
}

bool Descriptor::is_primary() const {
  const auto part = partition();
  return used && part && part->type == PartitionType::primary_system;
}

Bytes Descriptor::integrity_bytes(std::uint32_t relative_id) const {
  ByteWriter out;
  out.le(static_cast<std::int32_t>(type));
  out.le(std::uint8_t{1});
  out.le(relative_id);
  out.le(raw_link);
  for (const auto field : {size, created, uid, gid}) out.le(field);
  out.put(raw_name);
  out.put(extra);
  return out.release();
}

Extra encode_extra(const Partition& partition) {
  ByteWriter out;
  out.le(static_cast<std::int32_t>(partition.fs));
  out.le(static_cast<std::int32_t>(partition.type));
  out.put(as_bytes(code_with_nul(partition.architecture)));
  return padded(out);
}

Extra encode_extra(const SignatureInfo& signature) {
  ByteWriter out;
  out.le(static_cast<std::int32_t>(signature.hash));
  out.put(signature.fingerprint);
  return padded(out);
}

Extra encode_extra(const CryptoInfo& crypto) {
  ByteWriter out;
  out.le(static_cast<std::int32_t>(crypto.format));
  out.le(static_cast<std::int32_t>(crypto.message));
  return padded(out);
}

Extra encode_extra(SbomFormat format) {
  ByteWriter out;
  out.le(static_cast<std::int32_t>(format));
  return padded(out);
}

Extra encode_extra(const Digest& oci_digest) {
  ByteWriter out;
  out.put(as_bytes(oci_digest.text()));
  return padded(out);
}

}  // namespace sifkit::sif
