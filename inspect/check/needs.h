// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/operation.h>
#include <sifkit/image_path.h>
#include <sifkit/runtime_check.h>

#include "findings.h"
#include "loader.h"
#include "programs.h"

namespace sifkit::check {

/// Where the files of an image are that are looked at as programs and libraries.
struct ProgramPlaces {
  std::string path;  ///< PATH
  std::map<std::string, std::string> libraries;  ///< the first place of each name of a library
  std::map<layers::InodeId, std::string> files;  ///< of what is looked at
};

/// Files that are found by their names, those of a directory after those of the one before it in PATH; each once.
std::vector<ImagePath> programs_on_path(const layers::Tree& tree, std::string_view path);

/// The machine that most programs are for: those on PATH, else the loaders and C libraries, else any; "" where there is
/// none.
std::string_view architecture_of_programs(const layers::Tree& tree, const Programs& programs,
                                          const ProgramPlaces& places);

/// Says what programs and libraries of an image need and do not have.
class Needs {
 public:
  struct Machine {
    std::string_view architecture;  ///< of the image; "" where it is not known
    bool foreign = false;           ///< the programs are for another machine, and that has been said
    bool certain = true;            ///< LD_LIBRARY_PATH is known
    unsigned level = 0;             ///< of x86-64, that the C library needs: it has been said
  };
  Needs(const layers::Tree& tree, const Programs& programs, const Loader& loader, const ProgramPlaces& places,
        const Machine& machine, Findings& out);

  /// A program that is started. Unless it is `sound`, why it does not start has been said.
  void look_at_started(const std::string& place, layers::InodeId inode, bool sound);
  /// Programs that are found by their names. `input` is that of `check_runtime`.
  void look_at_path(const RuntimeCheckInput& input);
  /// Programs and libraries elsewhere: whoever loads them may bring what they need, so nothing of this is certain.
  void look_at_others(const OperationContext& operation);

 private:
  void tell_of_loaders();
  void note_level(const std::string& path, const ElfObject& object, bool started);
  void tell_of_levels();
  void look_at_program(const std::string& path, layers::InodeId inode, const ElfObject& object);
  void tell(const Loader::Missing& missing, Severity severity, const std::string& path);
  bool is_for_driver(const Loader::Missing& missing, const std::string& path);

  const layers::Tree& tree_;
  const Programs& programs_;
  const Loader& loader_;
  const ProgramPlaces& places_;
  const Machine machine_;
  Findings& out_;
  std::set<layers::InodeId> looked_at_;
  std::map<std::string, std::pair<std::string, std::size_t>> without_loader_;  ///< the first program, how many
  std::set<std::string> drivers_;
  /// What needs a later level than the C library, started programs before others: the first file, how many.
  std::map<std::pair<unsigned, bool>, std::pair<std::string, std::size_t>> of_level_;
};

}  // namespace sifkit::check
