// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/layers/tree.h>

#include "commands.h"
#include "help_formatter.h"
#include "source_options.h"
#include "stream_sink.h"
#include "terminal_filter.h"

namespace sifkit::cli {

using namespace layers;

namespace {

struct FilesArguments {
  std::string source;
  SourceArguments from;
  std::vector<std::string> paths;
  bool all = false;
  bool long_format = false;
  bool human = false;
  bool directories = false;
  bool recursive = false;
  bool ignored = false;
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

std::string minute_text(std::uint32_t seconds) {
  const auto time = civil_time(seconds);
  return fmt::format("{} {:02}:{:02}", utc_date(seconds), time.hour, time.minute);
}

/// What is listed together: the files of the command line, or the content of one directory.
struct Listing {
  std::string directory;  ///< empty for the files of the command line
  struct File {
    std::string name;  ///< as it is printed
    std::string path;
    InodeId inode;
  };
  std::vector<File> files;
};

std::string without_final_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool is_device(const Inode& inode) { return inode.type == EntryType::char_device || inode.type == EntryType::block_device; }

/// As lstat has it: a link is as long as its target.
std::uint64_t size_of(const Tree& tree, const Inode& inode) { return inode.type == EntryType::symlink ? tree.symlink_target(inode).size() : inode.size; }

class Lister {
 public:
  Lister(const Tree& tree, const FilesArguments& arguments) : tree_(tree), arguments_(arguments) {}

  /// A path of the command line. `ls` follows a link there unless it shows links themselves (-l, -d).
  void add(const FileSystem& files, const std::string& path) {
    const bool slash = path.ends_with('/');
    const auto target = tree_.resolve(path, true);
    const bool to_directory = target && tree_.inode(*target).type == EntryType::directory;
    if (slash && target && !to_directory) throw Error(ErrorKind::not_found, fmt::format("{} is not a directory", in_quotes(path)));
    const InodeId itself = files.require(path, slash);
    const bool follow = to_directory && !arguments_.long_format && !arguments_.directories;
    const InodeId inode = follow ? *target : itself;
    if (tree_.inode(inode).type == EntryType::directory && !arguments_.directories) {
      directories_.emplace_back(without_final_slashes(path), inode);
    } else {
      files_.files.push_back({path, without_final_slashes(path), inode});
    }
  }

  std::vector<Listing> listings() const {
    std::vector<Listing> out;
    if (!files_.files.empty()) {
      out.push_back(files_);
      std::stable_sort(out[0].files.begin(), out[0].files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    }
    auto open = directories_;
    std::stable_sort(open.begin(), open.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    while (!open.empty()) {
      const auto [path, inode] = std::move(open.back());
      open.pop_back();
      Listing listing{path, {}};
      std::vector<std::pair<std::string, InodeId>> below;
      for (const NameId id : tree_.sorted_children(inode)) {
        const std::string name(tree_.text_of(id));
        if (name.starts_with('.') && !arguments_.all) continue;
        listing.files.push_back({name, (path == "/" ? "/" : path + "/") + name, tree_.inode_of(id)});
        if (arguments_.recursive && tree_.inode(tree_.inode_of(id)).type == EntryType::directory) below.emplace_back(listing.files.back().path, tree_.inode_of(id));
      }
      out.push_back(std::move(listing));
      open.insert(open.end(), below.rbegin(), below.rend());
    }
    return out;
  }

 private:
  const Tree& tree_;
  const FilesArguments& arguments_;
  Listing files_;
  std::vector<std::pair<std::string, InodeId>> directories_;
};

/// A name as `ls` shows it: a program gets its bytes, a terminal one line.
std::string shown(std::string_view name, bool terminal) { return terminal ? single_line(name) : std::string(name); }

/// Behind the mode, as `ls` marks what the mode does not say: `+` for access control lists, `@` for other attributes.
char attribute_mark(const Tree& tree, const Inode& inode) {
  const auto& xattrs = tree.xattrs(inode.metadata.xattrs);
  if (xattrs.empty()) return ' ';
  const bool lists = std::any_of(xattrs.begin(), xattrs.end(), [](const auto& xattr) { return xattr.first.starts_with("system.posix_acl_"); });
  return lists ? '+' : '@';
}

std::string short_size(std::uint64_t size) {
  static constexpr std::string_view kUnits = "KMGTPE";
  if (size < 1024) return fmt::format("{}", size);
  std::size_t unit = 0;
  std::uint64_t tenths = (size * 10 + 1023) / 1024;  // ls rounds up
  if (size > ~std::uint64_t{0} / 16) tenths = size / 1024 * 10;
  while ((tenths + 9) / 10 >= 1024 && unit + 1 < kUnits.size()) {
    tenths = (tenths + 1023) / 1024;
    ++unit;
  }
  return tenths < 100 ? fmt::format("{}.{}{}", tenths / 10, tenths % 10, kUnits[unit]) : fmt::format("{}{}", (tenths + 9) / 10, kUnits[unit]);
}

std::string long_text(const Tree& tree, const Listing& listing, const FilesArguments& arguments, bool terminal) {
  std::vector<std::array<std::string, 4>> rows;
  std::array<std::size_t, 4> widths{};
  bool marks = false;
  for (const auto& file : listing.files) {
    const Inode& inode = tree.inode(file.inode);
    const auto size = size_of(tree, inode);
    rows.push_back({fmt::format("{}", inode.links), fmt::format("{}", inode.metadata.uid), fmt::format("{}", inode.metadata.gid),
                    is_device(inode)   ? fmt::format("{}, {}", inode.data >> 20, inode.data & 0xfffff)
                    : arguments.human ? short_size(size)
                                      : fmt::format("{}", size)});
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], rows.back()[i].size());
    marks = marks || attribute_mark(tree, inode) != ' ';
  }
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& file = listing.files[i];
    const Inode& inode = tree.inode(file.inode);
    out += mode_text(inode);
    if (marks) out += attribute_mark(tree, inode);
    out += fmt::format(" {:>{}} {:<{}} {:<{}} {:>{}} {} {}", rows[i][0], widths[0], rows[i][1], widths[1], rows[i][2], widths[2], rows[i][3], widths[3], minute_text(inode.metadata.mtime),
                       shown(file.name, terminal));
    if (inode.type == EntryType::symlink) out += " -> " + shown(tree.symlink_target(inode), terminal);
    out += '\n';
  }
  return out;
}

Json record_of(const Tree& tree, const Listing::File& file) {
  const Inode& inode = tree.inode(file.inode);
  Json xattrs = Json::object();
  for (const auto& [name, value] : tree.xattrs(inode.metadata.xattrs)) xattrs[name] = to_hex(as_bytes(value));
  return {{"path", file.path},
          {"type", type_word(inode.type)},
          {"mode", fmt::format("{:04o}", inode.metadata.mode)},
          {"uid", inode.metadata.uid},
          {"gid", inode.metadata.gid},
          {"size", size_of(tree, inode)},
          {"mtime", inode.metadata.mtime},
          {"links", inode.links},
          {"target", inode.type == EntryType::symlink ? Json(std::string(tree.symlink_target(inode))) : Json(nullptr)},
          {"xattrs_hex", xattrs}};
}

/// Runs `look` for each path; one that fails is reported and does not keep the others from being looked at, unless it
/// is the output that fails. The exit code.
template <class Look>
int for_each_path(const FilesArguments& arguments, Session& session, const Look& look) {
  int code = 0;
  for (const auto& path : arguments.paths) {
    try {
      look(path);
    } catch (Error& error) {
      if (!session.io.out) throw;
      error.add_context(in_quotes(arguments.source));
      if (arguments.paths.size() == 1 || error.kind() == ErrorKind::cancelled) throw;
      report_error(session, error);
      code = std::max(code, exit_code(error.kind()));
    }
  }
  return code;
}

int list(FilesArguments arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  const Tree& tree = source.tree();
  if (arguments.paths.empty()) arguments.paths = {"/"};
  if (session.json) arguments.all = true;
  Lister lister(tree, arguments);
  const int code = for_each_path(arguments, session, [&](const std::string& path) { lister.add(source.files(), path); });
  const auto listings = lister.listings();
  if (session.json) {
    Json files = Json::array();
    for (const auto& listing : listings) {
      for (const auto& file : listing.files) files.push_back(record_of(tree, file));
    }
    session.print_json({{"schema", "sifkit/ls/v1"}, {"files", files}});
    return code;
  }
  const bool titles = arguments.recursive || arguments.paths.size() > 1;
  std::string out;
  for (const auto& listing : listings) {
    if (!out.empty()) out += '\n';
    if (titles && !listing.directory.empty()) out += shown(listing.directory, session.io.out_is_terminal) + ":\n";
    if (arguments.long_format) {
      out += long_text(tree, listing, arguments, session.io.out_is_terminal);
    } else {
      for (const auto& file : listing.files) out += shown(file.name, session.io.out_is_terminal) + '\n';
    }
  }
  session.io.out << out;
  return code;
}

int cat(FilesArguments arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  StreamSink sink(session.io);
  return for_each_path(arguments, session, [&](const std::string& path) {
    const InodeId inode = source.files().require(path, true);
    if (const auto type = source.tree().inode(inode).type; type != EntryType::regular) {
      throw Error(ErrorKind::usage, fmt::format("{} is a {}, not a regular file", in_quotes(path), type_word(type)));
    }
    source.files().read(inode, sink);
  });
}

}  // namespace

void add_files_commands(CLI::App& root, Session& session) {
  const auto add = [&](const char* name, const char* description, int (*run)(FilesArguments, Session&)) {
    CLI::App* verb = add_verb(root, session, name, description);
    const auto arguments = std::make_shared<FilesArguments>();
    verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
    add_source_options(*verb, arguments->from);
    verb->callback([arguments, run, &session] { session.action = [arguments, run, &session] { return run(*arguments, session); }; });
    return std::pair(verb, arguments);
  };
  const auto [ls, l] = add("ls", "List files inside an image", list);
  ls->set_help_flag("--help", "Print this help")->group(kCommonOptions);  // -h is that of ls
  ls->add_option("path", l->paths, "Files or directories (default: the root)")->type_name("PATH");
  ls->add_flag("-a,--all", l->all, "Names that start with '.', too");
  ls->add_flag("-l,-n,--long,--numeric-uid-gid", l->long_format, "Mode, links, owner, group, size, time (UTC) and target of links");
  ls->add_flag("-h,--human-readable", l->human, "With -l, sizes like 1.5K");
  keep_short_debug_free(*ls, session);
  ls->add_flag("-d,--directory", l->directories, "Directories themselves, not what is in them");
  ls->add_flag("-R,--recursive", l->recursive, "Directories in directories, too");
  ls->add_flag("-1", l->ignored, "One name per line (always so)");
  const auto [print, cat_arguments] = add("cat", "Write files inside an image to standard output", cat);
  only_errors_are_records(*print);
  print->add_option("path", cat_arguments->paths, "Files")->required()->type_name("PATH");
}

}  // namespace sifkit::cli
