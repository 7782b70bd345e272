// SPDX-License-Identifier: Apache-2.0
//
// Verbs that say one thing of each path: cat, stat, readlink.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/image_path.h>
#include <sifkit/layers/tree.h>
#include <sifkit/oci/image.h>

#include "commands.h"
#include "file_text.h"
#include "source_options.h"
#include "stream_sink.h"

namespace sifkit::cli {

using namespace layers;

namespace {

struct FilesArguments {
  std::string source;
  SourceArguments from;
  std::vector<std::string> paths;
  bool follow = false;
  bool no_newline = false;
};

/// "regular file", "directory"
std::string kind_of(const Inode& inode) {
  std::string out(type_word(inode.type));
  std::replace(out.begin(), out.end(), '_', ' ');
  return inode.type == EntryType::regular ? out + " file" : out;
}

/// What a path leads to with every link followed. Where that is nothing, the link that leads there is told.
InodeId require_followed(const OpenedSource& source, const std::string& path) {
  const auto found = source.files().find(path, true);
  if (!found) {
    const auto way = walk_image_path(source.tree(), path);
    if (way.loops)
      throw Error(ErrorKind::not_found,
                  fmt::format("{}: the links on the way lead in a circle or are too many", in_quotes(path)));
    if (!way.link.empty() && way.inode == kNone) {
      throw Error(ErrorKind::not_found,
                  fmt::format("{} leads over the link {} to {}, which is not in the image", in_quotes(path),
                              in_quotes(way.link), in_quotes(way.place)));
    }
  }
  return source.files().require(path, true);
}

int cat(const FilesArguments& arguments, Session& session) {
  return print_files(arguments.source, arguments.from, arguments.paths, session);
}

/// "user.note = \x01a", with what no line can hold escaped.
std::string attribute_text(const std::pair<std::string, std::string>& attribute) {
  return fmt::format("{} = {}", printable(attribute.first), printable(attribute.second, attribute.second.size()));
}

std::string stat_text(const OpenedSource& source, const inspect::OwnerNames& owners, const std::string& path,
                      InodeId id, const Session& session) {
  const Tree& tree = source.known();
  const Inode& inode = tree.inode(id);
  std::string out = fmt::format("path: {}\ntype: {}\n", shown(path, session), type_word(inode.type));
  if (inode.type == EntryType::symlink) out += "target: " + shown(tree.symlink_target(inode), session) + "\n";
  const auto& of = inode.metadata;
  out += fmt::format("mode: {:04o} ({})\nowner: {}:{}", of.mode, mode_text(inode), of.uid, of.gid);
  if (owners.users.names.contains(of.uid) || owners.groups.names.contains(of.gid))
    out += fmt::format(" ({}:{})", account_name(owners.users, of.uid), account_name(owners.groups, of.gid));
  out += '\n';
  out += is_device(inode) ? fmt::format("device: {}\n", device_text(inode))
                          : fmt::format("size: {}\n", size_of(tree, inode));
  out += fmt::format("modified: {} UTC ({})\nlinks: {}\n", utc_time(inode.metadata.mtime), inode.metadata.mtime,
                     source.files().link_count(id));
  if (const auto layer = source.image->layer_of(id)) {
    out += fmt::format("layer: {} of {}\n", *layer + 1, source.image->image()->layers().size());
  }
  for (const auto& attribute : tree.xattrs(inode.metadata.xattrs)) {
    out += "attribute: " + attribute_text(attribute) + "\n";
  }
  return out;
}

int stat(const FilesArguments& arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session, Opening::on_demand);
  const auto owners = session.json ? inspect::OwnerNames() : inspect::read_owner_names(source.files());
  Json files = Json::array();
  bool first = true;
  const int code = for_each_path(arguments.source, arguments.paths, session, [&](const std::string& path) {
    const bool follow = arguments.follow || path.ends_with('/');
    const InodeId id = follow ? require_followed(source, path) : source.files().require(path, false);
    if (session.json) {
      Json record = file_record(source.known(), path, id);
      record["links"] = source.files().link_count(id);
      const auto layer = source.image->layer_of(id);
      record["layer"] = layer ? Json(*layer + 1) : Json(nullptr);
      files.push_back(std::move(record));
    } else {
      session.io.out << (first ? "" : "\n") << stat_text(source, owners, path, id, session);
    }
    first = false;
  });
  if (session.json) session.print_json({{"schema", "sifkit/stat/v1"}, {"files", files}});
  return code;
}

int readlink(const FilesArguments& arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session, Opening::on_demand);
  const Tree& tree = source.known();
  Json links = Json::array();
  const int code = for_each_path(arguments.source, arguments.paths, session, [&](const std::string& path) {
    const InodeId id = arguments.follow ? require_followed(source, path) : source.files().require(path, false);
    const Inode& inode = tree.inode(id);
    std::string answer;
    if (arguments.follow) {
      answer = tree.real_path(path, true).value();
    } else if (inode.type == EntryType::symlink) {
      answer = tree.symlink_target(inode);
    } else {
      throw Error(ErrorKind::usage,
                  fmt::format("{} is a {}, not a symbolic link", in_quotes(path), kind_of(inode)));
    }
    if (session.json) {
      Json record = Json::object();
      put_text(record, "path", path);
      put_text(record, "target", answer);
      links.push_back(std::move(record));
    } else {
      session.io.out << shown(answer, session) << (arguments.no_newline ? "" : "\n");
    }
  });
  if (session.json) session.print_json({{"schema", "sifkit/readlink/v1"}, {"links", links}});
  return code;
}

}  // namespace

int print_files(const std::string& image, const SourceArguments& from, const std::vector<std::string>& paths,
                Session& session) {
  const OpenedSource source = open_files(image, from, session, Opening::on_demand);
  StreamSink sink(session.io);
  return for_each_path(image, paths, session, [&](const std::string& path) {
    const InodeId id = require_followed(source, path);
    const Inode& inode = source.known().inode(id);
    if (inode.type != EntryType::regular) {
      throw Error(ErrorKind::usage, fmt::format("{} is a {}, not a regular file", in_quotes(path), kind_of(inode)),
                  inode.type == EntryType::directory ? "'sifkit tar SRC PATH' writes an archive of a directory" : "");
    }
    source.files().read(id, sink);
  });
}

void add_files_commands(CLI::App& root, Session& session) {
  const auto add = [&](const char* name, const char* description, const char* paths,
                       int (*run)(const FilesArguments&, Session&)) {
    CLI::App* verb = add_verb(root, session, name, description);
    const auto arguments = std::make_shared<FilesArguments>();
    verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
    verb->add_option("path", arguments->paths, paths)->required()->type_name("PATH");
    add_source_options(*verb, arguments->from);
    verb->callback([arguments, run, &session] {
      session.action = [arguments, run, &session] { return run(*arguments, session); };
    });
    return std::pair(verb, arguments);
  };
  only_errors_are_records(*add("cat", "Write files inside an image to standard output", "Files", cat).first);
  const auto [status, s] = add("stat", "Show what is known of files inside an image", "Files or directories", stat);
  status->add_flag("-L,--dereference", s->follow, "Of what a link leads to");
  const auto [link, l] = add("readlink", "Print where symbolic links inside an image lead", "Links", readlink);
  link->add_flag("-f,--canonicalize", l->follow, "The whole path with every link on it followed, of any file");
  link->add_flag("-n,--no-newline", l->no_newline, "No line feed behind the answer");
}

}  // namespace sifkit::cli
