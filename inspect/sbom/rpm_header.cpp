// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "rpm.h"
#include "big_endian.h"

namespace sifkit::sbom {

namespace {

// lib/header.c of rpm has the same bounds.
constexpr std::uint32_t kMaxEntries = 0xffff;
constexpr std::uint32_t kMaxData = 256u << 20;
constexpr std::size_t kEntryBytes = 16;

enum Tag : std::uint32_t {
  kName = 1000,
  kVersion = 1001,
  kRelease = 1002,
  kEpoch = 1003,
  kVendor = 1011,
  kLicense = 1014,
  kUrl = 1020,
  kArchitecture = 1022,
  kSourceRpm = 1044,
  kModularity = 5096,
};
enum Type : std::uint32_t { kInt32 = 4, kString = 6, kStringArray = 8, kI18nString = 9 };

struct Entry {
  std::uint32_t type = 0;
  std::uint32_t offset = 0;
};

class Header {
 public:
  explicit Header(ByteView bytes) {
    if (bytes.size() < 8) fail("8 bytes", bytes.size());
    const auto entries = load_be<std::uint32_t>(bytes.data());
    const auto data = load_be<std::uint32_t>(bytes.data() + 4);
    if (entries == 0 || entries > kMaxEntries) fail("1 to 65535 entries", entries);
    if (data > kMaxData) fail("at most 256 MiB of data", data);
    if (bytes.size() - 8 < entries * kEntryBytes || bytes.size() - 8 - entries * kEntryBytes < data) {
      fail(fmt::format("{} bytes", 8 + entries * kEntryBytes + data), bytes.size());
    }
    data_ = bytes.subspan(8 + entries * kEntryBytes, data);
    for (std::uint32_t i = 0; i < entries; ++i) {
      const auto* at = bytes.data() + 8 + i * kEntryBytes;
      // The last one of a tag counts: it was added behind the signed region.
      entries_[load_be<std::uint32_t>(at)] = {load_be<std::uint32_t>(at + 4), load_be<std::uint32_t>(at + 8)};
    }
  }

  std::string text(Tag tag) const {
    const auto* entry = find(tag);
    if (entry == nullptr || (entry->type != kString && entry->type != kStringArray && entry->type != kI18nString)) {
      return {};
    }
    const auto rest = as_text(data_.subspan(entry->offset));
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) {
      throw Error(ErrorKind::malformed,
                  fmt::format("header of a package: the text of tag {} has no end", static_cast<unsigned>(tag)));
    }
    return std::string(rest.substr(0, end));
  }

  std::optional<std::uint32_t> number(Tag tag) const {
    const auto* entry = find(tag);
    if (entry == nullptr || entry->type != kInt32 || data_.size() - entry->offset < 4) return std::nullopt;
    return load_be<std::uint32_t>(data_.data() + entry->offset);
  }

 private:
  [[noreturn]] static void fail(std::string_view expected, std::uint64_t found) {
    throw Error(ErrorKind::malformed, fmt::format("header of a package: expected {}, got {}", expected, found));
  }

  const Entry* find(Tag tag) const {
    const auto found = entries_.find(tag);
    if (found == entries_.end()) return nullptr;
    if (found->second.offset >= data_.size()) {
      fail(fmt::format("tag {} within {} bytes of data", static_cast<unsigned>(tag), data_.size()),
           found->second.offset);
    }
    return &found->second;
  }

  ByteView data_;
  std::map<std::uint32_t, Entry> entries_;
};

}  // namespace

void read_rpm_header(ByteView bytes, Findings& out) {
  const Header header(bytes);
  const auto name = header.text(kName);
  if (name == "gpg-pubkey") return;
  const auto version = header.text(kVersion);
  const auto release = header.text(kRelease);
  const auto epoch = header.number(kEpoch);
  const auto full = release.empty() ? version : version + "-" + release;
  Found found{.purl = {"rpm", {}, name, full, {}}, .of_system = true};
  found.version = epoch ? fmt::format("{}:{}", *epoch, full) : full;
  found.purl.qualifiers = {{"arch", header.text(kArchitecture)},
                           {"epoch", epoch ? fmt::format("{}", *epoch) : std::string()},
                           {"upstream", header.text(kSourceRpm)}};
  found.license = header.text(kLicense);
  found.supplier = organization(header.text(kVendor));
  found.homepage = header.text(kUrl);
  found.properties = {{"rpm:modularitylabel", header.text(kModularity)}};
  out.add(std::move(found));
}

}  // namespace sifkit::sbom
