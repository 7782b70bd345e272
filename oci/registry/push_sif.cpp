// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/push_sif.h>

#include <algorithm>
#include <map>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/text.h>

#include "repository_writer.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kSifConfigType = "application/vnd.sylabs.sif.config.v1+json";
constexpr std::string_view kTitle = "org.opencontainers.image.title";
const std::string kConfig = "{}";

/// A JSON string as Go writes one.
std::string json_text(std::string_view text) {
  std::string out = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (const auto& [plain, escape] : {std::pair("<", "\\u003c"), {">", "\\u003e"}, {"&", "\\u0026"}}) {
    for (auto at = out.find(plain); at != std::string::npos; at = out.find(plain, at)) out.replace(at, 1, escape);
  }
  return out;
}

std::string annotations_text(const Annotations& annotations) {
  const std::map<std::string, std::string> sorted(annotations.begin(), annotations.end());
  std::string out;
  for (const auto& [key, value] : sorted)
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", json_text(key), json_text(value));
  return "{" + out + "}";
}

/// The text that Apptainer writes for the same file, byte for byte, so that one file has one digest.
std::string manifest_of(const SifFile& file, const Digest& digest, std::uint64_t size) {
  const auto annotations =
      file.annotations.empty() ? std::string() : ",\"annotations\":" + annotations_text(file.annotations);
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","size":{},"digest":"{}"}},)"
                     R"("layers":[{{"mediaType":"{}","size":{},"digest":"{}","annotations":{}}}]{}}})",
                     kManifestType, kSifConfigType, kConfig.size(), digest_of(as_bytes(kConfig)).text(), kSifType, size,
                     digest.text(), annotations_text({{std::string(kTitle), file.title}}), annotations);
}

struct Entry {
  std::string architecture;
  Digest digest;
  std::size_t size = 0;

  std::string text() const {
    return fmt::format(R"({{"mediaType":"{}","size":{},"digest":"{}","platform":{{"architecture":{},"os":"linux"}}}})",
                       kManifestType, size, digest.text(), json_text(architecture));
  }
};

/// Readers that know no platforms take the first one, or the one for amd64.
std::string index_of(std::vector<Entry> entries) {
  std::stable_partition(entries.begin(), entries.end(),
                        [](const Entry& entry) { return entry.architecture == "amd64"; });
  std::string list;
  for (const auto& entry : entries) list += (list.empty() ? "" : ",") + entry.text();
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", kIndexType, list);
}

void expect_one_each(const std::vector<SifFile>& files) {
  if (files.size() < 2) return;
  std::map<std::string, std::string> seen;
  for (const auto& file : files) {
    if (file.architecture.empty() || file.architecture == "unknown")
      throw Error(ErrorKind::usage, fmt::format("{}: its header names no architecture", in_quotes(file.file->name())),
                  "of several images under one name each is for an architecture of its own");
    const auto [other, first] = seen.emplace(file.architecture, file.file->name());
    if (!first)
      throw Error(ErrorKind::usage,
                  fmt::format("{} and {} are both for {}", in_quotes(other->second), in_quotes(file.file->name()),
                              printable(file.architecture)),
                  "of several images under one name each is for an architecture of its own");
  }
}

struct stat status_of(const File& file) {
  struct stat out {};
  if (::fstat(file.fd(), &out) != 0) throw_errno(in_quotes(file.name()));
  return out;
}

/// The bytes of a file, which must stay as it was: that is told by its times, not by hashing it once more.
class SettledFile : public Source {
 public:
  SettledFile(std::shared_ptr<const File> file, const struct stat& before)
      : file_(std::move(file)), before_(before), bytes_(file_) {}

  std::size_t read(std::span<std::byte> into) override {
    const auto got = bytes_.read(into);
    if (got == 0) expect_same();
    return got;
  }

 private:
  void expect_same() const {
    const auto now = status_of(*file_);
    const auto same = [](const timespec& a, const timespec& b) {
      return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    if (now.st_size != before_.st_size || !same(now.st_mtim, before_.st_mtim) || !same(now.st_ctim, before_.st_ctim))
      throw Error(ErrorKind::io, fmt::format("{} has changed while it was read", in_quotes(file_->name())));
  }

  std::shared_ptr<const File> file_;
  const struct stat before_;
  FileSource bytes_;
};

ReadableBlob blob_of(const SifFile& file, const OperationContext& operation) {
  const auto status = status_of(*file.file);
  ReadableBlob out;
  out.size = static_cast<std::uint64_t>(status.st_size);
  operation.progress->stage("reading", out.size);
  Hasher hasher;
  hash_ahead(std::make_unique<SettledFile>(file.file, status), hasher, operation);
  out.digest = hasher.finish();
  out.open = [file = file.file, status] { return std::make_unique<SettledFile>(file, status); };
  out.hashed = true;
  return out;
}

}  // namespace

PushReport push_sif(std::string_view image, std::string_view target, const std::vector<SifFile>& files,
                    const SourceOptions& options) {
  expect_one_each(files);
  const auto name = RegistryName::parse(image, target);
  RepositoryWriter writer(name, options);
  // Whoever may not push hears of it before gigabytes are read.
  writer.expect_welcome();
  PushReport report;
  report.name = name.text();
  std::vector<Entry> entries;
  std::string last;
  for (const auto& file : files) {
    const auto blob = blob_of(file, options.operation);
    options.operation.progress->stage("sending", blob.size);
    const auto before = writer.sent_bytes();
    writer.add_blob(blob);
    report.sent_bytes += writer.sent_bytes() - before;
    writer.add_document(kConfig);
    last = manifest_of(file, blob.digest, blob.size);
    const auto manifest = digest_of(as_bytes(last));
    if (files.size() > 1) writer.put_manifest(last, std::string(kManifestType), manifest.text());
    entries.push_back({file.architecture, manifest, last.size()});
    report.manifests.push_back(manifest);
    report.bytes += blob.size;
  }
  report.digest = files.size() > 1
                      ? writer.put_manifest(index_of(std::move(entries)), std::string(kIndexType), name.reference())
                      : writer.put_manifest(last, std::string(kManifestType), name.reference());
  return report;
}

}  // namespace sifkit::oci
