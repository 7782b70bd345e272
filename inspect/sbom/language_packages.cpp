// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "catalogers.h"
#include "fields.h"
#include "lenient_json.h"

namespace sifkit::sbom {

namespace {

constexpr int kMaxJsonDepth = 64;

/// The last but `back` component of a path.
std::string component(const std::string& path, unsigned back) {
  std::string_view rest = path;
  for (;;) {
    const auto slash = rest.rfind('/');
    if (back == 0) return std::string(rest.substr(slash + 1));
    if (slash == std::string_view::npos) return {};
    rest = rest.substr(0, slash);
    --back;
  }
}

bool is_web_address(std::string_view text) { return text.starts_with("https://") || text.starts_with("http://"); }

std::string npm_license(const Json& package) {
  const auto one = [](const Json& value) {
    return value.is_string() ? value.get<std::string>() : member_text(value, "type");
  };
  if (package.contains("license")) return one(package["license"]);
  std::string out;
  if (!package.contains("licenses") || !package["licenses"].is_array()) return out;
  for (const auto& license : package["licenses"]) {
    const auto text = one(license);
    if (!text.empty()) out += (out.empty() ? "" : " OR ") + text;
  }
  return out;
}

/// The value of `key = "value"` or `key = 'value'` in the part of a TOML document that is in front of its first table.
std::string toml_text(std::string_view document, std::string_view key) {
  while (!document.empty()) {
    auto line = trimmed(take_line(document));
    if (line.starts_with('[')) break;
    if (!line.starts_with(key)) continue;
    line = trimmed(line.substr(key.size()));
    if (!line.starts_with('=')) continue;
    line = trimmed(line.substr(1));
    if (!line.starts_with('"') && !line.starts_with('\'')) continue;
    const auto end = line.find(line[0], 1);
    if (end != std::string_view::npos) return std::string(line.substr(1, end - 1));
  }
  return {};
}

/// "conda-forge" of "https://conda.anaconda.org/conda-forge/linux-64".
std::string channel_name(std::string_view channel, std::string_view subdir) {
  while (channel.ends_with('/')) channel.remove_suffix(1);
  if (channel.ends_with(subdir) && channel.size() > subdir.size() &&
      channel[channel.size() - subdir.size() - 1] == '/') {
    channel.remove_suffix(subdir.size() + 1);
  }
  return std::string(channel.substr(channel.rfind('/') + 1));
}

}  // namespace

Json read_document(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto deep = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxJsonDepth) throw Error(ErrorKind::limit, fmt::format("a JSON document deeper than {}", kMaxJsonDepth));
    return true;
  };
  auto document = Json::parse(text, deep, false);
  if (document.is_discarded()) throw Error(ErrorKind::malformed, "expected a JSON document");
  return document;
}

void read_python(std::string_view text, Findings& out) {
  const auto fields = Fields::take(text);
  const std::string name(fields.get("Name"));
  const std::string version(fields.get("Version"));
  if (name.empty() || version.empty()) throw Error(ErrorKind::malformed, "expected the fields Name and Version");
  Found found{.purl = {"pypi", {}, name, version, {}}};
  found.license = on_one_line(fields.get("License-Expression"));
  // `License` may be a whole licence.
  if (const auto license = fields.get("License");
      found.license.empty() && license.find('\n') == std::string_view::npos) {
    if (license != "UNKNOWN") found.license = license;
  }
  const auto mail = on_one_line(fields.get("Author-email"));
  const auto author = on_one_line(fields.get("Author"));
  if (author != "UNKNOWN")
    found.supplier = person(author.empty() ? mail : mail.empty() ? author : author + " <" + mail + ">");
  if (author.empty() && mail.find('<') != std::string::npos)
    found.supplier = person(mail.substr(0, mail.find('>') + 1));
  if (const auto page = fields.get("Home-page"); is_web_address(page)) found.homepage = page;
  out.add(std::move(found));
}

void read_conda(std::string_view text, Findings& out) {
  const auto document = read_document(text);
  const auto name = member_text(document, "name");
  if (name.empty()) throw Error(ErrorKind::malformed, "expected the member 'name'");
  const auto subdir = member_text(document, "subdir");
  const auto file = member_text(document, "fn");
  Found found{.purl = {"conda", {}, name, member_text(document, "version"), {}}};
  found.purl.qualifiers = {{"build", member_text(document, "build")},
                           {"channel", channel_name(member_text(document, "channel"), subdir)},
                           {"subdir", subdir},
                           {"type", file.ends_with(".conda")     ? "conda"
                                    : file.ends_with(".tar.bz2") ? "tar.bz2"
                                                                 : ""}};
  found.license = member_text(document, "license");
  out.add(std::move(found));
}

void read_npm(std::string_view text, Findings& out) {
  const auto document = read_document(text);
  auto name = member_text(document, "name");
  const auto version = member_text(document, "version");
  if (name.empty() || version.empty()) return;  // such files only say how the modules beside them are to be read
  Found found{.purl = {"npm", {}, {}, version, {}}};
  found.name = name;
  if (const auto slash = name.find('/'); name.starts_with('@') && slash != std::string::npos) {
    found.purl.space = name.substr(0, slash);
    name = name.substr(slash + 1);
  }
  found.purl.name = name;
  found.license = npm_license(document);
  const auto author = document.find("author");
  if (author != document.end())
    found.supplier = person(author->is_string() ? author->get<std::string>() : member_text(*author, "name"));
  if (const auto page = member_text(document, "homepage"); is_web_address(page)) found.homepage = page;
  out.add(std::move(found));
}

void read_r(std::string_view text, const std::string& path, Findings& out) {
  const auto fields = Fields::take(text);
  // What is installed says with what it was built; sources do not.
  if (!fields.has("Built") || fields.get("Package") != component(path, 1)) return;
  // Those of Bioconductor have its words, wherever they were installed from.
  const bool bioconductor = fields.has("biocViews") || fields.get("Repository").starts_with("Bioconductor");
  const auto type = bioconductor ? "bioconductor" : "cran";
  Found found{.purl = {type, {}, std::string(fields.get("Package")), std::string(fields.get("Version")), {}}};
  found.license = on_one_line(fields.get("License"));
  found.supplier = person(on_one_line(fields.get("Maintainer")));
  out.add(std::move(found));
}

void read_julia(std::string_view text, Findings& out) {
  Found found{.purl = {"julia", {}, toml_text(text, "name"), toml_text(text, "version"), {}}};
  found.purl.qualifiers = {{"uuid", toml_text(text, "uuid")}};
  if (found.purl.version.empty() || found.purl.qualifiers[0].second.empty()) return;
  out.add(std::move(found));
}

void read_java_release(std::string_view text, Findings& out) {
  std::string version;
  std::string implementor;
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto value = [&](std::string_view key) { return std::string(trimmed(line.substr(key.size()), "\"")); };
    if (line.starts_with("JAVA_VERSION=")) version = value("JAVA_VERSION=");
    if (line.starts_with("IMPLEMENTOR=")) implementor = value("IMPLEMENTOR=");
  }
  if (version.empty()) return;
  out.add({.purl = {"generic", {}, "java-runtime", version, {}}, .supplier = organization(implementor)});
}

void read_spack(std::string_view text, Findings& out) {
  const auto document = read_document(text);
  const auto spec = document.find("spec");
  if (!document.is_object() || spec == document.end()) throw Error(ErrorKind::malformed, "expected the member 'spec'");
  const Json* node = nullptr;
  if (spec->is_object() && spec->contains("nodes")) {
    const auto& nodes = (*spec)["nodes"];
    if (nodes.is_array() && !nodes.empty())
      node = &nodes[0];  // the others are what it depends on, with prefixes of their own
  } else if (spec->is_array() && !spec->empty() && (*spec)[0].is_object() && !(*spec)[0].empty()) {
    node = &*(*spec)[0].begin();  // until 0.16: {name: {…}}
  }
  if (node == nullptr || !node->is_object())
    throw Error(ErrorKind::malformed, "expected a list of nodes that is not empty");
  auto name = member_text(*node, "name");
  if (name.empty() && spec->is_array()) name = (*spec)[0].begin().key();
  Found found{.purl = {"generic", {}, name, member_text(*node, "version"), {}}};
  found.purl.qualifiers = {{"spack_hash", member_text(*node, "hash")}};
  const auto arch = node->find("arch");
  if (arch != node->end() && arch->is_object()) {
    const auto target = arch->find("target");
    const auto word = target == arch->end() ? ""
                      : target->is_string() ? target->get<std::string>()
                                            : member_text(*target, "name");
    found.properties = {{"spack:platform", member_text(*arch, "platform")},
                        {"spack:os", member_text(*arch, "platform_os")},
                        {"spack:target", word}};
  }
  found.properties.emplace_back("spack:hash", member_text(*node, "hash"));
  found.properties.emplace_back("spack:namespace", member_text(*node, "namespace"));
  out.add(std::move(found));
}

void read_easybuild(std::string_view text, const std::string& path, Findings& out) {
  std::string name;
  std::string version;
  while (!text.empty()) {
    const auto line = take_line(text);
    for (auto [key, value] :
         {std::pair(std::string_view("name"), &name), std::pair(std::string_view("version"), &version)}) {
      if (!line.starts_with(key)) continue;
      auto rest = trimmed(line.substr(key.size()));
      if (!rest.starts_with('=')) continue;
      rest = trimmed(rest.substr(1));
      if (rest.size() < 2 || (rest[0] != '\'' && rest[0] != '"')) continue;
      const auto end = rest.find(rest[0], 1);
      if (end != std::string_view::npos) *value = rest.substr(1, end - 1);
    }
  }
  if (name.empty()) return;
  // …/software/NAME/VERSION-TOOLCHAIN/easybuild/FILE.eb
  const auto installation = component(path, 2);
  out.add({.purl = {"generic", {}, name, version, {{"easybuild_installation", installation}}},
           .properties = {{"easybuild:installation", installation}}});
}

}  // namespace sifkit::sbom
