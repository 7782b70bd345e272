// SPDX-License-Identifier: Apache-2.0
#include <sifkit/runtime_check.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/image_path.h>

#include "program_start.h"

namespace sifkit {

using namespace layers;

namespace {

/// Directories of which a link of an older layer is often the only way to what is in them.
constexpr std::string_view kSystemDirectories[] = {
    "bin",       "sbin", "lib", "lib32", "lib64", "libx32",  "usr/bin", "usr/sbin", "usr/lib", "usr/lib64",
    "usr/local", "etc",  "opt", "run",   "tmp",   "var/tmp", "var/run", "var/lock", "var/lib"};

/// The words of a command that a shell is given as one text, where they need no shell to be understood.
std::vector<std::string> plain_words(const std::vector<std::string>& command) {
  const auto is_shell = [](std::string_view program) {
    return program == "sh" || program == "/bin/sh" || program == "bash" || program == "/bin/bash";
  };
  if (command.size() != 3 || !is_shell(command[0]) || command[1] != "-c") return command;
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+=@- ";
  std::vector<std::string> words;
  if (command[2].find_first_not_of(kPlain) != std::string::npos) return words;
  for (const auto word : split_at(command[2], ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

class RuntimeCheck {
 public:
  RuntimeCheck(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
               const RuntimeFindings& out)
      : tree_(tree), program_of_(program_of), input_(input), start_(tree, program_of, input, out) {
    command_ = input.entrypoint;
    noun_ = command_.empty() ? "command" : "entrypoint";
    command_.insert(command_.end(), input.cmd.begin(), input.cmd.end());
  }

  void run() {
    check_replaced_links();
    if (!input_.runscript.empty())
      start_.check_file(fmt::format("the runscript {}", in_quotes(input_.runscript)), input_.runscript);
    check_command();
    check_relative_words();
    if (input_.expects_program && !input_.configured && !has_program()) {
      start_.add("no-program", "", "there is no program in it, neither an ELF file nor a script that may be executed");
    }
    check_shell();
    check_mount_points();
  }

 private:
  /// What a build adds are scripts that start those of the image.
  bool has_program() const {
    std::vector<InodeId> directories{Tree::kRoot};
    while (!directories.empty()) {
      const InodeId directory = directories.back();
      directories.pop_back();
      for (const NameId name : tree_.sorted_children(directory)) {
        const InodeId id = tree_.inode_of(name);
        const Inode& inode = tree_.inode(id);
        if (inode.type == EntryType::directory) {
          if (directory != Tree::kRoot || tree_.text_of(name) != ".singularity.d") directories.push_back(id);
        } else if (inode.type == EntryType::regular && (inode.metadata.mode & 0111u) != 0) {
          const auto program = program_of_(id);
          if (!program || program->kind != Program::Kind::neither) return true;
        }
      }
    }
    return false;
  }

  void check_command() {
    if (command_.empty()) {
      if (input_.configured)
        start_.add("nothing-to-run", "",
                   "the image has neither an entrypoint nor a command: 'run' has nothing to start, 'exec' needs the "
                   "name of a program");
      return;
    }
    const std::string& program = command_[0];
    if (program.empty()) return;
    if (program.starts_with('/')) {
      start_.check_program(fmt::format("the {} {}", noun_, in_quotes(program)), program);
    } else if (program.find('/') != std::string::npos) {
      const std::string there = in_working_dir(program);
      if (const auto found = walk_image_path(tree_, there); found.inode == kNone) {
        start_.add("program-missing", found.place,
                   fmt::format("the {} {} is not in the image's working directory {}", noun_, in_quotes(program),
                               in_quotes(working_dir())));
      }
    } else {
      const auto subject = fmt::format("the {} {}", noun_, in_quotes(program));
      start_.check_name(subject, program, {"program-missing", "", subject + " is"});
    }
  }

  std::string working_dir() const {
    return input_.working_dir.starts_with('/') ? input_.working_dir : "/" + input_.working_dir;
  }

  std::string in_working_dir(std::string_view path) const { return fmt::format("{}/{}", working_dir(), path); }

  /// What is named relative to the working directory, which no runtime of SIF files enters by itself.
  void check_relative_words() {
    const bool shell = command_.size() == 3 && command_[1] == "-c";
    const auto words = plain_words(command_);
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (word.empty() || word.starts_with('/') || word.starts_with('-')) continue;
      const bool program = i == 0 && !shell;
      // A bare name of a program is looked for in PATH alone; in the root itself people mean other things by a bare
      // word.
      const bool has_slash = word.find('/') != std::string::npos;
      if (!has_slash && (i == 0 || working_dir() == "/")) continue;
      const auto found = walk_image_path(tree_, in_working_dir(word));
      if (found.inode == kNone || tree_.inode(found.inode).type != EntryType::regular) continue;
      start_.add(
          "relative-path", found.place,
          fmt::format(
              "{} {} is relative to the image's working directory {}, where 'run' does not start: give it --pwd {}",
              program ? fmt::format("the {}", noun_) : "the argument", in_quotes(word), in_quotes(working_dir()),
              printable(working_dir())));
      return;
    }
  }

  /// The shell of an image that has one, or had.
  void check_shell() {
    const auto shell = walk_image_path(tree_, "/bin/sh");
    if (shell.inode != kNone) {
      const bool checked = !command_.empty() && (command_[0] == "/bin/sh" || command_[0] == "sh");
      if (!checked && start_.unstartable() == 0) start_.check_program("the shell '/bin/sh'", "/bin/sh");
      return;
    }
    std::string why;
    if (shell.loops) {
      why = fmt::format("'/bin/sh' leads nowhere: the link {} leads back to itself", in_quotes(shell.link));
    } else if (!shell.link.empty() && shell.link != "/bin") {
      why = fmt::format("'/bin/sh' leads nowhere: {} is a link to {}", in_quotes(shell.link),
                        in_quotes(shell.link_target));
    } else if (!shell_lost_ && walk_image_path(tree_, "/usr/bin/sh").inode != kNone) {
      why = "the image has '/usr/bin/sh', but no '/bin/sh'";
    }
    if (!why.empty())
      start_.add("shell-missing", "/bin/sh", why + ": 'shell', 'instance start' and scripts of the shell do not work");
  }

  void check_replaced_links() {
    for (auto at = input_.replaced_links.rbegin(); at != input_.replaced_links.rend(); ++at) {
      const auto& link = *at;
      const auto same = [&](const auto& other) { return other.path == link.path; };
      if (std::find_if(input_.replaced_links.rbegin(), at, same) != at) continue;  // a newer layer did it again
      if (std::find(std::begin(kSystemDirectories), std::end(kSystemDirectories), link.path) ==
          std::end(kSystemDirectories))
        continue;
      const auto directory = tree_.resolve(link.path, false);
      if (!directory || tree_.inode(*directory).type != EntryType::directory) continue;
      const auto slash = link.path.rfind('/');
      const std::string base = slash == std::string::npos ? std::string() : link.path.substr(0, slash);
      const auto target =
          walk_image_path(tree_, link.target.starts_with('/') ? link.target : fmt::format("{}/{}", base, link.target));
      if (target.inode == kNone || target.inode == *directory || tree_.inode(target.inode).type != EntryType::directory)
        continue;
      const auto lost = first_lost(target.inode, *directory, link.path == "bin" || link.path == "usr/bin");
      if (lost.empty()) continue;
      shell_lost_ = shell_lost_ || lost == "sh";
      start_.add("link-replaced", "/" + link.path,
                 fmt::format("layer {} of {} has a directory {} in place of layer {}'s link to {}: what is there, such "
                             "as {}, is no longer found as {}",
                             link.layer, input_.layers, in_quotes("/" + link.path), link.link_layer,
                             in_quotes(link.target), in_quotes(target.place + "/" + lost),
                             in_quotes("/" + link.path + "/" + lost)));
    }
  }

  /// A name of one directory that another has not; the shell, if it is one of them.
  std::string first_lost(InodeId from, InodeId in, bool of_programs) const {
    const auto is_lost = [&](std::string_view name) {
      return tree_.find(from, name) != kNone && tree_.find(in, name) == kNone;
    };
    if (of_programs && is_lost("sh")) return "sh";
    for (const NameId name : tree_.sorted_children(from)) {
      if (is_lost(tree_.text_of(name))) return std::string(tree_.text_of(name));
    }
    return {};
  }

  /// A file there ends the start. A link to nothing is made to lead somewhere, but for these two, which are left out.
  void check_mount_points() {
    for (const auto point : kMountPoints) {
      const auto found = walk_image_path(tree_, point);
      if (found.inode != kNone && tree_.inode(found.inode).type != EntryType::directory) {
        start_.add(
            "mount-point", std::string(point),
            fmt::format("{} is no directory, so that the runtime cannot mount the host's there: no program of "
                        "the image starts",
                        in_quotes(point)));
      } else if (found.inode == kNone && !found.link.empty() && point.ends_with("tmp")) {
        const auto why = found.loops ? fmt::format("the link {} leads back to itself", in_quotes(found.link)) :
                                       fmt::format("{} is a link to {}, which is not in the image",
                                                   in_quotes(found.link), in_quotes(found.link_target));
        start_.add("mount-point", std::string(point),
                   fmt::format("{} is not there when the container runs: {}", in_quotes(point), why));
      }
    }
  }

  const Tree& tree_;
  const ProgramLookup& program_of_;
  const RuntimeCheckInput& input_;
  ProgramStart start_;
  std::vector<std::string> command_;
  std::string_view noun_;
  bool shell_lost_ = false;  ///< and said so
};

}  // namespace

bool runs_on(std::string_view image, std::string_view program) {
  return image == program || (image == "amd64" && program == "386") || (image == "arm64" && program == "arm") ||
         (image == "mips64" && program == "mips") || (image == "mips64le" && program == "mipsle");
}

SearchPath search_path(const std::vector<std::string>& env) {
  SearchPath out;
  std::unordered_set<std::string_view> seen;
  const auto take = [&](std::string_view list, std::size_t most) {
    for (std::size_t at = 0; at <= list.size();) {
      const auto directory = list.substr(at, list.find(':', at) - at);
      at += directory.size() + 1;
      if (seen.contains(directory)) continue;
      if (seen.size() == most) {
        out.whole = false;
        return;
      }
      if (!seen.empty()) out.text += ':';
      out.text += directory;
      seen.insert(directory);
    }
  };
  static constexpr std::string_view kPath = "PATH=";
  const auto path = std::find_if(env.rbegin(), env.rend(), [](const auto& entry) { return entry.starts_with(kPath); });
  if (path != env.rend()) take(std::string_view(*path).substr(kPath.size()), SearchPath::kMaxDirectories);
  take(kDefaultPath, std::numeric_limits<std::size_t>::max());
  return out;
}

void check_runtime(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
                   const RuntimeFindings& out) {
  RuntimeCheck(tree, program_of, input, out).run();
}

void check_runtime(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
                   WarningList& warnings) {
  check_runtime(tree, program_of, input,
                {.add = [&](std::string_view kind, const std::string&, std::string text) {
                  warnings.add(std::string(kind), std::move(text));
                }});
}

ScriptCheck::ScriptCheck(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
                         const RuntimeFindings& out)
    : start_(std::make_unique<ProgramStart>(tree, program_of, input, out)) {}

ScriptCheck::~ScriptCheck() = default;

void ScriptCheck::check(const std::string& place, std::string_view line) { start_->check_script("it", place, line); }

}  // namespace sifkit
