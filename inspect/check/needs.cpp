// SPDX-License-Identifier: Apache-2.0
#include "needs.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "processor.h"
#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

/// Counts machines, and names the one of most.
class Majority {
 public:
  void add(const ElfObject* object) {
    if (object != nullptr && !object->architecture.empty()) ++counts_[object->architecture];
  }
  std::string_view of_most() const {
    const auto most = std::max_element(counts_.begin(), counts_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == counts_.end() ? std::string_view() : most->first;
  }

 private:
  std::map<std::string_view, std::size_t> counts_;
};

bool is_of_libc(std::string_view name) {
  return name == "libc.so.6" || is_glibc_loader(name) || name.starts_with("ld-musl-");
}

std::string as_do_others(std::size_t count) {
  return count == 1 ? std::string() : fmt::format(", as {} more {}", count - 1, count == 2 ? "does" : "do");
}

}  // namespace

std::vector<ImagePath> programs_on_path(const Tree& tree, std::string_view path) {
  std::vector<ImagePath> out;
  std::set<std::string> directories;
  std::set<InodeId> seen;
  for (const auto& directory : split(path, ':')) {
    const auto found = walk_image_path(tree, directory);
    if (found.inode == kNone || tree.inode(found.inode).type != EntryType::directory ||
        !directories.insert(found.place).second)
      continue;
    for (const NameId name : tree.sorted_children(found.inode)) {
      auto program = walk_image_path(tree, fmt::format("{}/{}", found.place, tree.text_of(name)));
      if (program.inode == kNone || tree.inode(program.inode).type != EntryType::regular) continue;
      if ((tree.inode(program.inode).metadata.mode & 0111) == 0 || !seen.insert(program.inode).second) continue;
      out.push_back(std::move(program));
    }
  }
  return out;
}

std::string_view architecture_of_programs(const Tree& tree, const Programs& programs, const ProgramPlaces& places) {
  Majority on_path;
  for (const auto& program : programs_on_path(tree, places.path)) on_path.add(programs.elf(program.inode));
  if (const auto most = on_path.of_most(); !most.empty()) return most;
  Majority of_libc;
  for (const auto& [name, place] : places.libraries) {
    if (is_of_libc(name)) of_libc.add(programs.elf(walk_image_path(tree, place).inode));
  }
  if (const auto most = of_libc.of_most(); !most.empty()) return most;
  Majority any;
  for (const auto& [inode, place] : places.files) any.add(programs.elf(inode));
  return any.of_most();
}

Needs::Needs(const Tree& tree, const Programs& programs, const Loader& loader, const ProgramPlaces& places,
             const Machine& machine, Findings& out)
    : tree_(tree), programs_(programs), loader_(loader), places_(places), machine_(machine), out_(out) {}

void Needs::look_at_started(const std::string& place, InodeId inode, bool sound) {
  if (!looked_at_.insert(inode).second || !sound) return;
  if (const auto* object = programs_.elf(inode)) look_at_program(place, inode, *object);
}

void Needs::look_at_path(const RuntimeCheckInput& input) {
  const ProgramLookup program_of = [this](InodeId inode) { return programs_.lookup(inode); };
  std::string place;
  const auto note = [&](std::string_view kind, const std::string&, std::string text) {
    // Packages bring scripts for interpreters that they only recommend. What is wrong with one that is there is told of
    // itself.
    if (kind == "program-interpreter") out_.add(kind, Severity::note, place, std::move(text));
  };
  const RuntimeFindings findings{.add = note, .uncertain = note};
  ScriptCheck scripts(tree_, program_of, input, findings);
  for (const auto& program : programs_on_path(tree_, places_.path)) {
    if (!looked_at_.insert(program.inode).second) continue;
    if (const auto* object = programs_.elf(program.inode)) look_at_program(program.place, program.inode, *object);
    const auto* line = programs_.script(program.inode);
    if (line == nullptr || !*line) continue;
    place = program.place;
    scripts.check(place, **line);
  }
  tell_of_loaders();
}

/// What dynamic loaders refuse on processors of the level that the C library needs. A loader takes nothing from
/// `glibc-hwcaps` that is not for the processor.
void Needs::note_level(const std::string& path, const ElfObject& object, bool started) {
  if (object.processor_level <= std::max(machine_.level, 1u) || path.find("/glibc-hwcaps/") != std::string::npos) return;
  auto& files = of_level_[{object.processor_level, !started}];
  if (files.second++ == 0) files.first = path;
}

void Needs::tell_of_levels() {
  for (const auto& [key, files] : of_level_) {
    const auto& [level, is_other] = key;
    const auto& [first, count] = files;
    out_.add("cpu-floor", is_other ? Severity::note : severity_of_level(level), first,
             fmt::format("it needs processors of the level {}{}", level_text(level), as_do_others(count)));
  }
}

void Needs::tell_of_loaders() {
  for (const auto& [loader, programs] : without_loader_) {
    const auto& [first, count] = programs;
    out_.add("program-loader", first,
             fmt::format("it needs the loader {}, which is not in the image{}", in_quotes(loader), as_do_others(count)));
  }
}

void Needs::look_at_program(const std::string& path, InodeId inode, const ElfObject& object) {
  const bool told = !machine_.foreign && !machine_.architecture.empty() && !object.architecture.empty();
  if (told && !runs_on(machine_.architecture, object.architecture)) {
    out_.add("program-architecture", Severity::warning, path,
             fmt::format("a program for {} in an image for {}", object.architecture,
                         printable(machine_.architecture)));
    return;
  }
  if (object.loader && object.loader->starts_with('/') && walk_image_path(tree_, *object.loader).inode == kNone) {
    auto& [first, count] = without_loader_[*object.loader];
    if (count++ == 0) first = path;
    return;
  }
  note_level(path, object, true);
  for (const auto& missing : loader_.missing(path, inode)) {
    if (!is_for_driver(missing, path)) tell(missing, Severity::error, path);
  }
}

void Needs::tell(const Loader::Missing& missing, Severity severity, const std::string& path) {
  const auto by = missing.needed_by == path ? std::string() : fmt::format(" for {}", in_quotes(missing.needed_by));
  const auto what = in_quotes(missing.library) + by;
  if (!missing.level.empty()) {
    out_.add("cpu-level", std::min(severity, Severity::warning), path,
             fmt::format("it needs {}, which is there for processors of the level {} alone", what,
                         in_quotes(missing.level)));
    return;
  }
  if (!missing.version.empty()) {
    out_.add("symbol-version", severity, path,
             fmt::format("it needs version {} of {}, which is older", in_quotes(missing.version), what));
    return;
  }
  if (!missing.fault.empty()) {
    out_.add("library-missing", severity, path, fmt::format("it needs {}, but {}", what, missing.fault));
    return;
  }
  const auto elsewhere = places_.libraries.find(missing.library);
  if (elsewhere == places_.libraries.end()) {
    out_.add("library-missing", severity, path, fmt::format("it needs {}, which is not in the image", what));
    return;
  }
  // A variable that is not known may lead there.
  out_.add("library-missing", machine_.certain ? severity : Severity::note, path,
           fmt::format("it needs {}, which is at {}, where the loader does not look", what,
                       in_quotes(elsewhere->second)));
}

/// Whether the host brings what is missing; that is said once of a library.
bool Needs::is_for_driver(const Loader::Missing& missing, const std::string& path) {
  const bool there = !missing.version.empty() || !missing.level.empty() || !missing.fault.empty();
  if (there || !is_of_driver(missing.library)) return false;
  if (drivers_.insert(missing.library).second)
    out_.add("needs-host-driver", path,
             fmt::format("it needs {}, which the host's driver brings", in_quotes(missing.library)));
  return true;
}

void Needs::look_at_others(const OperationContext& operation) {
  std::map<std::string, std::pair<Loader::Missing, std::string>> by_library;  // and the first that needs it
  std::vector<std::pair<std::string, InodeId>> order;
  for (const auto& [inode, path] : places_.files) {
    if (!looked_at_.contains(inode) && programs_.elf(inode) != nullptr) order.emplace_back(path, inode);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [path, inode] : order) {
    operation.check();
    if (programs_.elf(inode)->architecture != machine_.architecture) continue;
    note_level(path, *programs_.elf(inode), false);
    // What their libraries miss is told of these.
    for (const auto& missing : loader_.missing(path, inode, Loader::Reach::own)) {
      if (is_for_driver(missing, path)) continue;
      by_library.try_emplace(fmt::format("{}/{}/{}/{}", missing.library, missing.version, missing.level, missing.fault),
                             missing, path);
    }
  }
  tell_of_levels();
  for (const auto& [key, entry] : by_library) tell(entry.first, Severity::note, entry.second);
  if (loader_.is_spent())
    out_.add("library-missing", Severity::note, "",
             "not every program and library is judged: together they need more than is looked for");
}

}  // namespace sifkit::check
