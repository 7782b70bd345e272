// SPDX-License-Identifier: Apache-2.0
#include "container_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>

namespace sifkit {

namespace {

using namespace layers;

class TreeFiles : public ContainerFiles {
 public:
  TreeFiles(const Tree& tree, TextOf text_of) : tree_(tree), text_of_(std::move(text_of)) {}

  std::optional<std::string> text(const std::string& path, std::uint64_t limit) override {
    const auto inode = tree_.resolve(path, true);
    if (!inode || tree_.inode(*inode).type != EntryType::regular) return std::nullopt;
    if (const auto size = tree_.inode(*inode).size; size > limit) {
      throw Error(ErrorKind::limit, fmt::format("{}: {} bytes, the limit is {}", in_quotes(path), size, limit));
    }
    return text_of_(*inode);
  }

  std::optional<std::vector<std::string>> names(const std::string& path) override {
    std::vector<std::string> out;
    const auto directory = tree_.resolve(path, true);
    if (!directory || tree_.inode(*directory).type != EntryType::directory) return std::nullopt;
    for (const NameId name : tree_.sorted_children(*directory)) out.emplace_back(tree_.text_of(name));
    return out;
  }

 private:
  const Tree& tree_;
  const TextOf text_of_;
};

constexpr unsigned kMaxLinks = 40;        ///< followed on one way, as the kernel does
constexpr std::size_t kMaxDepth = 256;    ///< directories open at once

class DirectoryFiles : public ContainerFiles {
 public:
  explicit DirectoryFiles(std::filesystem::path path) : path_(std::move(path)), root_(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (!root_) throw_errno(fmt::format("open {}", in_quotes(path_.native())));
  }

  std::optional<std::string> text(const std::string& path, std::uint64_t limit) override {
    UniqueFd fd = open_inside(path, O_RDONLY | O_NONBLOCK);
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    StreamSource source(File(std::move(fd), path));
    return std::string(as_text(read_all(source, limit, path)));
  }

  std::optional<std::vector<std::string>> names(const std::string& path) override {
    const UniqueFd fd = open_inside(path, O_RDONLY | O_DIRECTORY);
    if (!fd) return std::nullopt;
    return names_in(fd.get(), in_quotes("/" + path));
  }

 private:
  /// Step by step, so that neither `..` nor a link leads out of the root. Nothing where the path leads nowhere.
  UniqueFd open_inside(const std::string& path, int flags) const {
    std::vector<UniqueFd> way;
    std::vector<std::string> left = words(path);  // the next one last
    unsigned links = 0;
    while (!left.empty()) {
      const std::string word = std::move(left.back());
      left.pop_back();
      if (word == "..") {
        if (!way.empty()) way.pop_back();
        continue;
      }
      const int at = way.empty() ? root_.get() : way.back().get();
      struct stat status {};
      if (::fstatat(at, word.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return nowhere(path);
      if (S_ISLNK(status.st_mode)) {
        std::array<char, PATH_MAX> target{};
        const auto length = ::readlinkat(at, word.c_str(), target.data(), target.size());
        if (length < 0) return nowhere(path);
        if (++links > kMaxLinks) return {};
        if (target[0] == '/') way.clear();
        for (auto& each : words({target.data(), static_cast<std::size_t>(length)})) left.push_back(std::move(each));
        continue;
      }
      const bool last = left.empty();
      // To open a device may do something.
      if (!S_ISDIR(status.st_mode) && !(last && S_ISREG(status.st_mode))) return {};
      if (way.size() >= kMaxDepth) return {};
      way.emplace_back(::openat(at, word.c_str(), (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC));
      if (!way.back()) return nowhere(path);
    }
    if (way.empty()) return UniqueFd(::openat(root_.get(), ".", flags | O_CLOEXEC));
    return std::move(way.back());
  }

  static UniqueFd nowhere(const std::string& path) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENXIO && errno != EISDIR) throw_errno(fmt::format("open {}", in_quotes("/" + path)));
    return {};
  }

  /// The components of a path, the first one last.
  static std::vector<std::string> words(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
      const auto word = path.substr(0, path.find('/'));
      path.remove_prefix(std::min(word.size() + 1, path.size()));
      if (!word.empty() && word != ".") out.emplace_back(word);
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  std::filesystem::path path_;
  UniqueFd root_;
};

}  // namespace

std::unique_ptr<ContainerFiles> files_of_tree(const Tree& tree, TextOf text_of) {
  return std::make_unique<TreeFiles>(tree, std::move(text_of));
}

std::unique_ptr<ContainerFiles> files_of_image(RootFs rootfs) {
  const auto kept = std::make_shared<RootFs>(std::move(rootfs));
  return files_of_tree(kept->tree(), [kept](InodeId inode) { return kept->reader().text(inode, kept->tree().inode(inode).size); });
}

std::unique_ptr<ContainerFiles> files_of_directory(const std::filesystem::path& path) { return std::make_unique<DirectoryFiles>(path); }

bool is_container(const Tree& tree) {
  const auto directory = tree.resolve(fmt::format("{}/env", kRuntimeDirectory), true);
  const auto action = tree.resolve(fmt::format("{}/actions/exec", kRuntimeDirectory), true);
  return directory && tree.inode(*directory).type == EntryType::directory && action &&
         tree.inode(*action).type == EntryType::regular;
}

}  // namespace sifkit
