// SPDX-License-Identifier: Apache-2.0
#include "oras_source.h"

#include <utility>

#include <fcntl.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/oci/remote_file.h>

#include "../checked_blob.h"

namespace sifkit::oci {

namespace {

class OrasSource : public OpenedSource {
 public:
  OrasSource(const Reference& reference, const SourceOptions& options) : reference_(reference) {
    auto remote = open_oras(reference.location, reference.text, options);
    options.operation.progress->stage("downloading", *remote.size);
    const ReadableBlob blob{*remote.digest, *remote.size, [&remote] { return std::move(remote.bytes); }};
    in_file(reference.location, [&] {
      const File scratch = open_scratch_file(options.scratch.empty() ? scratch_directory() : options.scratch);
      std::uint64_t shown = 0;
      CheckedBlob bytes(blob, options.operation, shown);
      Bytes piece(std::size_t{1} << 20);
      std::uint64_t size = 0;
      while (const auto got = bytes.read(piece)) {
        with_scratch_hint([&] { scratch.write_at(size, ByteView(piece).first(got)); });
        size += got;
      }
      UniqueFd again(::fcntl(scratch.fd(), F_DUPFD_CLOEXEC, 0));
      if (!again) throw_errno("fcntl");
      file_ = std::make_shared<const File>(std::move(again), reference.location);
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

std::unique_ptr<OpenedSource> open_oras_source(const Reference& reference, const SourceOptions& options) {
  return std::make_unique<OrasSource>(reference, options);
}

}  // namespace sifkit::oci
