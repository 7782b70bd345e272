// SPDX-License-Identifier: Apache-2.0
//
// Verbs that take files out of an image: tar, cp.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/inspect/copy_out.h>
#include <sifkit/layers/tar_tree.h>

#include "commands.h"
#include "file_text.h"
#include "source_options.h"
#include "stream_sink.h"

namespace sifkit::cli {

using namespace layers;
namespace fs = std::filesystem;

namespace {

struct TakeArguments {
  std::string source;
  SourceArguments from;
  std::vector<std::string> paths;
  bool follow = false;
  bool force = false;
  bool ignored = false;
};

/// Whether one path is the other or leads to what is below it. Both clean, the root is "".
bool is_within(std::string_view path, std::string_view directory) {
  return directory.empty() ||
         (path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/'));
}

int tar(const TakeArguments& arguments, Session& session) {
  OpenedSource source = open_files(arguments.source, arguments.from, session);
  if (session.io.out_is_terminal) {
    throw Error(ErrorKind::usage, "an archive is not written to a terminal", "redirect it to a file or a pipe");
  }
  std::vector<std::string> wanted;
  const int code = for_each_path(arguments.source, arguments.paths, session, [&](const std::string& path) {
    source.files().require(path, path.ends_with('/'));
    wanted.push_back(source.tree().real_path(path, path.ends_with('/')).value().substr(1));
  });
  TarTreeOptions options;
  options.sparse = true;
  options.xattrs = attributes_outside(*source.image);
  if (!arguments.paths.empty()) {
    options.keep = [&wanted](std::string_view path, InodeId) {
      return std::any_of(wanted.begin(), wanted.end(),
                         [&](const auto& each) { return is_within(path, each) || is_within(each, path); });
    };
    // Directories on the way are those of who extracts the archive, whose modes and times it must not change.
    options.passes = [&wanted](std::string_view path) {
      return std::none_of(wanted.begin(), wanted.end(), [&](const auto& each) { return is_within(path, each); });
    };
  }
  WarningList warnings;
  StreamSink sink(session.io);
  in_context([&] { return in_quotes(arguments.source); },
             [&] { write_tar(source.files(), options, sink, warnings, session.operation()); });
  session.show_warnings(warnings);
  return code;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// What a path of the image is called where it goes to.
std::string last_name(const Tree& tree, const std::string& path) {
  const std::string real = tree.real_path(path, false).value();
  if (real == "/") {
    throw Error(ErrorKind::usage, "the root has no name of its own: expected a DEST that is not there yet");
  }
  return real.substr(real.rfind('/') + 1);
}

int copy(TakeArguments arguments, Session& session) {
  const std::string destination = arguments.paths.back();
  arguments.paths.pop_back();
  if (arguments.paths.empty()) {
    throw Error(ErrorKind::usage, "expected a PATH of the image and a DEST", "sifkit cp SRC PATH... DEST");
  }
  if (destination == "-") {
    if (session.json) throw Error(ErrorKind::usage, "only one of --json and a file can be written to standard output");
    return print_files(arguments.source, arguments.from, arguments.paths, session);
  }
  const bool into = is_directory(destination);
  const auto expect_directory = [&] {
    if (!into) throw Error(ErrorKind::not_found, fmt::format("{} is no directory that there is", in_quotes(destination)));
  };
  if (arguments.paths.size() > 1) expect_directory();
  OpenedSource source = open_files(arguments.source, arguments.from, session);
  const auto overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  // Only root may give a file capabilities; who is not keeps them as the image has them.
  const inspect::CopiedAttributes attributes =
      ::geteuid() == 0 ? attributes_outside(*source.image) : [](const Inode&, const Xattrs& as_they_are) { return as_they_are; };
  WarningList warnings;
  Json files = Json::array();
  const int code = for_each_path(arguments.source, arguments.paths, session, [&](const std::string& path) {
    const bool follow = arguments.follow || path.ends_with('/');
    const InodeId inode = source.files().require(path, follow);
    // A directory may become the one that is named, as with cp -r.
    if (destination.ends_with('/') && source.tree().inode(inode).type != EntryType::directory) expect_directory();
    const fs::path target = into ? fs::path(destination) / last_name(source.tree(), path) : fs::path(destination);
    in_context([&] { return in_quotes(path); },
               [&] { inspect::copy_out(source.files(), path, follow, target, overwrite, attributes, warnings,
                                        session.operation()); });
    session.progress->done();
    Json record = Json::object();
    put_text(record, "path", path);
    put_text(record, "target", target.native());
    files.push_back(std::move(record));
  });
  session.show_warnings(warnings);
  if (session.json) session.print_json({{"schema", "sifkit/cp/v1"}, {"files", files}});
  return code;
}

CLI::App* add(CLI::App& root, Session& session, const char* name, const char* description,
              const std::shared_ptr<TakeArguments>& arguments, int (*run)(const TakeArguments&, Session&)) {
  CLI::App* verb = add_verb(root, session, name, description);
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, run, &session] {
    session.action = [arguments, run, &session] { return run(*arguments, session); };
  });
  return verb;
}

}  // namespace

void add_take_commands(CLI::App& root, Session& session) {
  const auto t = std::make_shared<TakeArguments>();
  CLI::App* archive = add(root, session, "tar", "Write files inside an image to standard output as a tar archive", t, tar);
  archive->add_option("path", t->paths, "Files or directories, with all that is in them (default: everything)")
      ->type_name("PATH");
  only_errors_are_records(*archive);

  const auto c = std::make_shared<TakeArguments>();
  CLI::App* cp = add(root, session, "cp", "Copy files and directories out of an image", c,
                     [](const TakeArguments& arguments, Session& s) { return copy(arguments, s); });
  cp->add_option("path", c->paths,
                 "Files or directories of the image, then where they go: a directory, or a new name for one, or - for "
                 "standard output")
      ->required()
      ->type_name("PATH... DEST")
      ->expected(1, 1 << 20);  // of one alone `copy` says what is missing
  cp->add_flag("-F,-f,--force", c->force, "Replace what is there; a directory as a whole");
  cp->add_flag("-L,--dereference", c->follow, "What a link that is named leads to, not the link; links in a directory stay links");
  cp->add_flag("-r,-R,-a,-p", c->ignored, "Directories with all that is in them, modes and times kept (always so)");
}

}  // namespace sifkit::cli
