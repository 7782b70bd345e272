// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// Changes files of a finished tree. Paths are relative to its root; links on the way are followed inside the root.
/// Owner 0:0, one time for all. Not thread safe.
class TreeEdit {
 public:
  TreeEdit(layers::Tree& tree, layers::ContentSink& sink, std::uint32_t mtime)
      : tree_(tree), sink_(sink), mtime_(mtime) {}

  /// What stands under the name itself, a link not followed; kNone where nothing does.
  layers::InodeId look_up(std::string_view path) const;

  /// What of the image keeps a regular file from being put under a path. Paths are without a leading slash.
  struct Obstacle {
    std::string path;         ///< the file's own or that of a directory on the way
    std::string description;  ///< "is a link to 'x'"
    std::string removable;    ///< what to leave out to be rid of it: the first link on the way, where there is one
  };
  std::optional<Obstacle> obstacle(std::string_view path) const;

  /// Throws unsupported for an obstacle; `what` is to be put there ("the new file").
  void expect_room(std::string_view path, std::string_view what) const;
  /// The same for a directory, for which one that is there is no obstacle; a link to one is.
  void expect_directory(std::string_view path, std::string_view what) const;

  /// `mkdir -p` with mode 0755; there is no `obstacle` on the way. Anything that is there under the last name stays.
  void ensure_directory(std::string_view path);

  /// Creates or rewrites a regular file; there is no `obstacle`.
  void put_file(std::string_view path, std::uint32_t mode, std::string_view text);
  /// The same with bytes that are in the sink already.
  void put_content(std::string_view path, std::uint32_t mode, layers::ContentId content, std::uint64_t size);

  /// Creates a link or replaces another link of the name; anything else of the name stays.
  void put_symlink(std::string_view path, std::string_view target);

  /// Takes the name of a regular file or a link away; anything else of the name stays.
  void remove_file(std::string_view path);

  /// Moves a name into another directory.
  void move(std::string_view from, std::string_view to);

 private:
  struct Place {
    layers::InodeId directory = layers::kNone;
    std::string_view name;
  };

  /// The directory that holds the last component; created where components are missing, when `create` is set.
  Place place_of(std::string_view path, bool create);
  layers::InodeId make_directory(layers::InodeId parent, std::string_view name);
  layers::ContentId store(std::string_view text);

  layers::Tree& tree_;
  layers::ContentSink& sink_;
  std::uint32_t mtime_;
};

}  // namespace sifkit
