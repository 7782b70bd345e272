// SPDX-License-Identifier: Apache-2.0
#include <sifkit/runtime_check.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/image_path.h>

namespace sifkit {

using namespace layers;

namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";  ///< the runtime adds it
constexpr std::string_view kShell = "/bin/sh";
constexpr unsigned kScripts = 4;  ///< scripts that the kernel lets be each other's interpreters

/// Directories of which a link of an older layer is often the only way to what is in them.
constexpr std::string_view kSystemDirectories[] = {
    "bin",       "sbin", "lib", "lib32", "lib64", "libx32",  "usr/bin", "usr/sbin", "usr/lib", "usr/lib64",
    "usr/local", "etc",  "opt", "run",   "tmp",   "var/tmp", "var/run", "var/lock", "var/lib"};

/// The runtime mounts directories of the host there.
constexpr std::string_view kMountPoints[] = {"/dev", "/proc", "/sys", "/tmp", "/var/tmp"};

/// The mount point that hides a path of the image, "" for none.
std::string_view hidden_below(std::string_view path) {
  for (const auto point : kMountPoints) {
    if (path.starts_with(point) && path.substr(point.size()).starts_with('/')) return point;
  }
  return {};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// The words of a command that a shell is given as one text, where they need no shell to be understood.
std::vector<std::string> plain_words(const std::vector<std::string>& command) {
  const auto is_shell = [](std::string_view program) {
    return program == "sh" || program == "/bin/sh" || program == "bash" || program == "/bin/bash";
  };
  if (command.size() != 3 || !is_shell(command[0]) || command[1] != "-c") return command;
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+=@- ";
  std::vector<std::string> words;
  if (command[2].find_first_not_of(kPlain) != std::string::npos) return words;
  for (const auto word : split(command[2], ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

class RuntimeCheck {
 public:
  RuntimeCheck(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input, WarningList& warnings)
      : tree_(tree), program_of_(program_of), input_(input), warnings_(warnings) {
    for (const auto& entry : input.env) {
      if (entry.starts_with("PATH=")) path_ = entry.substr(5) + ":";
    }
    path_ += kDefaultPath;
    command_ = input.entrypoint;
    noun_ = command_.empty() ? "command" : "entrypoint";
    command_.insert(command_.end(), input.cmd.begin(), input.cmd.end());
  }

  void run() {
    check_replaced_links();
    check_command();
    check_relative_words();
    check_shell();
    check_mount_points();
  }

 private:
  void check_command() {
    if (command_.empty()) {
      if (input_.configured)
        warnings_.add("nothing-to-run",
                      "the image has neither an entrypoint nor a command: 'run' has nothing to start, 'exec' needs the "
                      "name of a program");
      return;
    }
    const std::string& program = command_[0];
    if (program.empty()) return;
    if (program.starts_with('/')) {
      check_program(fmt::format("the {} {}", noun_, in_quotes(program)), program, 0);
    } else if (program.find('/') != std::string::npos) {
      const std::string there = in_working_dir(program);
      if (walk_image_path(tree_, there).inode == kNone) {
        warnings_.add("program-missing", fmt::format("the {} {} is not in the image's working directory {}", noun_,
                                                     in_quotes(program), in_quotes(working_dir())));
      }
    } else if (const auto found = in_path(program)) {
      check_program(fmt::format("the {} {} ({})", noun_, in_quotes(program), in_quotes(*found)), *found, 0);
    } else {
      warnings_.add("program-missing",
                    fmt::format("the {} {} is in no directory of the image's PATH", noun_, in_quotes(program)));
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
      warnings_.add(
          "relative-path",
          fmt::format(
              "{} {} is relative to the image's working directory {}, where 'run' does not start: give it --pwd {}",
              program ? fmt::format("the {}", noun_) : "the argument", in_quotes(word), in_quotes(working_dir()),
              printable(working_dir())));
      return;
    }
  }

  std::optional<std::string> in_path(std::string_view name) const {
    std::optional<std::string> closed;
    for (const auto directory : split(path_, ':')) {
      if (!directory.starts_with('/')) continue;
      const std::string path = fmt::format("{}/{}", directory.substr(0, directory.find_last_not_of('/') + 1), name);
      const auto found = walk_image_path(tree_, path);
      if (found.inode == kNone || tree_.inode(found.inode).type == EntryType::directory) continue;
      if ((tree_.inode(found.inode).metadata.mode & 0111) != 0) return path;
      if (!closed) closed = path;
    }
    return closed;
  }

  /// Says why `path` does not start, if it does not. `subject` is how a message calls it.
  void check_program(const std::string& subject, const std::string& path, unsigned scripts) {
    const auto found = walk_image_path(tree_, path);
    if (!expect_there(subject, path, found)) return;
    if (const auto point = hidden_below(found.place); !point.empty()) {
      warnings_.add("program-hidden",
                    fmt::format("{} is in {}, where the runtime mounts the host's", subject, in_quotes(point)));
      return;
    }
    const Inode& file = tree_.inode(found.inode);
    if (file.type != EntryType::regular) {
      warnings_.add("program-not-executable",
                    subject + (file.type == EntryType::directory ? " is a directory" : " is no regular file"));
      return;
    }
    if ((file.metadata.mode & 0111) == 0) {
      warnings_.add("program-not-executable",
                    fmt::format("{} is not executable (mode {:04o})", subject, file.metadata.mode));
      return;
    }
    const auto program = program_of_(found.inode);
    if (!found.closed.empty()) {
      const auto directory = tree_.resolve(found.closed, true);
      warnings_.add("program-not-for-all",
                    fmt::format("{} is in {}, which not every user may enter (mode {:04o})", subject,
                                in_quotes(found.closed), directory ? tree_.inode(*directory).metadata.mode : 0u));
      return;
    }
    const bool script = program && program->kind == Program::Kind::script;
    const std::uint32_t needed = script ? 05 : 01;
    if ((file.metadata.mode & needed) != needed) {
      warnings_.add("program-not-for-all",
                    fmt::format("{} may not be {} by every user (mode {:04o})", subject,
                                (file.metadata.mode & 01) == 0 ? "executed" : "read", file.metadata.mode));
      return;
    }
    if (!program) return;
    switch (program->kind) {
      case Program::Kind::neither:  // the runtime gives to the shell what the kernel does not know
        if (walk_image_path(tree_, kShell).inode == kNone) {
          warnings_.add("program-interpreter",
                        fmt::format("{} is no program of Linux and names no interpreter ('#!'), and there is no {} in "
                                    "the image that would read it",
                                    subject, in_quotes(kShell)));
        }
        return;
      case Program::Kind::elf: check_elf(subject, *program); return;
      case Program::Kind::script:
        if (program->line && scripts < kScripts) check_script(subject, *program->line, scripts);
        return;
    }
  }

  bool expect_there(const std::string& subject, const std::string& path, const ImagePath& found) {
    if (found.inode != kNone) return true;
    if (found.loops) {
      warnings_.add("program-missing",
                    fmt::format("{} leads nowhere: the link {} leads back to itself", subject, in_quotes(found.link)));
    } else if (!found.link.empty()) {
      warnings_.add("program-missing",
                    fmt::format("{} leads nowhere: {} is a link to {}, and {} is not in the image", subject,
                                in_quotes(found.link), in_quotes(found.link_target), in_quotes(found.place)));
    } else if (found.place != path) {
      warnings_.add("program-missing",
                    fmt::format("{} is not in the image: there is no {}", subject, in_quotes(found.place)));
    } else {
      warnings_.add("program-missing", subject + " is not in the image");
    }
    return false;
  }

  void check_elf(const std::string& subject, const Program& program) {
    if (!input_.architecture.empty() && !program.architecture.empty() &&
        !runs_on(input_.architecture, program.architecture)) {
      warnings_.add("program-architecture", fmt::format("{} is for {}, the image for {}", subject, program.architecture,
                                                        in_quotes(input_.architecture)));
      return;
    }
    if (!program.line || program.line->empty() || !program.line->starts_with('/')) return;
    const auto loader = walk_image_path(tree_, *program.line);
    if (loader.inode != kNone) return;
    const std::string link = loader.link.empty() ? std::string()
                                                 : fmt::format(": {} is a link to {}", in_quotes(loader.link),
                                                               in_quotes(loader.link_target));
    warnings_.add("program-loader", fmt::format("{} needs the loader {}, which is not in the image{}", subject,
                                                in_quotes(*program.line), link));
  }

  void check_script(const std::string& subject, std::string_view line, unsigned scripts) {
    const auto text = trimmed(line);
    const auto blank = text.find_first_of(" \t");
    const auto interpreter = text.substr(0, blank);
    const auto argument = blank == std::string_view::npos ? std::string_view() : trimmed(text.substr(blank));
    const auto name = interpreter.substr(interpreter.rfind('/') + 1);
    if (interpreter.empty()) return;
    if (interpreter.ends_with('\r') || (argument.ends_with('\r') && (name == "env" || name.ends_with("sh")))) {
      warnings_.add("program-interpreter", fmt::format("{} has a carriage return at the end of its first line {}, as "
                                                       "text files of Windows do: no such interpreter is found",
                                                       subject, in_quotes("#!" + std::string(line))));
      return;
    }
    if (!interpreter.starts_with('/')) {
      warnings_.add("program-interpreter",
                    fmt::format("{} names its interpreter {} by a path that is relative to where it is started",
                                subject, in_quotes(interpreter)));
      return;
    }
    const auto found = walk_image_path(tree_, interpreter);
    if (found.inode == kNone) {
      warnings_.add("program-interpreter", fmt::format("{} needs the interpreter {}, which is not in the image",
                                                       subject, in_quotes(interpreter)));
      return;
    }
    check_program(fmt::format("{}: its interpreter {}", subject, in_quotes(interpreter)), std::string(interpreter),
                  scripts + 1);
    if (name == "env" && !argument.empty()) check_env(subject, argument, scripts);
  }

  /// `#!/usr/bin/env NAME`, `#!/usr/bin/env -S NAME WORDS`.
  void check_env(const std::string& subject, std::string_view argument, unsigned scripts) {
    bool splits = false;
    for (const std::string_view option : {"-S", "--split-string="}) {
      if (!argument.starts_with(option)) continue;
      splits = true;
      argument = trimmed(argument.substr(option.size()));
    }
    if (splits) argument = argument.substr(0, argument.find_first_of(" \t"));
    // Options and variables before the program, and quotes, are env's own affair.
    if (argument.empty() || argument.starts_with('-') || argument.find_first_of("='\"\\$") != std::string_view::npos)
      return;
    if (argument.find('/') != std::string_view::npos) return;
    if (const auto found = in_path(argument)) {
      check_program(fmt::format("{}: its interpreter {} ({})", subject, in_quotes(argument), in_quotes(*found)), *found,
                    scripts + 1);
    } else {
      warnings_.add("program-interpreter",
                    fmt::format("{} needs the interpreter {}, which is in no directory of the image's PATH", subject,
                                in_quotes(argument)));
    }
  }

  /// The shell of an image that has one, or had.
  void check_shell() {
    const auto shell = walk_image_path(tree_, "/bin/sh");
    if (shell.inode != kNone) {
      const bool checked = !command_.empty() && (command_[0] == "/bin/sh" || command_[0] == "sh");
      if (!checked && unstartable() == unstartable_before_)
        check_program("the shell '/bin/sh'", "/bin/sh", 0);
      return;
    }
    std::string why;
    if (!shell.link.empty() && shell.link != "/bin") {
      why = fmt::format("'/bin/sh' leads nowhere: {} is a link to {}", in_quotes(shell.link),
                        in_quotes(shell.link_target));
    } else if (!shell_lost_ && walk_image_path(tree_, "/usr/bin/sh").inode != kNone) {
      why = "the image has '/usr/bin/sh', but no '/bin/sh'";
    }
    if (!why.empty())
      warnings_.add("shell-missing", why + ": 'shell', 'instance start' and scripts of the shell do not work");
  }

  void check_replaced_links() {
    for (auto at = input_.replaced_links.rbegin(); at != input_.replaced_links.rend(); ++at) {
      const auto& link = *at;
      const auto same = [&](const auto& other) { return other.path == link.path; };
      if (std::find_if(input_.replaced_links.rbegin(), at, same) != at) continue;  // a newer layer did it again
      if (std::find(std::begin(kSystemDirectories), std::end(kSystemDirectories), link.path) == std::end(kSystemDirectories))
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
      warnings_.add("link-replaced", fmt::format("layer {} of {} has a directory {} in place of layer {}'s link to {}: "
                                                 "what is there, such as {}, is no longer found as {}",
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
        warnings_.add(
            "mount-point",
            fmt::format("{} is no directory, so that the runtime cannot mount the host's there: no program of "
                        "the image starts",
                        in_quotes(point)));
      } else if (found.inode == kNone && !found.link.empty() && point.ends_with("tmp")) {
        warnings_.add(
            "mount-point",
            fmt::format("{} is not there when the container runs: {} is a link to {}, which is not in the image",
                        in_quotes(point), in_quotes(found.link), in_quotes(found.link_target)));
      }
    }
  }

  /// Warnings of a loader or an interpreter that is not there.
  std::uint64_t unstartable() const { return warnings_.count("program-loader") + warnings_.count("program-interpreter"); }

  const Tree& tree_;
  const ProgramLookup& program_of_;
  const RuntimeCheckInput& input_;
  WarningList& warnings_;
  const std::uint64_t unstartable_before_ = unstartable();  ///< one list may serve several images
  std::string path_;
  std::vector<std::string> command_;
  std::string_view noun_;
  bool shell_lost_ = false;  ///< and said so
};

}  // namespace

bool runs_on(std::string_view image, std::string_view program) {
  return image == program || (image == "amd64" && program == "386") || (image == "arm64" && program == "arm") ||
         (image == "mips64" && program == "mips") || (image == "mips64le" && program == "mipsle");
}

void check_runtime(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input, WarningList& warnings) {
  RuntimeCheck(tree, program_of, input, warnings).run();
}

}  // namespace sifkit
