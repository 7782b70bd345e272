// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/stored_digests.h>

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>

namespace sifkit::inspect {

namespace {

Digest digest_of_source(std::unique_ptr<Source> source, const OperationContext& operation) {
  Hasher hasher;
  hash_ahead(std::move(source), hasher, operation);
  return hasher.finish();
}

}  // namespace

NamedDigests stored_digests(const oci::Reference& reference, const oci::SourceOptions& options, WarningList& warnings) {
  const auto source = oci::open_source(reference, options, warnings);
  const auto file = source->image_file();
  if (!file) {
    const auto image = source->open_image();
    NamedDigests out{{"manifest", image->manifest_digest()}, {"config", image->config_digest()}};
    if (std::none_of(out.begin(), out.end(), [](const auto& named) { return named.second.has_value(); })) {
      throw Error(ErrorKind::unsupported, fmt::format("{} has neither a manifest nor a configuration with a digest",
                                                      in_quotes(reference.text)),
                  "--tree gives a digest of its files");
    }
    return out;
  }
  return in_context([&] { return in_quotes(file->name()); }, [&] {
    options.operation.progress->stage("reading", file->size());
    NamedDigests out{{"file", digest_of_source(std::make_unique<FileSource>(file), options.operation)}};
    if (sniff_file(*file).kind == FileKind::sif) {
      const sif::Image image(file);
      if (const auto* primary = image.primary_partition()) {
        out.emplace_back("partition", digest_of_source(image.open_data(*primary), options.operation));
      }
    }
    return out;
  });
}

}  // namespace sifkit::inspect
