// SPDX-License-Identifier: Apache-2.0
#include "packed_root.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/layers/walk.h>

#include "container_metadata.h"
#include "packing_record.h"
#include "runtime_scripts.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr std::size_t kMaxObjects = 1024;
constexpr std::uint64_t kMaxObjectBytes = 64u << 20;  ///< of all together

/// Tells how far the reading is.
class ReportingSink : public ForwardingSink {
 public:
  ReportingSink(ContentSink& sink, Progress& progress) : ForwardingSink(sink), progress_(progress) {}
  void append(ByteView bytes) override {
    ForwardingSink::append(bytes);
    progress_.advance(bytes.size());
  }
  void append_zeros(std::uint64_t count) override {
    ForwardingSink::append_zeros(count);
    progress_.advance(count);
  }

 private:
  Progress& progress_;
};

bool inode_has_bytes(const Inode& inode) { return inode.type == EntryType::regular && inode.size != 0; }

}  // namespace

PackedRoot::PackedRoot(const std::shared_ptr<const File>& file, const ConvertOptions& options, WarningList& warnings,
                       ConvertReport& report)
    : options_(options),
      warnings_(warnings),
      report_(report),
      excludes_(options.excludes),
      has_base_(options.use_base && (!options.base.empty() || options.overwrite == Overwrite::yes)),
      rootfs_(RootFs::open(file, options.limits)),
      copies_(rootfs_.tree().inode_count(), kNone) {
  for (const auto& problem : rootfs_.problems()) warnings_.add("sif-flaw", printable(problem));
  for (InodeId id = 0; id < rootfs_.tree().inode_count(); ++id) file_bytes_ += rootfs_.tree().inode(id).size;
  config_.created_seconds = rootfs_.reader().time();
  report_.compressed_bytes = file->size();
  const sif::Image* image = rootfs_.sif();
  if (image == nullptr) return;
  config_.platform.architecture = image->header().architecture == "unknown" ? "" : image->header().architecture;
  if (const auto time = image->header().time_created()) config_.created_seconds = time;
  read_objects(*image);
}

void PackedRoot::read_objects(const sif::Image& image) {
  const auto* primary = image.primary_partition();
  if (primary != nullptr) place_ = {primary->group(), primary->link(), primary->links_group()};
  std::size_t signatures = 0;
  bool has_sbom = false;
  std::uint64_t left = kMaxObjectBytes;
  bool behind = false;
  for (const auto* object : image.objects()) {
    if (object == primary) {
      behind = true;
      continue;
    }
    if (object->type == sif::DataType::signature) {
      ++signatures;
      continue;
    }
    if (object->type == sif::DataType::sbom) {
      if (options_.makes_sbom) continue;
      has_sbom = true;
    }
    const bool fits =
        object->size >= 0 && static_cast<std::uint64_t>(object->size) <= left && objects_.size() < kMaxObjects;
    if (object->type == sif::DataType::partition || !fits) {
      leaves_objects_out_ = true;
      warnings_.add(
          "object-left-out",
          fmt::format("object {}, {}, stays behind in the old image", object->id,
                      object->partition() ? fmt::format("a partition with {}", sif::to_string(object->partition()->fs))
                                          : fmt::format("{} of {} bytes", sif::to_string(object->type), object->size)));
      continue;
    }
    const Bytes data = image.read_data(*object, left);
    left -= data.size();
    sif::ObjectSpec spec;
    spec.type = object->type;
    spec.group = object->group();
    spec.name = object->name();
    spec.extra = object->extra;
    if (object->links_group()) {
      spec.links_group = true;
      spec.link = object->link();
    }
    std::string text(as_text(data));
    // What it says of blocks and inodes is true of the old image only.
    if (spec.type == sif::DataType::generic_json && spec.name == kInspectMetadataName) {
      text = without_packing_record(std::move(text), options_.limits);
    }
    objects_.emplace_back(std::move(spec), std::move(text));
    objects_.back().old_id = object->id;
    objects_.back().behind = behind;
    if (object->links_group()) continue;
    const bool of_root = primary != nullptr && object->link() == primary->id;
    objects_.back().old_link = of_root ? SmallObject::kPartition : object->link();
  }
  const bool files_change = !options_.excludes.empty() || (options_.edit && !options_.edit->files.empty());
  if (has_sbom && files_change) {
    warnings_.add("sbom-stale",
                  "the SBOM in the image says what was in it before: 'sifkit sbom add --force' makes a new one");
  }
  if (signatures != 0) {
    warnings_.add("signature-left-out",
                  fmt::format("{} of the old image {} not hold for the new one{}",
                              signatures == 1 ? "the signature" : fmt::format("the {} signatures", signatures),
                              signatures == 1 ? "does" : "do", options_.signs ? "" : ": sign that"));
  }
}

RootIdentity PackedRoot::identity() const {
  RootIdentity out;
  for (const auto& object : objects_) out.text += object.spec.name + "\n" + object.bytes + "\n";
  return out;
}

std::uint32_t PackedRoot::xattrs_of(Tree& tree, std::uint32_t set) {
  Xattrs attributes = rootfs_.tree().xattrs(set);
  std::erase_if(attributes, [&](const auto& attribute) { return !keeps(options_.layers.xattrs, attribute.first); });
  return tree.intern_xattrs(attributes);
}

void PackedRoot::copy_tree(Tree& tree) {
  const Tree& from = rootfs_.tree();
  std::map<std::uint32_t, std::uint32_t> sets{{0, 0}};
  const auto metadata_of = [&](const Inode& inode) {
    Metadata out = inode.metadata;
    const auto [at, fresh] = sets.try_emplace(out.xattrs, 0);
    if (fresh) at->second = xattrs_of(tree, out.xattrs);
    out.xattrs = at->second;
    return out;
  };
  tree.inode(Tree::kRoot).metadata = metadata_of(from.inode(Tree::kRoot));
  std::vector<InodeId> open{Tree::kRoot};  // the copies of the directories on the way
  const auto enter = [&](const WalkedName& here) {
    options_.operation.check();
    if (!excludes_.empty() && excludes_.matches(here.path)) return false;
    ++report_.entries;
    InodeId& copy = copies_[here.inode];
    if (copy == kNone) {
      if (has_base_ && inode_has_bytes(from.inode(here.inode))) paths_.emplace(here.inode, here.path);
      Inode inode = from.inode(here.inode);
      inode.metadata = metadata_of(inode);
      inode.links = 0;
      inode.first_child = kNone;
      inode.content = inode.size == 0 ? kEmptyContent : kNoContent;
      if (inode.type == EntryType::symlink) inode.data = tree.add_symlink_target(from.symlink_target(from.inode(here.inode)));
      copy = tree.add_inode(inode);
    }
    tree.link(open.back(), from.text_of(here.name), copy);
    if (from.inode(here.inode).type == EntryType::directory) open.push_back(copy);
    return true;
  };
  walk(from, Tree::kRoot, enter, [&](const WalkedName&) { open.pop_back(); });
}

std::set<InodeId> PackedRoot::rewritten(const Tree& tree) const {
  std::vector<std::string> paths;
  if (options_.edit) {
    const auto& edit = *options_.edit;
    for (const auto& added : edit.files) paths.push_back(added.to);
    if (edit.runscript) paths.emplace_back(kRunScriptPath);
    if (edit.definition) paths.emplace_back(kDefinitionPath);
  }
  const bool labels = !options_.labels.empty() || (options_.edit && !options_.edit->removed_labels.empty());
  const bool variables = !options_.env.empty() || (options_.edit && !options_.edit->unset.empty());
  if (labels && is_container(tree)) paths.emplace_back(kLabelsPath);
  if (variables && is_container(tree)) paths.emplace_back(kCustomEnvironmentPath);
  std::set<InodeId> out;
  for (const auto& path : paths) {
    const auto file = tree.resolve(path, false);
    if (file && tree.inode(*file).type == EntryType::regular && tree.inode(*file).links == 1) out.insert(*file);
  }
  return out;
}

Tree PackedRoot::read(ContentSink& given, std::uint32_t) {
  Tree tree;
  copy_tree(tree);
  const auto rewritten_files = rewritten(tree);
  ReportingSink sink(given, *options_.operation.progress);
  for (const InodeId id : rootfs_.reader().files_by_place()) {
    if (copies_[id] == kNone || rewritten_files.contains(copies_[id])) continue;
    options_.operation.check();
    if (const auto path = paths_.find(id); path != paths_.end()) sink.expect(path->second);
    tree.inode(copies_[id]).content = rootfs_.reader().read(id, sink);
    report_.uncompressed_bytes += rootfs_.tree().inode(id).size;
  }
  sink.end_layer();
  return tree;
}

std::unique_ptr<ContainerFiles> PackedRoot::texts(const Tree& tree) {
  return files_of_tree(tree, [this](InodeId inode) {
    const auto original = std::find(copies_.begin(), copies_.end(), inode);
    SIFKIT_CHECK(original != copies_.end());
    const auto id = static_cast<InodeId>(original - copies_.begin());
    return rootfs_.reader().text(id, rootfs_.tree().inode(id).size);
  });
}

}  // namespace sifkit
