// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
  one_file,    ///< an archive or an image, and nothing else
  mixed,       ///< parts of images beside a root file system
  other, nothing,
};

SIFKIT_API std::span<const ContentsKind> contents_kinds() noexcept;

/// In an archive or in a directory. A hint may hold the words DIRECTORY and FILE, which `ContentsVerdict::hint` replaces.
SIFKIT_API const KindWords& words_of(ContentsKind kind, bool directory) noexcept;

struct ContentsVerdict {
  ContentsKind kind = ContentsKind::nothing;
  std::string detail;  ///< what told it, where that helps
  std::string inner;   ///< the directory or file that a hint names

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

  bool has_program() const noexcept { return !program_.empty(); }
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
    std::string part;
    bool blobs = false;
    bool bare_blob = false;
    bool docker_config = false;
    bool legacy_json = false;
    bool manifest = false;
    char manifest_start = '\0';
    bool index = false;
    bool layout = false;
    bool version = false;
    bool repositories = false;
  };

  static void note(Level& level, std::span<const std::string_view> path, Type type, ByteView head);
  static std::optional<ContentsVerdict> of_level(const Level& level);
  std::optional<ContentsVerdict> by_names() const;
  static std::string names_of(const Level& level);

  std::vector<Level> levels_;
  std::uint64_t files_ = 0;
  std::string file_;  ///< the first one
  FileKind file_kind_ = FileKind::unknown;
  bool others_ = false;  ///< links, devices
  std::string program_;
};

}  // namespace sifkit::oci
