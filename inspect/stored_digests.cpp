// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/stored_digests.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/file_system.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>

namespace sifkit::inspect {

namespace {

Digest digest_of_source(std::unique_ptr<Source> source, const OperationContext& operation) {
  Hasher hasher;
  hash_ahead(std::move(source), hasher, operation);
  return hasher.finish();
}

/// Of a file, and of the primary partition where it is a SIF.
NamedDigests digests_of_file(const std::shared_ptr<const File>& file, const sif::Image* sif,
                             const OperationContext& operation) {
  operation.progress->stage("reading", file->size());
  NamedDigests out{{"file", digest_of_source(std::make_unique<FileSource>(file), operation)}};
  if (const auto* primary = sif == nullptr ? nullptr : sif->primary_partition()) {
    out.emplace_back("partition", digest_of_source(sif->open_data(*primary), operation));
  }
  return out;
}

NamedDigests digests_of_image(const oci::Image& image) {
  return {{"manifest", image.manifest_digest()}, {"config", image.config_digest()}};
}

}  // namespace

NamedDigests stored_digests(const oci::Reference& reference, const oci::SourceOptions& options, WarningList& warnings) {
  const auto source = oci::open_source(reference, options, warnings);
  const auto file = source->image_file();
  if (!file) {
    const auto image = source->open_image();
    NamedDigests out = digests_of_image(*image);
    if (std::none_of(out.begin(), out.end(), [](const auto& named) { return named.second.has_value(); })) {
      throw Error(ErrorKind::unsupported, fmt::format("{} has neither a manifest nor a configuration with a digest",
                                                      in_quotes(reference.text)),
                  "--tree gives a digest of its files");
    }
    return out;
  }
  std::optional<sif::Image> sif;
  if (sniff_file(*file).kind == FileKind::sif) sif.emplace(file);
  return digests_of_file(file, sif ? &*sif : nullptr, options.operation);
}

NamedDigests stored_digests(OpenedFileSystem& image, const OperationContext& operation) {
  if (const auto file = image.image_file()) return digests_of_file(file, image.sif(), operation);
  return image.image() == nullptr ? NamedDigests() : digests_of_image(*image.image());
}

}  // namespace sifkit::inspect
