// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>

#include "file_set.h"
#include "member_table.h"

namespace sifkit::oci {

class StreamedFiles;

/// The members of a compressed tar file. Documents are kept from the first pass; for a layer the archive is
/// decompressed again up to its end, which needs no room on any disk. That is for a few layers: with many of them, or
/// with much in front of them, it would take very long, and the members go to a scratch file then, where there is room
/// for it.
class CompressedFiles : public FileSet {
 public:
  /// How often as many bytes as the whole archive has are decompressed again.
  static constexpr std::uint64_t kMaxPasses = 2;

  /// `guessed` as in MemberTable. `scratch` is a directory; empty: none is used.
  CompressedFiles(std::shared_ptr<const File> file, bool guessed, const Limits& limits,
                  const OperationContext& operation, WarningList& warnings, std::filesystem::path scratch = {});
  ~CompressedFiles() override;

  const std::string& name() const override { return file_->name(); }
  std::optional<std::uint64_t> find(std::string_view name) override;
  std::unique_ptr<Source> open(std::string_view name) override;
  const ContentsSurvey& survey() override { return members_.survey(); }

 private:
  /// Whether the members are in a scratch file, when all of those in front of `place` would be decompressed again else.
  bool is_spooled(std::uint64_t place);

  std::shared_ptr<const File> file_;
  Limits limits_;
  OperationContext operation_;
  MemberTable members_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const Bytes>> kept_;  ///< by data offset
  std::filesystem::path scratch_;
  std::uint64_t size_ = 0;    ///< of the archive, decompressed
  std::uint64_t passed_ = 0;  ///< bytes that were decompressed again
  std::unique_ptr<StreamedFiles> spooled_;
};

/// The members of a tar stream that can be read once. Which of them are layers, and in which order they are wanted, is
/// known when the last one has passed, so what is not small goes to an unnamed scratch file, compressed.
class StreamedFiles : public FileSet {
 public:
  /// Reads `source` (plain tar) to its end.
  StreamedFiles(Source& source, std::string name, const std::filesystem::path& scratch, const Limits& limits,
                const OperationContext& operation, WarningList& warnings);

  const std::string& name() const override { return name_; }
  std::optional<std::uint64_t> find(std::string_view name) override;
  std::unique_ptr<Source> open(std::string_view name) override;
  const ContentsSurvey& survey() override { return members_.survey(); }

 private:
  struct Stored {
    std::shared_ptr<const Bytes> memory;  ///< a small member
    std::uint64_t offset = 0;             ///< in the scratch file
    std::uint64_t length = 0;
    bool packed = false;  ///< by us
  };

  const Stored& stored(std::string_view name, const MemberTable::Member** member) const;

  std::string name_;
  Limits limits_;
  MemberTable members_;
  std::vector<Stored> stored_;
  std::shared_ptr<const File> scratch_;
};

/// Exactly `size` bytes of a source; its earlier end is malformed.
std::unique_ptr<Source> first_bytes(std::unique_ptr<Source> source, std::uint64_t size, std::string what);

}  // namespace sifkit::oci
