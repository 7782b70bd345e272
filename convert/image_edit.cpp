// SPDX-License-Identifier: Apache-2.0
#include <sifkit/image_edit.h>

#include <algorithm>
#include <memory>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/core/locked_file.h>
#include <sifkit/layers/entry_names.h>
#include <sifkit/layers/glob.h>
#include <sifkit/layers/walk.h>
#include <sifkit/oci/source.h>
#include <sifkit/rootfs.h>
#include <sifkit/sif/image.h>

#include "files_to_add.h"
#include "naming.h"
#include "root_place.h"
#include "runtime_files.h"

namespace sifkit {

using namespace layers;

namespace {

/// A pattern that matches nothing is a mistake, where something was to be taken away.
void expect_matches(const Tree& tree, const std::vector<std::string>& patterns) {
  for (const auto& text : patterns) {
    const PathPatterns pattern(std::vector<std::string>{text});
    bool found = false;
    walk(tree, Tree::kRoot, [&](const WalkedName& here) {
      if (!pattern.matches(here.path)) return true;
      if (is_of_runtime(tree, here.path, here.inode)) refuse_runtime_file(here.path);
      found = true;
      return false;
    });
    if (!found) throw Error(ErrorKind::not_found, fmt::format("{} is not in the image", in_quotes(text)));
  }
}

/// One change of a name, or none: which of two comes last is not known here.
void refuse_contradictions(const ConvertOptions& options) {
  const auto refuse = [](const auto& set, const std::vector<std::string>& removed, std::string_view what) {
    for (const auto& [name, value] : set) {
      if (std::find(removed.begin(), removed.end(), name) == removed.end()) continue;
      throw Error(ErrorKind::usage, fmt::format("the {} {} is both set and taken away", what, in_quotes(name)));
    }
  };
  refuse(options.labels, options.edit->removed_labels, "label");
  refuse(options.env, options.edit->unset, "variable");
}

void refuse_losses(const sif::Image& image) {
  for (const auto* object : image.objects()) {
    if (object == image.primary_partition() || object->type != sif::DataType::partition) continue;
    throw Error(ErrorKind::unsupported,
                fmt::format("object {} is a partition with {}, which belongs to the file system as it is", object->id,
                            object->partition() ? sif::to_string(object->partition()->fs) : "something unknown"),
                "'sifkit sif del' takes it out of the image");
  }
}

/// Compressor and block size of the image, and the level that its blocks show, as far as that can be told.
SquashfsOptions packing_of(const std::shared_ptr<const File>& file, const RootPlace& place, const SquashfsReader& reader,
                           const ConvertOptions& options) {
  SquashfsOptions out = options.squashfs;
  out.codec = reader.codec();
  out.level = 0;
  out.fast = false;
  out.block_size = reader.block_size();
  if (out.codec != SquashfsCodec::gzip) return out;
  if (reader.stores_plain()) {
    out.codec = SquashfsCodec::none;
    return out;
  }
  const PackedBlocks blocks(file, place.offset, place.size, options.limits);
  if (blocks.unfit_for(out).empty()) return out;
  SquashfsOptions fast = out;
  fast.fast = true;
  return blocks.unfit_for(fast).empty() ? fast : out;
}

/// What a name leads to is changed, and a link to it stays one.
std::filesystem::path behind_links(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  const auto target = std::filesystem::canonical(path, error);
  return error ? path : target;  // whoever opens it says what is wrong with it
}

}  // namespace

ConvertReport edit_image(const std::filesystem::path& given, ConvertOptions options, bool same_packing,
                         WarningList& warnings) {
  if (!options.edit) options.edit.emplace();
  auto& edit = *options.edit;
  refuse_contradictions(options);
  const std::filesystem::path image = behind_links(given);
  if (S_ISDIR(expect_readable(image))) {
    throw Error(ErrorKind::unsupported, fmt::format("{} is a directory; its files are changed as any others are", in_quotes(image.native())));
  }
  const std::shared_ptr<const File> file =
      open_locked(image, File::open_read, image.native(), kLockTimeout, options.operation);
  edit.original = file;
  const auto sniffed = sniff_file(*file).kind;
  if (sniffed != FileKind::sif && sniffed != FileKind::squashfs) {
    const auto identity = oci::identify(image, options.limits);
    Error error = identity.unexpected(in_quotes(image.native()), "a SIF or squashfs image");
    if (identity.transport() != oci::Transport::automatic) error.set_hint(Advice::convert);
    throw error;
  }
  naming({image.native()}, [&] { return in_quotes(image.native()); }, [&] {
    RootFs root = RootFs::open(file, options.limits);
    if (const auto* sif = root.sif()) {
      refuse_losses(*sif);
      if (!edit.name) edit.name = sif->primary_partition()->name();
    } else {
      if (options.before_commit) throw Error(ErrorKind::usage, "only SIF files are signed");
      if (const auto before = find_root(file).offset; before != 0) {
        throw Error(ErrorKind::unsupported, fmt::format("the squashfs image stands behind {} other bytes", before),
                    "build makes a SIF of it");
      }
      if (edit.name) throw Error(ErrorKind::usage, "only a SIF file's partition has a name; this is a squashfs image");
    }
    expect_matches(root.tree(), options.excludes);
    std::vector<AddedFile> files;
    for (const auto& added : edit.files) {
      for (auto& each : files_to_add(added, options.limits)) {
        expect_own_place(root.tree(), each.to);
        files.push_back(std::move(each));
      }
    }
    edit.files = std::move(files);
    edit.same_packing = same_packing;
    if (same_packing) options.squashfs = packing_of(file, find_root(file), root.reader(), options);
  });
  options.format = sniffed == FileKind::sif ? OutputFormat::sif : OutputFormat::squashfs;
  options.overwrite = Overwrite::yes;
  const auto transport = sniffed == FileKind::sif ? oci::Transport::sif : oci::Transport::squashfs;
  return convert({transport, image.native(), {}, image.native()}, image, options, warnings);
}

}  // namespace sifkit
