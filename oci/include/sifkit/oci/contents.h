// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/file_kind.h>

namespace sifkit::oci {

/// What a tar archive or a directory is by the names in it.
enum class ContentsKind : std::uint8_t {
  docker_archive, oci_layout, skopeo_dir, rootfs,  // what is read
  old_docker,  ///< of Docker before 1.10
  cut,         ///< parts of images without the document that lists them
  wrapped,     ///< one of those above inside a directory of its own
  beside,      ///< one of those above inside a directory, and more beside that
  packed,      ///< archives or images, and little else
  mixed,       ///< parts of images beside a root file system
  other, nothing,
};

SIFKIT_API std::span<const ContentsKind> contents_kinds() noexcept;

/// In an archive or in a directory. A hint may hold the words DIRECTORY and FILE, which `ContentsVerdict::hint` replaces.
SIFKIT_API const KindWords& words_of(ContentsKind kind, bool directory) noexcept;

struct ContentsVerdict {
  ContentsKind kind = ContentsKind::nothing;
  std::string detail;  ///< what told it, where that helps
  std::string inner;   ///< the directory, the file or the name that a hint is about

  SIFKIT_API std::string hint(bool directory) const;
};

/// Collects names and says what they are together: the one rule for archives, directories and streams. The order of names
/// does not count. Memory is bounded.
class SIFKIT_API ContentsSurvey {
 public:
  enum class Type : std::uint8_t { regular, directory, other };

  ContentsSurvey() : levels_(1) {}

  /// Whether `add` can use the first bytes of this file.
  bool wants_head(std::string_view path, Type type, bool executable) const;
  /// `head` may be empty; kHeadBytes are enough.
  void add(std::string_view path, Type type, bool executable, ByteView head);

  static constexpr std::size_t kHeadBytes = 2048;

  /// A root file system has such a name at its top. It is one unless parts of images are there, too.
  bool has_root() const noexcept { return !levels_[0].root.empty(); }
  /// A layer, a blob or a configuration by the name that archives of images give it.
  bool has_part() const noexcept { return !levels_[0].part.empty(); }

  /// Whether there is a program that makes a root of all else that is there.
  bool has_program() const noexcept;
  /// Whether a program of that path may do so.
  static bool is_near(std::string_view path);
  /// The one directory that everything so far is in, `depth` levels down; empty where there is none.
  std::string only_directory(std::size_t depth) const;
  static constexpr std::size_t kMaxLevels = 3;  ///< looked at

  /// Whether the verdict would be the same without any file's contents.
  bool tells_by_names() const;

  ContentsVerdict verdict() const;

 private:
  /// What is known of the names below one directory: the top, or the only one in it, or the only one in that.
  struct Level {
    std::vector<std::string> names;  ///< the first few
    bool more = false;
    bool only_directory = false;
    std::string root;
    std::uint32_t root_names = 0;  ///< which of them are there, a bit each
    std::string part;
    bool blobs = false;
    bool bare_blob = false;
    bool docker_config = false;
    bool legacy_json = false;
    bool manifest = false;
    char manifest_start = '\0';
    bool lone_list = false;  ///< a manifest or an index of OCI by its own first bytes
    bool index = false;
    bool layout = false;
    bool version = false;
    bool repositories = false;
    bool config = false;   ///< config.json
    bool project = false;   ///< a name that is at the top of sources
    bool personal = false;  ///< one that is at the top of a home directory
  };

  /// A file that somebody may have packed by mistake.
  struct Packed {
    std::string path;
    FileKind kind = FileKind::unknown;
  };

  static constexpr std::size_t kMaxDirectories = 1024;  ///< at the top, of which the names below are noted
  static constexpr std::size_t kMaxNameBytes = 255;     ///< of a name below one of those: no file system has longer ones
  static constexpr std::size_t kMaxProgramDepth = 3;    ///< words in the path of a program that makes a root alone
  static constexpr std::size_t kMaxSniffed = 16;        ///< files, the first ones, of which the kind is looked at

  static void note(Level& level, std::span<const std::string_view> path, Type type, ByteView head);
  static std::optional<ContentsVerdict> of_level(const Level& level);
  bool is_meant(const std::string& name, const Level& level, ContentsKind kind) const;
  std::optional<ContentsVerdict> by_names() const;
  std::optional<ContentsVerdict> by_directories() const;
  std::optional<ContentsVerdict> by_packed() const;
  static std::string names_of(const Level& level);

  std::vector<Level> levels_;
  std::map<std::string, Level, std::less<>> below_;  ///< the names below each directory at the top
  std::uint64_t files_ = 0;
  std::vector<Packed> packed_;
  std::string climbing_;  ///< a name that leads out
  bool others_ = false;   ///< links, devices
  std::string program_;
};

}  // namespace sifkit::oci
