// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/layers/tree.h>

#include "commands.h"
#include "file_text.h"
#include "help_formatter.h"
#include "source_options.h"

namespace sifkit::cli {

using namespace layers;

namespace {

struct ListArguments {
  std::string source;
  SourceArguments from;
  std::vector<std::string> paths;
  bool all = false;
  bool long_format = false;
  bool human = false;
  bool directories = false;
  bool recursive = false;
  bool by_size = false;
  bool by_time = false;
  bool reverse = false;
  bool numeric = false;
  bool inodes = false;
  bool classify = false;
  bool ignored = false;
};

struct ListedFile {
  std::string name;  ///< as it is printed
  std::string path;
  InodeId inode;
};

/// What is listed together: the files of the command line, or the content of one directory.
struct Listing {
  std::string directory;  ///< empty for the files of the command line
  std::vector<ListedFile> files;
};

std::string without_final_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

class Lister {
 public:
  Lister(const FileSystem& files, const ListArguments& arguments)
      : source_(files), tree_(files.known()), arguments_(arguments) {}

  /// A path of the command line. `ls` follows a link there unless it shows links themselves (-l, -d).
  void add(const std::string& path) {
    const bool slash = path.ends_with('/');
    const auto target = source_.find(path, true);
    const bool to_directory = target && tree_.inode(*target).type == EntryType::directory;
    if (slash && target && !to_directory) {
      throw Error(ErrorKind::not_found, fmt::format("{} is not a directory", in_quotes(path)));
    }
    const InodeId itself = source_.require(path, slash);
    const bool follow = to_directory && !arguments_.long_format && !arguments_.directories;
    const InodeId inode = follow ? *target : itself;
    const bool is_directory = tree_.inode(inode).type == EntryType::directory;
    auto& list = is_directory && !arguments_.directories ? directories_ : files_;
    list.push_back({path, without_final_slashes(path), inode});
  }

  /// Gives the listings in their order.
  void list(const std::function<void(const Listing&)>& show) {
    if (!files_.empty()) {
      sort(files_);
      show({{}, files_});
    }
    auto open = directories_;
    sort(open);
    std::reverse(open.begin(), open.end());
    while (!open.empty()) {
      Listing listing{std::move(open.back().path), {}};
      const InodeId directory = open.back().inode;
      open.pop_back();
      const std::string prefix = listing.directory == "/" ? "/" : listing.directory + "/";
      source_.list(directory);
      for (const NameId id : tree_.sorted_children(directory)) {
        const auto name = tree_.text_of(id);
        if (name.starts_with('.') && !arguments_.all) continue;
        listing.files.push_back({std::string(name), prefix + std::string(name), tree_.inode_of(id)});
      }
      sort(listing.files);
      show(listing);
      if (!arguments_.recursive) continue;
      for (auto file = listing.files.rbegin(); file != listing.files.rend(); ++file) {
        if (tree_.inode(file->inode).type == EntryType::directory) open.push_back(*file);
      }
    }
  }

 private:
  void sort(std::vector<ListedFile>& files) const {
    const auto before = [&](const ListedFile& a, const ListedFile& b) {
      const Inode& of_a = tree_.inode(a.inode);
      const Inode& of_b = tree_.inode(b.inode);
      if (arguments_.by_size) {
        if (const auto x = size_of(tree_, of_a), y = size_of(tree_, of_b); x != y) return x > y;
      } else if (arguments_.by_time && of_a.metadata.mtime != of_b.metadata.mtime) {
        return of_a.metadata.mtime > of_b.metadata.mtime;
      }
      return a.name < b.name;
    };
    std::stable_sort(files.begin(), files.end(), [&](const auto& a, const auto& b) {
      return arguments_.reverse ? before(b, a) : before(a, b);
    });
  }

  const FileSystem& source_;
  const Tree& tree_;
  const ListArguments& arguments_;
  std::vector<ListedFile> files_;
  std::vector<ListedFile> directories_;
};

std::string minute_text(std::uint32_t seconds) {
  const auto time = civil_time(seconds);
  return fmt::format("{} {:02}:{:02}", utc_date(seconds), time.hour, time.minute);
}

/// What `ls -F` puts behind a name.
std::string_view class_mark(const Inode& inode) {
  switch (inode.type) {
    case EntryType::directory: return "/";
    case EntryType::symlink: return "@";
    case EntryType::fifo: return "|";
    case EntryType::socket: return "=";
    default: return inode.type == EntryType::regular && (inode.metadata.mode & 0111u) != 0 ? "*" : "";
  }
}

/// The lines of a listing.
class ListingText {
 public:
  ListingText(FileSystem& files, const ListArguments& arguments, const Session& session)
      : files_(files), tree_(files.known()), arguments_(arguments), session_(session) {
    if (arguments.long_format && !arguments.numeric) owners_ = inspect::read_owner_names(files);
  }

  std::string text(const Listing& listing) const {
    std::string out;
    std::size_t inodes = 0;
    if (arguments_.inodes) {
      for (const auto& file : listing.files) inodes = std::max(inodes, number_of(file.inode).size());
    }
    const auto rest = arguments_.long_format ? long_lines(listing) : std::vector<std::string>();
    for (std::size_t i = 0; i < listing.files.size(); ++i) {
      const auto& file = listing.files[i];
      const Inode& inode = tree_.inode(file.inode);
      if (arguments_.inodes) out += fmt::format("{:>{}} ", number_of(file.inode), inodes);
      if (arguments_.long_format) out += rest[i];
      out += shown(file.name, session_);
      const bool target = arguments_.long_format && inode.type == EntryType::symlink;
      if (target) out += " -> " + shown(tree_.symlink_target(inode), session_);
      if (arguments_.classify && !target) out += class_mark(inode);
      out += '\n';
    }
    return out;
  }

 private:
  /// Names of one file have the same number.
  static std::string number_of(InodeId id) { return std::to_string(std::uint64_t{id} + 1); }

  /// Up to the name.
  std::vector<std::string> long_lines(const Listing& listing) const {
    std::vector<std::array<std::string, 4>> rows;
    std::array<std::size_t, 4> widths{};
    bool marks = false;
    for (const auto& file : listing.files) {
      const Inode& inode = tree_.inode(file.inode);
      const auto size = size_of(tree_, inode);
      rows.push_back({std::to_string(files_.link_count(file.inode)), account_name(owners_.users, inode.metadata.uid),
                      account_name(owners_.groups, inode.metadata.gid),
                      is_device(inode)   ? device_text(inode)
                      : arguments_.human ? short_size(size)
                                         : std::to_string(size)});
      for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], rows.back()[i].size());
      marks = marks || attribute_mark(tree_, inode) != ' ';
    }
    std::vector<std::string> out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Inode& inode = tree_.inode(listing.files[i].inode);
      out.push_back(mode_text(inode));
      if (marks) out.back() += attribute_mark(tree_, inode);
      out.back() += fmt::format(" {:>{}} {:<{}} {:<{}} {:>{}} {} ", rows[i][0], widths[0], rows[i][1], widths[1],
                                rows[i][2], widths[2], rows[i][3], widths[3], minute_text(inode.metadata.mtime));
    }
    return out;
  }

  FileSystem& files_;
  const Tree& tree_;
  const ListArguments& arguments_;
  const Session& session_;
  inspect::OwnerNames owners_;
};

int list(ListArguments arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session,
                                         arguments.recursive || arguments.inodes ? Opening::whole : Opening::on_demand);
  const Tree& tree = source.known();
  if (arguments.paths.empty()) arguments.paths = {"/"};
  if (session.json) arguments.all = true;
  if (arguments.numeric) arguments.long_format = true;
  Lister lister(source.files(), arguments);
  const int code = for_each_path(arguments.source, arguments.paths, session,
                                 [&](const std::string& path) { lister.add(path); });
  if (session.json) {
    Json files = Json::array();
    lister.list([&](const Listing& listing) {
      for (const auto& file : listing.files) {
        files.push_back(file_record(tree, file.path, file.inode));
        files.back()["links"] = source.files().link_count(file.inode);
      }
    });
    session.print_json({{"schema", "sifkit/ls/v1"}, {"files", files}});
    return code;
  }
  const ListingText lines(source.files(), arguments, session);
  const bool titles = arguments.recursive || arguments.paths.size() > 1;
  bool first = true;
  lister.list([&](const Listing& listing) {
    std::string out = first ? "" : "\n";
    if (titles && !listing.directory.empty()) out += shown(listing.directory, session) + ":\n";
    out += lines.text(listing);
    first = first && out.empty();
    session.io.out << out;
  });
  return code;
}

}  // namespace

void add_ls_command(CLI::App& root, Session& session) {
  CLI::App* ls = add_verb(root, session, "ls", "List files inside an image");
  const auto arguments = std::make_shared<ListArguments>();
  ls->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  ls->add_option("path", arguments->paths, "Files or directories (default: the root)")->type_name("PATH");
  ls->set_help_flag("--help", "Print this help")->group(kCommonOptions);  // -h is that of ls
  ls->add_flag("-a,--all,-A,--almost-all", arguments->all, "Names that start with '.', too");
  ls->add_flag("-l,--long", arguments->long_format,
               "Mode, links, owner, group (as the image calls them), size, time (UTC) and target of links");
  ls->add_flag("-n,--numeric-uid-gid", arguments->numeric, "The same with numbers of owners and groups");
  ls->add_flag("-h,--human-readable", arguments->human, "With -l, sizes like 1.5K");
  keep_short_debug_free(*ls, session);
  ls->add_flag("-d,--directory", arguments->directories, "Directories themselves, not what is in them");
  ls->add_flag("-R,--recursive", arguments->recursive, "Directories in directories, too");
  const auto* by_size = ls->add_flag("-S", arguments->ignored, "Largest first");
  const auto* by_time = ls->add_flag("-t", arguments->ignored, "Newest first");
  ls->add_flag("-r,--reverse", arguments->reverse, "The other way around");
  ls->add_flag("-1", arguments->ignored, "One name per line (always so)");
  ls->add_flag("-F,--classify", arguments->classify,
               "Marks behind names: / directory, * program, @ link, | pipe, = socket");
  ls->add_flag("-i,--inode", arguments->inodes, "A number in front, the same for all names of one file");
  add_source_options(*ls, arguments->from);
  ls->callback([arguments, ls, by_size, by_time, &session] {
    // The last of them counts, as ls(1) has it.
    for (const CLI::Option* option : ls->parse_order()) {
      if (option != by_size && option != by_time) continue;
      arguments->by_size = option == by_size;
      arguments->by_time = option == by_time;
    }
    session.action = [arguments, &session] { return list(*arguments, session); };
  });
}

}  // namespace sifkit::cli
