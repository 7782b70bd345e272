// SPDX-License-Identifier: Apache-2.0
#include "remote_source.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>

namespace sifkit::oci {

namespace {

/// All of what comes, checked.
std::shared_ptr<const File> spooled(RemoteFile& remote, const Reference& reference, const SourceOptions& options) {
  options.operation.progress->stage("downloading", remote.size.value_or(0));
  const File scratch = open_scratch_file(options.scratch_place());
  receive(remote, options.operation,
          [&](std::uint64_t at, ByteView piece) { with_scratch_hint([&] { scratch.write_at(at, piece); }); });
  return std::make_shared<const File>(scratch.renamed(reference.location));  // messages name the source, not its copy
}

class RemoteSource : public OpenedSource {
 public:
  RemoteSource(const Reference& reference, const SourceOptions& options) : reference_(reference) {
    auto remote = reference.transport == Transport::oras ? open_oras(reference.location, reference.text, options)
                                                         : open_library(reference.location, reference.text, options);
    in_file(reference.location, [&] {
      file_ = remote.file ? std::make_shared<const File>(remote.file->renamed(reference.location))
                          : spooled(remote, reference, options);
      const auto sniffed = sniff_file(*file_);
      if (sniffed.kind != FileKind::sif)
        throw unexpected_kind(in_quotes(reference.location), words_of(sniffed.kind), sniffed.detail, "a SIF image");
    });
  }

  const Reference& reference() const override { return reference_; }
  bool is_root() const override { return false; }
  bool is_root_in_doubt() const override { return false; }
  std::shared_ptr<const File> image_file() const override { return file_; }
  std::unique_ptr<Image> open_image() override { throw no_layers(); }
  std::vector<ImageSummary> list_images() override { throw no_layers(); }

 private:
  Error no_layers() const {
    return {ErrorKind::unsupported,
            fmt::format("{} is a SIF image, an image of layers was expected", in_quotes(reference_.text)),
            Advice::look_inside};
  }

  Reference reference_;
  std::shared_ptr<const File> file_;
};

}  // namespace

std::unique_ptr<OpenedSource> open_remote_source(const Reference& reference, const SourceOptions& options) {
  return std::make_unique<RemoteSource>(reference, options);
}

void take_or_fetch(RemoteFile& file, const SourceOptions& options,
                   const std::function<std::unique_ptr<Source>()>& fetch) {
  const bool known = file.digest && file.size;
  if (known) {
    file.cache = std::make_shared<Cache>(options.registry.cache, options.operation);
    file.turn = file.cache->take_turn(*file.digest);
    file.file = file.cache->find(*file.digest, *file.size);
    if (file.file) return;
  }
  file.bytes = fetch();
  if (known) file.bytes = file.cache->keep(std::move(file.bytes), *file.digest, *file.size);
}

}  // namespace sifkit::oci
