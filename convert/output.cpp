// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <sifkit/core/error.h>
#include <sifkit/layers/directory_writer.h>

namespace sifkit {

using namespace layers;

namespace {

class DirectoryOutput : public Output {
 public:
  DirectoryOutput(const std::filesystem::path& target, const ConvertOptions& options, WarningList& warnings,
                  ConvertReport& report)
      : options_(options), warnings_(warnings), report_(report), writer_(target, options.overwrite) {}

  ContentSink& contents(const Conversion&) override { return writer_; }

  void finish(const Tree& tree, const Conversion&) override {
    options_.operation.check();
    options_.operation.progress->stage("setting owners and times", 0);
    writer_.finish(tree, warnings_, options_.operation);
    for (InodeId id = 0; id < tree.inode_count(); ++id) {
      const Inode& inode = tree.inode(id);
      report_.inodes += inode.links != 0 ? 1u : 0u;
      report_.file_bytes += inode.links != 0 ? inode.size : 0;
    }
  }

 private:
  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  DirectoryWriter writer_;
};

/// Everything is read and checked, nothing written.
class NoOutput : public Output, private ContentSink {
 public:
  explicit NoOutput(ConvertReport& report) : report_(report) {}

  ContentSink& contents(const Conversion&) override { return *this; }

  void finish(const Tree& tree, const Conversion&) override {
    for (InodeId id = 0; id < tree.inode_count(); ++id) report_.inodes += tree.inode(id).links != 0 ? 1u : 0u;
  }

 private:
  void begin(std::uint64_t size) override { report_.file_bytes += size; }
  void append(ByteView) override {}
  void append_zeros(std::uint64_t) override {}
  ContentId end() override { return ContentId{++contents_}; }

  ConvertReport& report_;
  std::uint32_t contents_ = 0;
};

}  // namespace

std::unique_ptr<Output> open_output(const std::filesystem::path& target, const ConvertOptions& options,
                                    WarningList& warnings, ConvertReport& report) {
  if (options.format == OutputFormat::sandbox && options.verify_after) {
    throw Error(ErrorKind::usage, "only images are verified after writing, not directories");
  }
  if (options.dry_run) return std::make_unique<NoOutput>(report);
  switch (options.format) {
    case OutputFormat::sif: return open_sif_output(target, options, warnings, report);
    case OutputFormat::squashfs: return open_squashfs_output(target, options, warnings, report);
    case OutputFormat::sandbox: return std::make_unique<DirectoryOutput>(target, options, warnings, report);
  }
  throw Error(ErrorKind::internal, "an output of no known format");
}

}  // namespace sifkit
