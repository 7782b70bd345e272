// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// What the kernel makes of a file that is to be run.
struct Program {
  enum class Kind : std::uint8_t { elf, script, neither };
  Kind kind = Kind::neither;
  std::string_view architecture;  ///< of an ELF file; "" where it is for a machine that is not known
  std::optional<std::string_view>
      line;  ///< ELF: its loader, "" for none; script: its first line behind "#!". Nothing: not known
};

/// What a regular file is; nothing where that is not known. What its views name lives as long as the check.
using ProgramLookup = std::function<std::optional<Program>(layers::InodeId)>;

/// The first line of a script behind its "#!", or nothing where it is longer than the kernel reads. `start`, the first
/// bytes of the file, begins so.
SIFKIT_API std::optional<std::string> script_line(ByteView start);

/// Whether a machine of an image's architecture runs programs of another.
SIFKIT_API bool runs_on(std::string_view image, std::string_view program);

/// The directories that the runtime adds to the PATH of every container.
inline constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where a container looks for programs.
struct SearchPath {
  /// Directories of PATH that are looked into. More than a few dozen are no image's; each may lead through many links.
  static constexpr std::size_t kMaxDirectories = 512;

  std::string text;   ///< the directories of PATH, then those of the runtime, each once
  bool whole = true;  ///< else PATH has more directories than are looked into
};
/// The last PATH of `env` (NAME=VALUE) counts.
SIFKIT_API SearchPath search_path(const std::vector<std::string>& env);

/// What `check_runtime` is told of an image beside its files.
struct RuntimeCheckInput {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;  ///< NAME=VALUE; the last of a name counts
  bool path_certain = true;      ///< PATH is what `env` says; else something that is not known may add to it
  std::string working_dir;
  std::string runscript;     ///< the script that the runtime starts the command by, which needs no shell; "" for none
  std::string architecture;  ///< of the image; "" where nothing is to be said of it
  bool expects_program = false;  ///< one that has none is odd: nobody has said that it is a root file system
  bool configured = false;   ///< the image has a configuration, so that to start nothing is odd
  std::size_t layers = 0;
  std::vector<layers::Flattener::ReplacedLink> replaced_links;
};

/// Takes what a check finds.
struct RuntimeFindings {
  /// `path` is the file that it is about, "" for none.
  std::function<void(std::string_view kind, const std::string& path, std::string text)> add;
  /// What is so only where PATH is what the input says, if that is not certain; nobody is told where this is not set.
  std::function<void(std::string_view kind, const std::string& path, std::string text)> uncertain = {};
  /// For each file that is started, where that is asked: its path without links, and whether nothing was found.
  std::function<void(const std::string& place, layers::InodeId inode, bool sound)> started = {};
};

/// Warns of what works, or would be found at once, in Docker and fails when a runtime of SIF files starts the
/// container: as an ordinary user, in a directory of the host, with the host's own directories over some of the
/// image's. Never of what works.
SIFKIT_API void check_runtime(const layers::Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
                              WarningList& warnings);
SIFKIT_API void check_runtime(const layers::Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
                              const RuntimeFindings& out);

class ProgramStart;

/// The same of scripts by themselves, each as "it": that its interpreter, or what `env` is to start, is not there or
/// does not start. All that it is made of outlives it.
class SIFKIT_API ScriptCheck {
 public:
  ScriptCheck(const layers::Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
              const RuntimeFindings& out);
  ~ScriptCheck();

  /// `line` is the script's first one behind "#!", `place` its path.
  void check(const std::string& place, std::string_view line);

 private:
  std::unique_ptr<ProgramStart> start_;
};

}  // namespace sifkit
