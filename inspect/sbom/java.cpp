// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "catalogers.h"
#include "fields.h"
#include "zip_reader.h"

namespace sifkit::sbom {

namespace {

constexpr unsigned kMaxDepth = 4;                 ///< archives in archives
constexpr std::uint64_t kMaxMember = 256u << 20;  ///< an archive in an archive
constexpr std::uint64_t kMaxNested = 1u << 30;    ///< all of them together
constexpr std::uint64_t kMaxText = 1u << 20;
constexpr std::uint64_t kMaxManifest = 16u << 20;  ///< that of a signed archive names every file

constexpr std::string_view kWhole = "-jar-with-dependencies";
constexpr const char* kVersions[] = {"Implementation-Version", "Bundle-Version", "Specification-Version"};
constexpr std::string_view kProperties = "/pom.properties";

using Manifest = std::map<std::string, std::string>;

struct Artifact {
  std::string group;
  std::string name;
  std::string version;
  std::string classifier = {};
};

Artifact read_properties(std::string_view text) {
  Artifact out;
  while (!text.empty()) {
    const auto line = trimmed(take_line(text));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('#')) continue;
    const auto key = trimmed(line.substr(0, equals));
    const auto value = trimmed(line.substr(equals + 1));
    if (key == "groupId") out.group = value;
    if (key == "artifactId") out.name = value;
    if (key == "version") out.version = value;
  }
  return out;
}

/// A manifest's main section. Its lines are cut at 72 bytes and go on behind one blank.
Manifest read_manifest(std::string_view text) {
  Manifest out;
  std::string* last = nullptr;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.empty()) break;
    if (line[0] == ' ') {
      if (last != nullptr) *last += line.substr(1);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    last = &out[std::string(line.substr(0, colon))];
    *last = trimmed(line.substr(colon + 1));
  }
  return out;
}

/// What Maven calls an archive beside the main one of a version, and archives with natives for one system.
bool is_classifier(std::string_view word) {
  static constexpr std::string_view kWords[] = {"all",    "linux", "macos",   "natives", "osx",
                                                "shaded", "tests", "windows"};
  return std::any_of(std::begin(kWords), std::end(kWords), [&](auto known) {
    return word == known || (word.starts_with(known) && word[known.size()] == '-');
  });
}

/// "name", "1.2" and "linux-x86_64" of "name-1.2-linux-x86_64.jar". The version is one that the manifest states; else
/// it begins at the first '-' in front of a digit.
Artifact from_file_name(std::string_view path, const Manifest& manifest) {
  auto name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.rfind('.'));
  // Maven's word for an archive with all that it needs.
  if (name.ends_with(kWhole)) name.remove_suffix(kWhole.size());
  for (const auto key : kVersions) {
    const auto stated = manifest.find(key);
    if (stated == manifest.end() || stated->second.empty()) continue;
    const auto at = name.find("-" + stated->second);
    if (at == std::string_view::npos || at == 0) continue;
    const auto rest = name.substr(at + 1 + stated->second.size());
    if (rest.empty()) return {{}, std::string(name.substr(0, at)), stated->second};
    if (rest[0] == '-' && is_classifier(rest.substr(1)))
      return {{}, std::string(name.substr(0, at)), stated->second, std::string(rest.substr(1))};
  }
  for (std::size_t dash = 0; (dash = name.find('-', dash)) != std::string_view::npos; ++dash) {
    if (dash + 1 == name.size() || name[dash + 1] < '0' || name[dash + 1] > '9') continue;
    auto version = name.substr(dash + 1);
    auto cut = version.find('-');
    while (cut != std::string_view::npos && !is_classifier(version.substr(cut + 1))) cut = version.find('-', cut + 1);
    const auto classifier = cut == std::string_view::npos ? std::string_view() : version.substr(cut + 1);
    return {{}, std::string(name.substr(0, dash)), std::string(version.substr(0, cut)), std::string(classifier)};
  }
  return {{}, std::string(name), {}};
}

/// What there is to be said of an archive that Maven has said nothing of.
Artifact from_manifest(Manifest manifest, std::string_view path) {
  Artifact out = from_file_name(path, manifest);
  for (const char* key : {"Bundle-SymbolicName", "Implementation-Title", "Automatic-Module-Name"}) {
    auto name = manifest[key];
    name = std::string(trimmed(name.substr(0, name.find(';'))));
    if (out.name.empty() && name.find(' ') == std::string::npos) out.name = name;
  }
  for (const char* key : kVersions) {
    if (out.version.empty()) out.version = manifest[key];
  }
  out.group = manifest["Implementation-Vendor-Id"];
  if (const auto symbolic = manifest["Bundle-SymbolicName"]; out.group.empty()) {
    const auto text = symbolic.substr(0, symbolic.find(';'));
    if (text.ends_with("." + out.name)) out.group = text.substr(0, text.size() - out.name.size() - 1);
  }
  return out;
}

/// Whether Maven's documents in an archive are all of others that were put into it.
bool is_missing(const std::vector<Artifact>& artifacts, std::string_view path) {
  const auto file = path.substr(path.rfind('/') + 1);
  return std::none_of(artifacts.begin(), artifacts.end(),
                      [&](const Artifact& artifact) { return file.starts_with(artifact.name); });
}

/// What an archive has, whatever it is called.
struct Archive {
  struct Member {
    std::string name;
    std::shared_ptr<const Archive> archive;  ///< none where it was not read, for which there is a reason
    std::string reason;
  };

  std::vector<Artifact> artifacts;
  Manifest manifest;
  std::vector<Member> members;  ///< archives in it, and what could not be read
  std::exception_ptr failure;   ///< what was found before it counts
};

class ArchiveReader {
 public:
  explicit ArchiveReader(std::uint64_t& left) : left_(left) {}

  std::shared_ptr<const Archive> read(ByteView bytes, unsigned depth) {
    const auto out = std::make_shared<Archive>();
    try {
      for_each_zip_member(bytes, [&](const ZipMember& member) { read_member(member, depth, *out); });
    } catch (const Error&) {
      out->failure = std::current_exception();
    }
    return out;
  }

 private:
  void read_member(const ZipMember& member, unsigned depth, Archive& out) {
    const auto& name = member.name;
    try {
      if (name.starts_with("META-INF/maven/") && name.ends_with(kProperties)) {
        out.artifacts.push_back(read_properties(as_text(inflated(member, kMaxText))));
      } else if (name == "META-INF/MANIFEST.MF") {
        out.manifest = read_manifest(as_text(inflated(member, kMaxManifest)));
      } else if (is_java_archive(name)) {
        out.members.push_back({name, depth + 1 == kMaxDepth ? nullptr : nested(member, depth), {}});
      }
    } catch (const Error& error) {
      // The others of this archive are told nevertheless.
      if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::limit) throw;
      out.members.push_back({name, nullptr, error.what()});
    }
  }

  std::shared_ptr<const Archive> nested(const ZipMember& member, unsigned depth) {
    const auto inner = inflated(member, std::min(kMaxMember, kMaxNested - nested_));
    nested_ += inner.size();
    return read(inner, depth + 1);
  }

  /// A member that is refused has cost its limit, too.
  Bytes inflated(const ZipMember& member, std::uint64_t limit) {
    if (left_ == 0) throw Error(ErrorKind::limit, "the Java archives of the image have more than is inflated of all");
    const auto most = std::min(limit, left_);
    left_ -= most;
    auto out = member.read(most);
    left_ += most - out.size();
    return out;
  }

  std::uint64_t& left_;
  std::uint64_t nested_ = 0;
};

void tell(const Archive& archive, const std::string& path, unsigned depth, Findings& out) {
  for (const auto& member : archive.members) {
    const auto inner = path + "!/" + member.name;
    if (!member.reason.empty()) {
      out.warn(fmt::format("{}: {}", in_quotes(inner), member.reason));
    } else if (member.archive == nullptr) {
      out.warn(fmt::format("{} lies in {} other archives and is not looked into", in_quotes(inner), kMaxDepth));
    } else {
      try {
        tell(*member.archive, inner, depth + 1, out);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::limit) throw;
        out.warn(fmt::format("{}: {}", in_quotes(inner), error.what()));
      }
    }
  }
  auto artifacts = archive.artifacts;
  if ((!archive.failure || !archive.manifest.empty()) && (artifacts.empty() || is_missing(artifacts, path))) {
    auto itself = from_manifest(archive.manifest, path);
    if (artifacts.empty() || !itself.version.empty()) artifacts.push_back(std::move(itself));
  }
  for (const auto& artifact : artifacts) {
    // The type of Maven's artifacts wants a group; what has none is known to no repository.
    Found found{.purl = {artifact.group.empty() ? "generic" : "maven", artifact.group, artifact.name, artifact.version,
                         {{"classifier", artifact.classifier}}}};
    if (depth != 0) found.properties = {{"java:inside", "/" + path}};
    out.add(std::move(found));
  }
  if (archive.failure) std::rethrow_exception(archive.failure);
}

}  // namespace

bool is_java_archive(std::string_view name) noexcept {
  static constexpr std::string_view kEndings[] = {".jar", ".war", ".ear", ".jpi", ".hpi",
                                                  ".par", ".sar", ".nar", ".kar"};
  return std::any_of(std::begin(kEndings), std::end(kEndings), [&](auto ending) { return name.ends_with(ending); });
}

JavaArchive read_java(ByteView archive, std::uint64_t& left) {
  return [read = ArchiveReader(left).read(archive, 0)](const std::string& path, Findings& out) {
    tell(*read, path, 0, out);
  };
}

}  // namespace sifkit::sbom
