// SPDX-License-Identifier: Apache-2.0
#include "layout_destination.h"

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/output_place.h>
#include <sifkit/core/unfinished.h>

#include "checked_blob.h"
#include "member_writer.h"

namespace sifkit::oci {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr std::string_view kLayoutText = R"({"imageLayoutVersion":"1.0.0"})";

Json entry_of(const Descriptor& manifest, const std::string& tag) {
  Json entry{{"mediaType", manifest.media_type}, {"digest", manifest.digest.text()}, {"size", manifest.size}};
  if (manifest.platform) {
    entry["platform"] = {{"architecture", manifest.platform->architecture}, {"os", manifest.platform->os}};
    if (!manifest.platform->variant.empty()) entry["platform"]["variant"] = manifest.platform->variant;
  }
  if (!tag.empty()) entry["annotations"] = {{kRefName, tag}};
  return entry;
}

Json empty_index() {
  return {{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", Json::array()}};
}

Descriptor described(const ImageDocuments& documents) {
  Descriptor manifest = documents.manifest;
  manifest.digest = digest_of(as_bytes(documents.manifest_text));
  manifest.size = documents.manifest_text.size();
  return manifest;
}

/// Blobs are stored by the digests of the one algorithm that they are hashed by here.
void expect_sha256(const Digest& digest) {
  if (digest.algorithm() != DigestAlgorithm::sha256)
    throw Error(ErrorKind::unsupported, fmt::format("{}: layouts are written with digests of sha256", digest.text()));
}

/// A blob that is checked while it is stored.
void store(const ReadableBlob& blob, BlobWriter& into, const OperationContext& operation) {
  expect_sha256(blob.digest);
  std::uint64_t shown = 0;
  CheckedBlob bytes(blob, operation, shown);
  copy(bytes, into);
  into.finish();
}

class LayoutArchiveDestination : public ImageDestination {
 public:
  LayoutArchiveDestination(const Target& target, const DestinationOptions& options)
      : tag_(target.name),
        operation_(options.operation),
        file_(target.path, options.overwrite),
        archive_(file_.file()) {
    // Apptainer extracts the archive, and makes no directory that is no member.
    for (const char* name : {"blobs/", "blobs/sha256/"}) archive_.add_directory(name);
  }

  bool plain_layers() const override { return false; }
  std::unique_ptr<BlobWriter> begin_layer() override { return archive_.begin("blobs/sha256/", ""); }
  void finish(const ImageDocuments& documents) override {
    for (const auto& text : {documents.config, documents.manifest_text}) {
      archive_.add("blobs/sha256/" + digest_of(as_bytes(text)).hex(), text);
    }
    finish_index(described(documents));
  }

  bool takes_sets() const override { return true; }
  void add_blob(ReadableBlob blob) override { store(blob, *begin_layer(), operation_); }
  void add_manifest(const Descriptor& descriptor, const std::string& text) override {
    expect_sha256(descriptor.digest);
    archive_.add("blobs/sha256/" + descriptor.digest.hex(), text);
  }
  void finish_set(const Descriptor& top, const std::string& text) override {
    add_manifest(top, text);
    finish_index(top);
  }

 private:
  void finish_index(const Descriptor& top) {
    Json index = empty_index();
    index["manifests"].push_back(entry_of(top, tag_));
    archive_.add("index.json", index.dump() + "\n");
    archive_.add("oci-layout", kLayoutText);
    archive_.finish();
    file_.commit();
  }

  std::string tag_;
  const OperationContext operation_;
  AtomicFile file_;
  MemberWriter archive_;
};

/// Whatever the umask says, its owner may put files into it.
bool make_new_directory(const fs::path& path) {
  struct stat status {};
  if (::mkdir(path.c_str(), 0777) != 0) return false;
  if (::stat(path.c_str(), &status) != 0) return false;
  return (status.st_mode & S_IRWXU) == S_IRWXU || ::chmod(path.c_str(), (status.st_mode & 07777) | S_IRWXU) == 0;
}

void make_directory(const fs::path& path) {
  if (!make_new_directory(path) && errno != EEXIST) throw_errno(fmt::format("create {}", in_quotes(path.native())));
}

/// A blob, which gets its name when its digest is known.
class BlobFile : public BlobWriter {
 public:
  explicit BlobFile(const fs::path& directory) : file_(directory / "blob", Overwrite::yes) {}

  void write(ByteView bytes) override {
    hasher_.update(bytes);
    file_.file().write_at(size_, bytes);
    size_ += bytes.size();
  }

  StoredBlob finish() override {
    StoredBlob blob{hasher_.finish(), size_};
    file_.rename(blob.digest.hex());
    file_.commit();
    return blob;
  }

 private:
  AtomicFile file_;
  std::uint64_t size_ = 0;
  Hasher hasher_;
};

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path, Overwrite::yes);
  file.file().write_at(0, as_bytes(text));
  file.commit();
}

/// A directory that goes with the object, unless it has got its name.
class StagedDirectory {
 public:
  explicit StagedDirectory(fs::path path) : path_(std::move(path)), unfinished_(path_.native()) {
    if (!make_new_directory(path_)) throw_errno(fmt::format("create {}", in_quotes(path_.native())));
  }
  ~StagedDirectory() { remove_tree(path_); }
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
  UnfinishedPath unfinished_;
};

class LayoutDestination : public ImageDestination {
 public:
  LayoutDestination(const Target& target, const DestinationOptions& options)
      : target_(target.path), tag_(target.name), options_(options), index_(empty_index()) {
    expect_own_name(target_, "the layout's path");
    struct stat status {};
    if (::lstat(target_.c_str(), &status) == 0) {
      expect_layout();
      read_index();
      root_ = target_;
    } else {
      staged_.emplace(directory_of(target_) / hidden_name_for(target_));
      root_ = staged_->path();
    }
    make_directory(root_ / "blobs");
    make_directory(root_ / "blobs/sha256");
  }

  bool plain_layers() const override { return false; }
  std::unique_ptr<BlobWriter> begin_layer() override { return std::make_unique<BlobFile>(root_ / "blobs/sha256"); }

  void finish(const ImageDocuments& documents) override {
    for (const auto& text : {documents.config, documents.manifest_text}) {
      write_file(root_ / "blobs/sha256" / digest_of(as_bytes(text)).hex(), text);
    }
    finish_index(described(documents));
  }

  bool takes_sets() const override { return true; }
  void add_blob(ReadableBlob blob) override { store(blob, *begin_layer(), options_.operation); }
  void add_manifest(const Descriptor& descriptor, const std::string& text) override {
    expect_sha256(descriptor.digest);
    write_file(root_ / "blobs/sha256" / descriptor.digest.hex(), text);
  }
  void finish_set(const Descriptor& top, const std::string& text) override {
    add_manifest(top, text);
    finish_index(top);
  }

 private:
  void finish_index(const Descriptor& manifest) {
    if (staged_ && put_in_place(manifest)) return;
    // Others may have put images into the layout meanwhile, or be about to. A file system without locks does without.
    const UniqueFd held(::open(target_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (held) ::flock(held.get(), LOCK_EX);
    expect_layout();
    read_index();
    add_entry(manifest);
    if (staged_) move_blobs();
    write_file(target_ / "index.json", index_.dump() + "\n");
    staged_.reset();
  }

  void add_entry(const Descriptor& manifest) {
    Json& list = index_["manifests"];
    const Json entry = entry_of(manifest, tag_);
    for (auto at = list.begin(); at != list.end();) {
      const bool replaced = tag_of(*at) == tag_ && (!tag_.empty() || stands_for(*at, entry));
      at = replaced ? list.erase(at) : at + 1;
    }
    list.push_back(entry);
  }

  /// Gives a new layout its name; false where somebody else has put one there meanwhile.
  bool put_in_place(const Descriptor& manifest) {
    add_entry(manifest);
    write_file(root_ / "oci-layout", kLayoutText);
    write_file(root_ / "index.json", index_.dump() + "\n");
    if (rename_to_free_name(AT_FDCWD, root_.c_str(), target_.c_str()) != 0) {
      if (errno == EEXIST || errno == ENOTEMPTY) return false;
      throw_errno(fmt::format("put {} in place", in_quotes(target_.native())));
    }
    staged_.reset();
    sync_names(directory_of(target_));
    return true;
  }

  /// Of the layout beside the target into the one that has its name. What both have has the same bytes.
  void move_blobs() const {
    const auto blobs = target_ / "blobs/sha256";
    make_directory(target_ / "blobs");
    make_directory(blobs);
    const auto from = root_ / "blobs/sha256";
    const UniqueFd opened(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened) throw_errno(fmt::format("open {}", in_quotes(from.native())));
    for (const auto& name : names_in(opened.get(), from.native())) {
      if (::rename((from / name).c_str(), (blobs / name).c_str()) != 0)
        throw_errno(fmt::format("put {} in place", in_quotes((blobs / name).native())));
    }
    sync_names(blobs);
  }

  static void sync_names(const fs::path& path) {
    const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory) sync_directory(directory.get(), path);
  }

  void expect_layout() const {
    if (is_there("oci-layout") && is_there("index.json")) return;
    throw Error(ErrorKind::exists, fmt::format("{} exists and is no OCI layout", in_quotes(target_.native())),
                "choose another name for the output");
  }

  /// Whether one without a tag is what a reader takes who names none: of two for one platform it would be the first.
  bool stands_for(const Json& there, const Json& entry) const {
    if (there.value("digest", Json()) == entry["digest"]) return true;
    if (there.value("platform", Json()) != entry.value("platform", Json())) return false;
    if (options_.overwrite == Overwrite::yes) return true;
    throw Error(ErrorKind::exists, fmt::format("{} holds an image without a tag already", in_quotes(target_.native())),
                Hint(Advice::overwrite, {}, "give this one a tag"));
  }

  static std::string tag_of(const Json& entry) {
    const auto annotations = entry.find("annotations");
    return annotations == entry.end() ? std::string() : member_text(*annotations, kRefName);
  }

  /// Throws where it cannot be looked for.
  bool is_there(const char* name) const {
    struct stat status {};
    if (::stat((target_ / name).c_str(), &status) == 0) return true;
    if (errno != ENOENT && errno != ENOTDIR) throw_errno(fmt::format("open {}", in_quotes((target_ / name).native())));
    return false;
  }

  void read_index() {
    const auto source = sifkit::open_source(target_ / "index.json");
    const Bytes text = read_all(*source, options_.limits.json_bytes, "index.json");
    index_ = parse_json(as_text(text), "index.json", options_.limits);
    const JsonView view(index_, "index.json: ");
    const auto list = view.require_object()["manifests"];
    list.require_array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      list.at(i).require_object();
      if (options_.overwrite == Overwrite::yes || tag_.empty() || tag_of(list.at(i).value()) != tag_) continue;
      throw Error(ErrorKind::exists, fmt::format("{} holds an image {} already", in_quotes(target_.native()), in_quotes(tag_)), Advice::overwrite);
    }
  }

  const fs::path target_;
  const std::string tag_;
  const DestinationOptions options_;
  fs::path root_;  ///< where it is written: the target, or beside it
  std::optional<StagedDirectory> staged_;
  Json index_;
};

}  // namespace

std::unique_ptr<ImageDestination> open_layout_destination(const Target& target, const DestinationOptions& options) {
  return std::make_unique<LayoutDestination>(target, options);
}

std::unique_ptr<ImageDestination> open_layout_archive_destination(const Target& target,
                                                                  const DestinationOptions& options) {
  return std::make_unique<LayoutArchiveDestination>(target, options);
}

}  // namespace sifkit::oci
