// SPDX-License-Identifier: Apache-2.0
#include "program_start.h"

#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit {

using namespace layers;

namespace {

constexpr std::string_view kShell = "/bin/sh";
constexpr unsigned kScripts = 4;  ///< scripts that the kernel lets be each other's interpreters

/// The mount point that hides a path of the image, "" for none.
std::string_view hidden_below(std::string_view path) {
  for (const auto point : kMountPoints) {
    if (path.starts_with(point) && path.substr(point.size()).starts_with('/')) return point;
  }
  return {};
}

/// How a message about a script calls its interpreter.
std::string interpreter_of(const std::string& subject) {
  return subject == "it" ? "its interpreter" : subject + ": its interpreter";
}

}  // namespace

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

ProgramStart::ProgramStart(const Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
                           const RuntimeFindings& out)
    : tree_(tree), program_of_(program_of), input_(input), out_(out), path_(search_path(input.env)) {}

void ProgramStart::add(std::string_view kind, const std::string& path, std::string text) {
  ++findings_;
  if (by_path_ && !is_path_certain()) {
    if (out_.uncertain) out_.uncertain(kind, path, std::move(text));
    return;
  }
  if (kind == "program-loader" || kind == "program-interpreter") ++unstartable_;
  out_.add(kind, path, std::move(text));
}

/// All names at once: an image can have any number of directories in PATH and of names that are looked for there.
void ProgramStart::read_path() {
  path_read_ = true;
  std::unordered_set<InodeId> seen;
  for (const auto directory : split_at(path_.text, ':')) {
    if (!directory.starts_with('/')) continue;
    const auto found = walk_image_path(tree_, directory);
    if (found.inode == kNone || tree_.inode(found.inode).type != EntryType::directory ||
        !seen.insert(found.inode).second)
      continue;
    for (const NameId name : tree_.sorted_children(found.inode))
      names_[tree_.text_of(name)].push_back(directories_.size());
    directories_.push_back(directory.substr(0, directory.find_last_not_of('/') + 1));
  }
}

std::optional<std::string> ProgramStart::in_path(std::string_view name) {
  if (!path_read_) read_path();
  const auto [known, added] = found_.try_emplace(std::string(name));
  const auto places = names_.find(name);
  if (!added || places == names_.end()) return known->second;
  auto& closed = known->second;
  for (const auto directory : places->second) {
    const std::string path = fmt::format("{}/{}", directories_[directory], name);
    const auto found = walk_image_path(tree_, path);
    if (found.inode == kNone || tree_.inode(found.inode).type == EntryType::directory) continue;
    if ((tree_.inode(found.inode).metadata.mode & 0111) != 0) return closed = path;
    if (!closed) closed = path;
  }
  return closed;
}

void ProgramStart::check_name(const std::string& subject, std::string_view name, Missing missing, unsigned scripts) {
  const bool outer = std::exchange(by_path_, true);
  if (const auto found = in_path(name)) {
    check_program(fmt::format("{} ({})", subject, in_quotes(*found)), *found, scripts);
  } else {
    add(missing.kind, missing.path,
        fmt::format("{} in no directory of the image's PATH{}", missing.text,
                    is_path_certain() ? "" : ", as far as that is known"));
  }
  by_path_ = outer;
}

void ProgramStart::check_program(const std::string& subject, const std::string& path, unsigned scripts) {
  const auto found = walk_image_path(tree_, path);
  if (!expect_there(subject, path, found)) return;
  const auto before = findings_;
  judge(subject, found, scripts);
  if (out_.started) out_.started(found.place, found.inode, findings_ == before);
}

void ProgramStart::check_file(const std::string& subject, const std::string& path) {
  const auto found = walk_image_path(tree_, path);
  if (expect_there(subject, path, found)) may_run(subject, found, program_at(found.inode));
}

std::optional<Program> ProgramStart::program_at(InodeId inode) const {
  return tree_.inode(inode).type == EntryType::regular ? program_of_(inode) : std::nullopt;
}

bool ProgramStart::expect_there(const std::string& subject, const std::string& path, const ImagePath& found) {
  if (found.inode != kNone) return true;
  if (found.loops) {
    add("program-missing", path,
        fmt::format("{} leads nowhere: the link {} leads back to itself", subject, in_quotes(found.link)));
  } else if (!found.link.empty()) {
    add("program-missing", path,
        fmt::format("{} leads nowhere: {} is a link to {}, and {} is not in the image", subject, in_quotes(found.link),
                    in_quotes(found.link_target), in_quotes(found.place)));
  } else if (found.place != path) {
    add("program-missing", path,
        fmt::format("{} is not in the image: there is no {}", subject, in_quotes(found.place)));
  } else {
    add("program-missing", path, subject + " is not in the image");
  }
  return false;
}

bool ProgramStart::may_run(const std::string& subject, const ImagePath& found, const std::optional<Program>& program) {
  const auto& place = found.place;
  if (const auto point = hidden_below(place); !point.empty()) {
    add("program-hidden", place,
        fmt::format("{} is in {}, where the runtime mounts the host's", subject, in_quotes(point)));
    return false;
  }
  const Inode& file = tree_.inode(found.inode);
  if (file.type != EntryType::regular) {
    add("program-not-executable", place,
        subject + (file.type == EntryType::directory ? " is a directory" : " is no regular file"));
    return false;
  }
  if ((file.metadata.mode & 0111) == 0) {
    add("program-not-executable", place,
        fmt::format("{} is not executable (mode {:04o})", subject, file.metadata.mode));
    return false;
  }
  if (!found.closed.empty()) {
    const auto directory = tree_.resolve(found.closed, true);
    add("program-not-for-all", place,
        fmt::format("{} is in {}, which not every user may enter (mode {:04o})", subject, in_quotes(found.closed),
                    directory ? tree_.inode(*directory).metadata.mode : 0u));
    return false;
  }
  const bool script = program && program->kind == Program::Kind::script;
  const std::uint32_t needed = script ? 05 : 01;
  if ((file.metadata.mode & needed) != needed) {
    add("program-not-for-all", place,
        fmt::format("{} may not be {} by every user (mode {:04o})", subject,
                    (file.metadata.mode & 01) == 0 ? "executed" : "read", file.metadata.mode));
    return false;
  }
  return true;
}

void ProgramStart::judge(const std::string& subject, const ImagePath& found, unsigned scripts) {
  const auto program = program_at(found.inode);
  if (!may_run(subject, found, program) || !program) return;
  switch (program->kind) {
    case Program::Kind::neither:  // the runtime gives to the shell what the kernel does not know
      if (walk_image_path(tree_, kShell).inode == kNone) {
        add("program-interpreter", found.place,
            fmt::format("{} is no program of Linux and names no interpreter ('#!'), and there is no {} in "
                        "the image that would read it",
                        subject, in_quotes(kShell)));
      }
      return;
    case Program::Kind::elf: check_elf(subject, found.place, *program); return;
    case Program::Kind::script:
      if (program->line && scripts < kScripts) check_script(subject, found.place, *program->line, scripts);
      return;
  }
}

void ProgramStart::check_elf(const std::string& subject, const std::string& place, const Program& program) {
  if (!input_.architecture.empty() && !program.architecture.empty() &&
      !runs_on(input_.architecture, program.architecture)) {
    add("program-architecture", place, fmt::format("{} is for {}, the image for {}", subject, program.architecture,
                                                   in_quotes(input_.architecture)));
    return;
  }
  if (!program.line || program.line->empty() || !program.line->starts_with('/')) return;
  const auto loader = walk_image_path(tree_, *program.line);
  if (loader.inode != kNone) return;
  std::string why = "is not in the image";
  if (loader.loops) {
    why = fmt::format("leads nowhere: the link {} leads back to itself", in_quotes(loader.link));
  } else if (!loader.link.empty()) {
    why += fmt::format(": {} is a link to {}", in_quotes(loader.link), in_quotes(loader.link_target));
  }
  add("program-loader", place, fmt::format("{} needs the loader {}, which {}", subject, in_quotes(*program.line), why));
}

void ProgramStart::check_script(const std::string& subject, const std::string& place, std::string_view line,
                                unsigned scripts) {
  const auto text = trimmed(line);
  const auto blank = text.find_first_of(" \t");
  const auto interpreter = text.substr(0, blank);
  const auto argument = blank == std::string_view::npos ? std::string_view() : trimmed(text.substr(blank));
  const auto name = interpreter.substr(interpreter.rfind('/') + 1);
  if (interpreter.empty()) return;
  if (interpreter.ends_with('\r') || (argument.ends_with('\r') && (name == "env" || name.ends_with("sh")))) {
    add("program-interpreter", place,
        fmt::format("{} has a carriage return at the end of its first line {}, as text files of Windows do: no such "
                    "interpreter is found",
                    subject, in_quotes("#!" + std::string(line))));
    return;
  }
  if (!interpreter.starts_with('/')) {
    add("program-interpreter", place,
        fmt::format("{} names its interpreter {} by a path that is relative to where it is started", subject,
                    in_quotes(interpreter)));
    return;
  }
  if (walk_image_path(tree_, interpreter).inode == kNone) {
    add("program-interpreter", place, fmt::format("{} needs the interpreter {}, which is not in the image", subject,
                                                  in_quotes(interpreter)));
    return;
  }
  check_program(fmt::format("{} {}", interpreter_of(subject), in_quotes(interpreter)), std::string(interpreter),
                scripts + 1);
  if (name == "env" && !argument.empty()) check_env(subject, place, argument, scripts);
}

/// `#!/usr/bin/env NAME`, `#!/usr/bin/env -S NAME WORDS`.
void ProgramStart::check_env(const std::string& subject, const std::string& place, std::string_view argument,
                             unsigned scripts) {
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
  check_name(fmt::format("{} {}", interpreter_of(subject), in_quotes(argument)), argument,
             {"program-interpreter", place,
              fmt::format("{} needs the interpreter {}, which is", subject, in_quotes(argument))},
             scripts + 1);
}

}  // namespace sifkit
