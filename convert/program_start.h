// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sifkit/image_path.h>
#include <sifkit/runtime_check.h>

namespace sifkit {

/// The runtime mounts directories of the host there.
inline constexpr std::string_view kMountPoints[] = {"/dev", "/proc", "/sys", "/tmp", "/var/tmp"};

/// Parts between separators, empty ones too.
std::vector<std::string_view> split_at(std::string_view text, char separator);

/// Says why programs of an image do not start: it goes through links, interpreters and `env` as the kernel does.
class ProgramStart {
 public:
  ProgramStart(const layers::Tree& tree, const ProgramLookup& program_of, const RuntimeCheckInput& input,
               const RuntimeFindings& out);

  /// A finding, of this or of the caller.
  void add(std::string_view kind, const std::string& path, std::string text);
  /// How many there were of a loader or an interpreter that is not there.
  std::uint64_t unstartable() const noexcept { return unstartable_; }

  /// Says why `path` does not start, if it does not. `subject` is how a message calls it.
  void check_program(const std::string& subject, const std::string& path, unsigned scripts = 0);
  /// The same of a name without a slash, which is looked for in PATH. `missing` is told where it is not there; its text
  /// ends where the message says so.
  struct Missing {
    std::string_view kind;
    std::string path;
    std::string text;
  };
  void check_name(const std::string& subject, std::string_view name, Missing missing, unsigned scripts = 0);
  /// The same as far as the file goes, for one that something else reads.
  void check_file(const std::string& subject, const std::string& path);
  /// `line` is the first one behind "#!", `place` where the script is.
  void check_script(const std::string& subject, const std::string& place, std::string_view line, unsigned scripts = 0);

 private:
  std::optional<std::string> in_path(std::string_view name);
  void read_path();
  bool is_path_certain() const noexcept { return input_.path_certain && path_.whole; }
  std::optional<Program> program_at(layers::InodeId inode) const;
  bool expect_there(const std::string& subject, const std::string& path, const ImagePath& found);
  bool may_run(const std::string& subject, const ImagePath& found, const std::optional<Program>& program);
  void judge(const std::string& subject, const ImagePath& found, unsigned scripts);
  void check_elf(const std::string& subject, const std::string& place, const Program& program);
  void check_env(const std::string& subject, const std::string& place, std::string_view argument, unsigned scripts);

  const layers::Tree& tree_;
  const ProgramLookup& program_of_;
  const RuntimeCheckInput& input_;
  const RuntimeFindings& out_;
  const SearchPath path_;  ///< as text, in which `directories_` are
  std::vector<std::string_view> directories_;  ///< of PATH, each once
  std::unordered_map<std::string_view, std::vector<std::size_t>> names_;  ///< where in `directories_` they are
  std::unordered_map<std::string, std::optional<std::string>> found_;     ///< by names that have been asked for
  bool path_read_ = false;
  bool by_path_ = false;  ///< what is looked at has been found through PATH, or has not
  std::uint64_t findings_ = 0;
  std::uint64_t unstartable_ = 0;
};

}  // namespace sifkit
