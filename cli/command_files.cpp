// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <memory>

#include <fmt/format.h>

#include <sifkit/rootfs.h>

#include "commands.h"
#include "sif_text.h"
#include "stream_sink.h"
#include "table.h"

namespace sifkit::cli {

using namespace layers;

namespace {

struct FilesArguments {
  std::string source;
  std::vector<std::string> paths;
  bool recursive = false;
};

constexpr std::string_view type_word(EntryType type) {
  switch (type) {
    case EntryType::regular: return "regular";
    case EntryType::directory: return "directory";
    case EntryType::symlink: return "symlink";
    case EntryType::char_device: return "char_device";
    case EntryType::block_device: return "block_device";
    case EntryType::fifo: return "fifo";
    case EntryType::socket: return "socket";
  }
  return "regular";
}

/// As `ls -l` shows it.
std::string mode_text(const Inode& inode) {
  static constexpr std::string_view kTypes = "-dlcbps";
  std::string out(1, kTypes[static_cast<std::size_t>(inode.type)]);
  const auto mode = inode.metadata.mode;
  for (unsigned shift = 6;; shift -= 3) {
    const auto bits = mode >> shift & 7u;
    const bool special = (mode & (04000u >> ((6 - shift) / 3))) != 0;
    out += (bits & 4u) != 0 ? 'r' : '-';
    out += (bits & 2u) != 0 ? 'w' : '-';
    const bool executable = (bits & 1u) != 0;
    const char mark = shift == 0 ? 't' : 's';
    out += special ? (executable ? mark : static_cast<char>(mark - 'a' + 'A')) : executable ? 'x' : '-';
    if (shift == 0) return out;
  }
}

std::string time_text(std::uint32_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min);
}

struct Listed {
  std::string path;
  InodeId inode;
};

std::vector<Listed> files_below(const RootFs& rootfs, const FilesArguments& arguments) {
  const Tree& tree = rootfs.tree();
  std::vector<Listed> out;
  const auto add_folder = [&](const std::string& prefix, InodeId top) {
    std::vector<Listed> open{{prefix, top}};
    while (!open.empty()) {
      const Listed folder = std::move(open.back());
      open.pop_back();
      std::vector<Listed> below;
      for (const NameId name : tree.sorted_children(folder.inode)) {
        Listed file{folder.path + std::string(tree.text_of(name)), tree.inode_of(name)};
        out.push_back(file);
        if (arguments.recursive && tree.inode(file.inode).type == EntryType::directory) below.push_back({file.path + "/", file.inode});
      }
      open.insert(open.end(), below.rbegin(), below.rend());
    }
  };
  for (const auto& path : arguments.paths) {
    const InodeId inode = rootfs.require(path, false);
    std::string clean = path;
    while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
    if (tree.inode(inode).type != EntryType::directory) {
      out.push_back({clean, inode});
    } else {
      add_folder(clean == "/" ? "/" : clean + "/", inode);
    }
  }
  return out;
}

int list(const FilesArguments& arguments, Session& session) {
  const RootFs rootfs = RootFs::open(arguments.source);
  warn_of_problems(session, arguments.source, rootfs.problems());
  const Tree& tree = rootfs.tree();
  const auto files = files_below(rootfs, arguments);
  const auto target_of = [&](const Inode& inode) { return std::string(inode.type == EntryType::symlink ? tree.symlink_target(inode) : ""); };
  if (session.json) {
    Json list = Json::array();
    for (const auto& file : files) {
      const Inode& inode = tree.inode(file.inode);
      Json xattrs = Json::object();
      for (const auto& [name, value] : tree.xattrs(inode.metadata.xattrs)) xattrs[name] = to_hex(as_bytes(value));
      list.push_back({{"path", file.path},
                      {"type", type_word(inode.type)},
                      {"mode", fmt::format("{:04o}", inode.metadata.mode)},
                      {"uid", inode.metadata.uid},
                      {"gid", inode.metadata.gid},
                      {"size", inode.size},
                      {"mtime", inode.metadata.mtime},
                      {"links", inode.links},
                      {"target", inode.type == EntryType::symlink ? Json(target_of(inode)) : Json(nullptr)},
                      {"xattrs_hex", xattrs}});
    }
    session.print_json({{"schema", "sifkit/ls/v1"}, {"files", list}});
    return 0;
  }
  std::string out;
  std::size_t owner_width = 0;
  std::size_t size_width = 0;
  std::vector<std::pair<std::string, std::string>> cells;
  for (const auto& file : files) {
    const Inode& inode = tree.inode(file.inode);
    const bool device = inode.type == EntryType::char_device || inode.type == EntryType::block_device;
    cells.emplace_back(fmt::format("{}/{}", inode.metadata.uid, inode.metadata.gid),
                       device ? fmt::format("{},{}", inode.data >> 20, inode.data & 0xfffff) : fmt::format("{}", inode.size));
    owner_width = std::max(owner_width, cells.back().first.size());
    size_width = std::max(size_width, cells.back().second.size());
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Inode& inode = tree.inode(files[i].inode);
    out += fmt::format("{} {:<{}} {:>{}} {} {}", mode_text(inode), cells[i].first, owner_width, cells[i].second, size_width,
                       time_text(inode.metadata.mtime), printable(files[i].path, files[i].path.size()));
    if (inode.type == EntryType::symlink) out += " -> " + printable(target_of(inode), 4096);
    out += '\n';
  }
  session.io.out << out;
  return 0;
}

int cat(const FilesArguments& arguments, Session& session) {
  RootFs rootfs = RootFs::open(arguments.source);
  warn_of_problems(session, arguments.source, rootfs.problems());
  StreamSink sink(session.io);
  for (const auto& path : arguments.paths) {
    const InodeId inode = rootfs.require(path, true);
    if (rootfs.tree().inode(inode).type != EntryType::regular) {
      throw Error(ErrorKind::usage, fmt::format("{} is a {}, not a regular file", in_quotes(path), type_word(rootfs.tree().inode(inode).type)));
    }
    rootfs.reader().read(inode, sink);
  }
  return 0;
}

}  // namespace

void add_files_commands(CLI::App& root, Session& session) {
  const auto add = [&](const char* name, const char* description, int (*run)(const FilesArguments&, Session&)) {
    CLI::App* verb = add_verb(root, session, name, description);
    const auto arguments = std::make_shared<FilesArguments>();
    verb->add_option("source", arguments->source, "A SIF file or a squashfs image")->required()->type_name("FILE");
    verb->callback([arguments, run, &session] { session.action = [arguments, run, &session] { return run(*arguments, session); }; });
    return std::pair(verb, arguments);
  };
  const auto [ls, ls_arguments] = add("ls", "List files inside an image", [](const FilesArguments& arguments, Session& s) {
    FilesArguments all = arguments;
    if (all.paths.empty()) all.paths = {"/"};
    return list(all, s);
  });
  ls->add_option("path", ls_arguments->paths, "Files or folders (default: the root)")->type_name("PATH");
  ls->add_flag("-R,--recursive", ls_arguments->recursive, "Folders in folders, too");
  const auto [print, cat_arguments] = add("cat", "Write files inside an image to standard output", cat);
  print->add_option("path", cat_arguments->paths, "Files")->required()->type_name("PATH");
}

}  // namespace sifkit::cli
