// SPDX-License-Identifier: Apache-2.0
#include "sif_text.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/error.h>

#include "commands.h"
#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

/// siftool's own rounding: the unit is found by whole division, the number rounded half away from zero.
std::string size_text(std::int64_t size) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (size > -1024 && size < 1024) return fmt::format("{} B", size);
  std::size_t unit = 0;
  double divisor = 1024;
  for (std::int64_t rest = size / 1024; rest >= 1024 || rest <= -1024; rest /= 1024) {
    divisor *= 1024;
    ++unit;
  }
  return fmt::format("{:.0f} {}", std::round(static_cast<double>(size) / divisor), kUnits[unit]);
}

/// Keys in a column as wide as the longest, then `gap` spaces.
std::string columns(const Lines& lines, std::string_view indent, std::size_t gap) {
  std::size_t width = 0;
  for (const auto& [key, value] : lines) width = std::max(width, key.size());
  std::string out;
  for (const auto& [key, value] : lines) out += fmt::format("{}{:<{}}{}\n", indent, key, width + gap, value);
  return out;
}

std::string link_text(const sif::Descriptor& object) {
  if (object.link() == 0) return "NONE";
  return object.links_group() ? fmt::format("{} (G)", object.link()) : fmt::format("{}", object.link());
}

std::string group_text(const sif::Descriptor& object) { return object.group() == 0 ? "NONE" : fmt::format("{}", object.group()); }

std::string entity_text(const sif::SignatureInfo& signature) {
  std::string hex = to_upper_hex(signature.fingerprint);
  return hex.find_first_not_of('0') == std::string::npos ? std::string() : hex;
}

Json time_or_null(std::int64_t seconds) { return seconds == sif::kNoTime ? Json(nullptr) : Json(seconds); }

}  // namespace

std::string time_text(std::int64_t seconds) { return utc_time(seconds) + " +0000 UTC"; }

std::string type_text(const sif::Descriptor& object) {
  std::string out(to_string(object.type));
  if (const auto part = object.partition()) out += fmt::format(" ({}/{}/{})", to_string(part->fs), to_string(part->type), part->architecture);
  if (const auto signature = object.signature()) out += fmt::format(" ({})", to_string(signature->hash));
  if (const auto crypto = object.crypto()) out += fmt::format(" ({}/{})", to_string(crypto->format), to_string(crypto->message));
  if (const auto sbom = object.sbom()) out += fmt::format(" ({})", to_string(*sbom));
  return out;
}

std::string header_text(const sif::Image& image) {
  const auto& header = image.header();
  Lines lines;
  std::string launch = header.launch_text();
  if (launch.ends_with('\n')) launch.pop_back();
  if (!launch.empty()) lines.emplace_back("Launch Script:", single_line(launch));
  lines.emplace_back("Version:", "01");
  if (header.architecture != "unknown") lines.emplace_back("Primary Architecture:", header.architecture);
  if (header.has_uuid()) lines.emplace_back("ID:", header.uuid_text());
  if (header.created != sif::kNoTime) lines.emplace_back("Created At:", time_text(header.created));
  if (header.modified != sif::kNoTime) lines.emplace_back("Modified At:", time_text(header.modified));
  lines.emplace_back("Descriptors Free:", fmt::format("{}", header.descriptors_free));
  lines.emplace_back("Descriptors Total:", fmt::format("{}", header.descriptors_total));
  lines.emplace_back("Descriptors Offset:", fmt::format("{}", header.descriptors_offset));
  lines.emplace_back("Descriptors Size:", size_text(header.descriptors_size));
  lines.emplace_back("Data Offset:", fmt::format("{}", header.data_offset));
  lines.emplace_back("Data Size:", size_text(header.data_size));
  return columns(lines, "", 1);
}

std::string list_text(const sif::Image& image) {
  const std::string rule(78, '-');
  std::string out = rule + "\nID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n" + rule + "\n";
  for (const auto* object : image.objects()) {
    std::string link = link_text(*object);
    if (object->links_group() && object->link() != 0) link = fmt::format("{:<3} (G)", object->link());
    // Numbers no image can have wrap, as in siftool.
    const auto end = static_cast<std::int64_t>(static_cast<std::uint64_t>(object->offset) + static_cast<std::uint64_t>(object->size));
    const std::string place = fmt::format("|{}-{}", object->offset, end);
    out += fmt::format("{:<4} |{:<7} |{:<7} {:<26} |{}\n", object->id, group_text(*object), link, place, type_text(*object));
  }
  return out;
}

std::string info_text(const sif::Descriptor& object) {
  Lines lines;
  lines.emplace_back("Data Type:", to_string(object.type));
  lines.emplace_back("ID:", fmt::format("{}", object.id));
  lines.emplace_back("Group ID:", group_text(object));
  lines.emplace_back("Linked ID:", link_text(object));
  lines.emplace_back("Offset:", fmt::format("{}", object.offset));
  lines.emplace_back("Size:", fmt::format("{}", object.size));
  if (object.created != sif::kNoTime) lines.emplace_back("Created At:", time_text(object.created));
  if (object.modified != sif::kNoTime) lines.emplace_back("Modified At:", time_text(object.modified));
  if (const auto name = object.name(); !name.empty()) lines.emplace_back("Name:", single_line(name));
  if (const auto part = object.partition()) {
    lines.emplace_back("Filesystem Type:", to_string(part->fs));
    lines.emplace_back("Partition Type:", to_string(part->type));
    lines.emplace_back("Architecture:", part->architecture);
  }
  if (const auto signature = object.signature()) {
    lines.emplace_back("Hash Type:", to_string(signature->hash));
    if (const auto entity = entity_text(*signature); !entity.empty()) lines.emplace_back("Entity:", entity);
  }
  if (const auto crypto = object.crypto()) {
    lines.emplace_back("Format Type:", to_string(crypto->format));
    lines.emplace_back("Message Type:", to_string(crypto->message));
  }
  if (const auto sbom = object.sbom()) lines.emplace_back("Format:", to_string(*sbom));
  if (const auto digest = object.oci_digest()) lines.emplace_back("Digest:", single_line(*digest));
  return columns(lines, "  ", 2);
}

void warn_of_problems(const Session& session, const std::string& file, std::span<const std::string> problems) {
  for (const auto& problem : problems)
    session.logger->write(LogLevel::warning, fmt::format("{}: {}", in_quotes(file), printable(problem)));
}

Json header_record(const sif::Image& image) {
  const auto& header = image.header();
  return {{"launch_script", header.launch_text()},
          {"version", "01"},
          {"architecture", header.architecture == "unknown" ? Json(nullptr) : Json(header.architecture)},
          {"id", header.has_uuid() ? Json(header.uuid_text()) : Json(nullptr)},
          {"created", time_or_null(header.created)},
          {"modified", time_or_null(header.modified)},
          {"descriptors_free", header.descriptors_free},
          {"descriptors_total", header.descriptors_total},
          {"descriptors_offset", header.descriptors_offset},
          {"descriptors_size", header.descriptors_size},
          {"data_offset", header.data_offset},
          {"data_size", header.data_size},
          {"problems", image.problems()}};
}

Json object_record(const sif::Descriptor& object) {
  Json record{{"type", to_string(object.type)},
              {"id", object.id},
              {"group", object.group() == 0 ? Json(nullptr) : Json(object.group())},
              {"link", object.link() == 0 ? Json(nullptr) : Json(object.link())},
              {"links_group", object.links_group()},
              {"offset", object.offset},
              {"size", object.size},
              {"created", time_or_null(object.created)},
              {"modified", time_or_null(object.modified)},
              {"name", object.name().empty() ? Json(nullptr) : Json(object.name())},
              {"filesystem", nullptr},
              {"partition", nullptr},
              {"architecture", nullptr},
              {"hash", nullptr},
              {"entity", nullptr},
              {"format", nullptr},
              {"message", nullptr},
              {"digest", nullptr}};
  if (const auto part = object.partition()) {
    record["filesystem"] = to_string(part->fs);
    record["partition"] = to_string(part->type);
    record["architecture"] = part->architecture;
  }
  if (const auto signature = object.signature()) {
    record["hash"] = to_string(signature->hash);
    if (const auto entity = entity_text(*signature); !entity.empty()) record["entity"] = entity;
  }
  if (const auto crypto = object.crypto()) {
    record["format"] = to_string(crypto->format);
    record["message"] = to_string(crypto->message);
  }
  if (const auto sbom = object.sbom()) record["format"] = to_string(*sbom);
  if (const auto digest = object.oci_digest()) record["digest"] = *digest;
  return record;
}

}  // namespace sifkit::cli
