// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sifkit/core/limits.h>
#include <sifkit/oci/descriptor.h>

#include "file_set.h"

namespace sifkit::oci {

/// What a blob is, where its name depends on that.
enum class BlobKind : std::uint8_t { manifest, other };

/// The blobs that the documents of images describe: files of a layout, or what a registry has.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  /// Where the blobs are, for errors.
  virtual const std::string& name() const = 0;
  /// What a blob is called there.
  virtual std::string name_of(const Digest& digest, BlobKind kind) const = 0;
  /// The size of a blob, if it is there; whoever cannot tell without fetching it says what the descriptor says.
  virtual std::optional<std::uint64_t> size_of(const Descriptor& descriptor, BlobKind kind) = 0;
  /// A whole document, not yet verified; nothing where it is not there. `what` names it in errors.
  virtual std::optional<std::string> read(const Descriptor& descriptor, BlobKind kind, const Limits& limits,
                                          std::string_view what) = 0;
  /// The bytes of a blob, not yet verified. Throws not_found where it is not there.
  virtual std::unique_ptr<Source> open(const Descriptor& descriptor) = 0;
  /// As FileSet::forget_documents.
  virtual void forget_documents() noexcept = 0;
};

/// Files that are named by their digests.
class FileBlobs : public BlobStore {
 public:
  /// `flat`: by the hex digits alone, as in skopeo's `dir:`. The set outlives it.
  FileBlobs(FileSet& files, bool flat) : files_(files), flat_(flat) {}

  /// One document has a name of its own.
  void set_name_of(const Digest& digest, std::string name) { named_.emplace(digest, std::move(name)); }

  const std::string& name() const override { return files_.name(); }
  std::string name_of(const Digest& digest, BlobKind kind) const override;
  std::optional<std::uint64_t> size_of(const Descriptor& descriptor, BlobKind kind) override;
  std::optional<std::string> read(const Descriptor& descriptor, BlobKind kind, const Limits& limits,
                                  std::string_view what) override;
  std::unique_ptr<Source> open(const Descriptor& descriptor) override {
    return files_.open(name_of(descriptor.digest, BlobKind::other));
  }
  void forget_documents() noexcept override { files_.forget_documents(); }

 private:
  FileSet& files_;
  bool flat_;
  std::optional<std::pair<Digest, std::string>> named_;
};

}  // namespace sifkit::oci
