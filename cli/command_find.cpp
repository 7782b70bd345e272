// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <sifkit/inspect/file_query.h>
#include <sifkit/layers/walk.h>

#include "commands.h"
#include "file_text.h"
#include "numbers.h"
#include "source_options.h"

namespace sifkit::cli {

using namespace layers;

namespace {

constexpr const char* kTests = "Tests, as find(1) has them (with one dash, too; all must hold)";
constexpr const char* kOperators = "Operators";

struct FindArguments {
  std::string source;
  SourceArguments from;
  std::vector<std::string> paths;
  std::map<std::string, std::vector<std::string>> values;  ///< of tests, by name
  bool ignored = false;
  bool zero = false;
  std::optional<std::size_t> most;
  std::size_t least = 0;
};

/// The tests and operators of the command line, in its order.
std::vector<inspect::QueryWord> expression(const CLI::App& verb) {
  std::vector<inspect::QueryWord> out;
  std::map<const CLI::Option*, std::size_t> taken;
  for (const CLI::Option* option : verb.parse_order()) {
    if (option->get_group() != kTests && option->get_group() != kOperators) continue;
    const auto& name = option->get_lnames().front();
    const bool flag = option->get_expected_max() == 0;
    out.push_back({name == "open" ? "(" : name == "close" ? ")" : name,
                   flag ? std::string() : option->results().at(taken[option]++)});
  }
  return out;
}

class Finder {
 public:
  Finder(const OpenedSource& source, const FindArguments& arguments, const inspect::FileQuery& query, Session& session)
      : tree_(source.tree()), source_(source), arguments_(arguments), query_(query), session_(session) {}

  void find(const std::string& path) {
    const InodeId start = source_.files().require(path, path.ends_with('/'));
    const std::string prefix = path.ends_with('/') ? path : path + "/";
    look_at(path, start, 0);
    if (tree_.inode(start).type != EntryType::directory || arguments_.most == 0) return;
    std::size_t depth = 0;  // of the directory that is walked through
    std::string here;
    walk(tree_, start,
         [&](const WalkedName& name) {
           here.assign(prefix).append(name.path);
           look_at(here, name.inode, depth + 1);
           const bool enters = (!arguments_.most || depth + 1 < *arguments_.most) &&
                               tree_.inode(name.inode).type == EntryType::directory;
           if (enters) ++depth;
           return enters;
         },
         [&](const WalkedName&) { --depth; });
  }

  Json files = Json::array();

 private:
  void look_at(const std::string& path, InodeId inode, std::size_t depth) {
    if (depth < arguments_.least || !query_.matches({path, inode})) return;
    if (session_.json) {
      files.push_back(file_record(tree_, path, inode));
    } else if (arguments_.zero) {
      session_.io.out << path << '\0';
    } else {
      session_.io.out << shown(path, session_) << '\n';
    }
  }

  const Tree& tree_;
  const OpenedSource& source_;
  const FindArguments& arguments_;
  const inspect::FileQuery& query_;
  Session& session_;
};

int find(FindArguments arguments, const CLI::App& verb, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  if (arguments.paths.empty()) arguments.paths = {"/"};
  const inspect::FileQuery query(expression(verb), source.files());
  Finder finder(source, arguments, query, session);
  const int code = for_each_path(arguments.source, arguments.paths, session,
                                 [&](const std::string& path) { finder.find(path); });
  if (session.json) session.print_json({{"schema", "sifkit/find/v1"}, {"files", finder.files}});
  return code;
}

void add_tests(CLI::App& verb, FindArguments& arguments) {
  const auto test = [&](const std::string& name, const char* type, const char* description) {
    verb.add_option("--" + name, arguments.values[name], description)
        ->type_name(type)
        ->allow_extra_args(false)
        ->group(kTests);
  };
  const auto flag = [&](const char* name, const char* description, const char* group) {
    verb.add_flag(name, arguments.ignored, description)->group(group);
  };
  test("name", "PATTERN", "The name, without its directories, matches");
  test("iname", "PATTERN", "The same, whatever the case of ASCII letters");
  test("path", "PATTERN", "The path as it is printed matches; * goes over slashes, too");
  test("ipath", "PATTERN", "The same, whatever the case of ASCII letters");
  test("lname", "PATTERN", "A symbolic link whose target matches");
  test("type", "LETTERS", "f, d, l, c, b, p or s, or several with commas between them");
  test("size", "[+-]N[cwbkMG]", "Just, more or less than so many units (b, of 512 bytes), rounded up");
  test("perm", "[-/]MODE", "The mode is that, has all of its bits (-), or any of them (/)");
  test("user", "NAME", "Of a user, by name of the image's or by number");
  test("group", "NAME", "Of a group, likewise");
  test("uid", "[+-]N", "By number");
  test("gid", "[+-]N", "By number");
  test("links", "[+-]N", "So many hard links");
  test("newer", "PATH", "Modified after that file of the image");
  test("xattrname", "PATTERN", "An extended attribute whose name matches");
  flag("--nouser", "Of a user that the image has no name for", kTests);
  flag("--nogroup", "Of a group that the image has no name for", kTests);
  flag("--xattr", "Any extended attributes", kTests);
  flag("--empty", "A file of no bytes, or a directory without entries", kTests);
  flag("--not", "The next does not hold: !", kOperators);
  flag("--or", "Those before or those behind hold: -o", kOperators);
  flag("--and", "Both hold (always so): -a", kOperators);
  flag("--open", "The start of a group: (", kOperators);
  flag("--close", "Its end: )", kOperators);
}

}  // namespace

void add_find_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "find", "Search for files inside an image");
  const auto arguments = std::make_shared<FindArguments>();
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  verb->add_option("path", arguments->paths, "Where to start (default: the root)")->type_name("PATH");
  add_tests(*verb, *arguments);
  verb->add_option("--maxdepth", arguments->most, "So many directories deep at most; 0 is PATH itself")
      ->transform(Integer<std::size_t>())
      ->take_last()
      ->type_name("N");
  verb->add_option("--mindepth", arguments->least, "At least so deep")
      ->transform(Integer<std::size_t>())
      ->take_last()
      ->type_name("N");
  verb->add_flag("--print0", arguments->zero, "A NUL byte behind each path in place of a line feed");
  verb->add_flag("--print", arguments->ignored, "A path on each line (always so)");
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, verb, &session] {
    session.action = [arguments, verb, &session] { return find(*arguments, *verb, session); };
  });
}

}  // namespace sifkit::cli
