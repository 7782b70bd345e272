// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/stream.h>
#include <sifkit/file_system.h>
#include <sifkit/records/error.h>
#include <sifkit/records/files.h>

#include "call.h"

struct sifkit_image {
  explicit sifkit_image(const sifkit_options* options) : call(options) {}

  sifkit::capi::Call call;
  sifkit::WarningList warnings;  ///< which the file system uses
  std::unique_ptr<sifkit::OpenedFileSystem> opened;
};

namespace sifkit::capi {

namespace {

using namespace layers;

/// Hands bytes to the caller's function.
class CallerSink final : public Sink {
 public:
  CallerSink(const Call& call, sifkit_write_function function, void* user)
      : call_(call), write_(function), user_(user) {}
  void write(ByteView bytes) override {
    call_.check();
    stopped_ = write_(user_, bytes.data(), bytes.size()) != 0;
    if (stopped_) OperationContext::throw_cancelled();
    call_.check();  // a small file has no next bytes
  }
  bool stopped() const { return stopped_; }

 private:
  const Call& call_;
  sifkit_write_function write_;
  void* user_;
  bool stopped_ = false;
};

/// A file, and the path by which it is told.
struct Place {
  std::string path;
  InodeId inode;
};

/// As `ls` takes a path that is asked for: a link to a directory is followed, one to another file is that link, and the
/// path stays as it was given, but for slashes at its end, which only a directory may have.
Place listed_place(const FileSystem& files, std::string path) {
  const bool slash = path.ends_with('/');
  const auto target = files.find(path, true);
  const bool to_directory = target && files.tree().inode(*target).type == EntryType::directory;
  if (slash && target && !to_directory)
    throw Error(ErrorKind::not_found, fmt::format("{} is not a directory", in_quotes(path)));
  const InodeId inode = to_directory ? *target : files.require(path, slash);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return {std::move(path), inode};
}

InodeId require_regular(sifkit_image& image, const char* path) {
  const auto inode = image.opened->files().require(path, true);
  const auto type = image.opened->tree().inode(inode).type;
  if (type != EntryType::regular) {
    throw Error(ErrorKind::usage, fmt::format("{} is a {}, not a regular file", in_quotes(path), records::type_word(type)));
  }
  return inode;
}

/// Directory by directory, as `ls -R` has them.
Json list(sifkit_image& image, const Place& place, bool recursive) {
  const Tree& tree = image.opened->tree();
  Json files = Json::array();
  const auto add = [&](const Place& file) {
    files.push_back(records::file_record(tree, file.path, file.inode));
    files.back()["links"] = image.opened->files().link_count(file.inode);
  };
  if (tree.inode(place.inode).type != EntryType::directory) {
    add(place);
    return files;
  }
  std::vector<Place> open{place};
  while (!open.empty()) {
    const Place directory = std::move(open.back());
    open.pop_back();
    std::vector<Place> below;
    for (const NameId name : tree.sorted_children(directory.inode)) {
      Place file{(directory.path == "/" ? "" : directory.path) + "/" + std::string(tree.text_of(name)), tree.inode_of(name)};
      add(file);
      if (recursive && tree.inode(file.inode).type == EntryType::directory) below.push_back(std::move(file));
    }
    open.insert(open.end(), std::make_move_iterator(below.rbegin()), std::make_move_iterator(below.rend()));
  }
  return files;
}

/// Runs what a function does with an open image.
template <class Body>
int with_image(sifkit_image* image, const char* path, sifkit_error** error, const Body& body) noexcept {
  if (image == nullptr) return guarded(error, []() -> int { throw Error(ErrorKind::usage, "image is a null pointer"); });
  return in_call(image->call, error, [&] {
    require(path, "path");
    body();
    return 0;
  });
}

}  // namespace

}  // namespace sifkit::capi

// As sifkit.h declares them: functions of the global namespace, which the library shows.
using namespace sifkit;
using namespace sifkit::capi;

extern "C" {

int sifkit_image_open(const char* source, const sifkit_options* options, sifkit_image** image, sifkit_error** error) {
  std::unique_ptr<sifkit_image> made;
  const int failed = guarded(error, [&] {
    require(image, "image");
    *image = nullptr;
    require(source, "source");
    made = std::make_unique<sifkit_image>(options);
    return 0;
  });
  if (failed != 0) return failed;
  const int code = in_call(made->call, error, [&] {
    made->opened = open_file_system(oci::Reference::parse(source), made->call.source(), made->warnings);
    return 0;
  });
  made->call.show(made->warnings);
  if (code == 0) *image = made.release();
  return code;
}

void sifkit_image_close(sifkit_image* image) { delete image; }

int sifkit_image_list(sifkit_image* image, const char* path, int recursive, char** record, sifkit_error** error) {
  if (record != nullptr) *record = nullptr;
  return with_image(image, path, error, [&] {
    const auto files = list(*image, listed_place(image->opened->files(), path), recursive != 0);
    give(records::record_text({{"schema", "sifkit/ls/v1"}, {"files", files}}, -1), record);
  });
}

int sifkit_image_stat(sifkit_image* image, const char* path, int follow, char** record, sifkit_error** error) {
  if (record != nullptr) *record = nullptr;
  return with_image(image, path, error, [&] {
    const auto inode = image->opened->files().require(path, follow != 0);
    auto file = records::file_record(image->opened->tree(), path, inode);
    const auto layer = image->opened->layer_of(inode);
    file["layer"] = layer ? Json(*layer + 1) : Json(nullptr);
    give(records::record_text({{"schema", "sifkit/stat/v1"}, {"files", Json::array({file})}}, -1), record);
  });
}

int sifkit_image_read(sifkit_image* image, const char* path, sifkit_write_function write, void* user, sifkit_error** error) {
  return with_image(image, path, error, [&] {
    require(reinterpret_cast<const void*>(write), "write");
    CallerSink sink(image->call, write, user);
    try {
      image->opened->files().read(require_regular(*image, path), sink);
    } catch (const Error&) {
      if (sink.stopped()) OperationContext::throw_cancelled();  // where it was does not matter to who stopped it
      throw;
    }
  });
}

int sifkit_image_read_all(sifkit_image* image, const char* path, size_t most, char** bytes, size_t* size, sifkit_error** error) {
  if (bytes != nullptr) *bytes = nullptr;
  return with_image(image, path, error, [&] {
    require(bytes, "bytes");
    require(size, "size");
    const auto text = image->opened->files().text(require_regular(*image, path), most);
    give(text, bytes);
    *size = text.size();
  });
}

}  // extern "C"
