// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/layers/tree.h>

#include "programs.h"

namespace sifkit::check {

/// What the dynamic loaders of an image read beside programs.
struct LoaderFiles {
  std::string cache;                      ///< /etc/ld.so.cache, its bytes; "" for none
  std::string musl_path;                  ///< /etc/ld-musl-*.path
  std::vector<std::string> library_path;  ///< LD_LIBRARY_PATH, as the container has it
};

/// Finds libraries as the loader of the image would, glibc's or musl's.
class Loader {
 public:
  static constexpr std::uint64_t kMaxLookups = 10'000'000;  ///< of names, in all that is asked; of some 10 s

  Loader(const layers::Tree& tree, const Programs& programs, LoaderFiles files, std::uint64_t most = kMaxLookups);

  /// Something that keeps a program from starting.
  struct Missing {
    std::string library;    ///< a name, or the library that is too old
    std::string version;    ///< of symbols that the library does not have; "" where the library is not there
    std::string needed_by;  ///< path
    std::string level;      ///< "x86-64-v3": the library is there for processors of this level alone
    std::string fault;      ///< "'/lib/x.so' is no ELF file": why the library that is there is not taken
  };
  enum class Reach : std::uint8_t {
    whole,  ///< with what its libraries need, and theirs
    own     ///< what the file itself needs
  };
  /// What a program, or a library by itself, would miss; each library once, with the newest of its versions. Nothing
  /// once all look-ups are spent.
  std::vector<Missing> missing(const std::string& path, layers::InodeId inode, Reach reach = Reach::whole) const;

  /// Whether more was asked than is looked up.
  bool is_spent() const noexcept { return spent_; }

  /// The image's own libc.so.6; kNone where there is none.
  layers::InodeId glibc(std::string_view architecture) const;

 private:
  struct Loaded {
    std::string place;  ///< path without links
    const ElfObject* object;
    std::size_t by;  ///< index of what it was loaded for
  };
  struct Found {
    std::string place;
    layers::InodeId inode = layers::kNone;
    std::string level = {};  ///< of processors that the loader takes it for; "" for all
    std::string fault = {};  ///< why it ends the search and the start
  };

  bool spend() const;
  void read_cache();
  bool is_of_musl(const ElfObject& program) const;
  Found search(const std::string& name, const std::vector<Loaded>& loaded, std::size_t by, bool musl) const;
  Found at(const std::string& path, std::string_view architecture) const;
  Found in_directory(const std::string& directory, const std::string& name, std::string_view architecture,
                     bool musl) const;
  Found in_cache(const std::string& name, std::string_view architecture) const;
  Found read_cached(const std::string& name, std::string_view architecture) const;
  Found in_list(std::string_view list, const std::string& name, const Loaded& origin,
                std::string_view architecture, bool musl) const;
  std::vector<std::string> default_directories(std::string_view architecture) const;

  /// Names in the text of the cache, of which many can be at one place.
  using Cache = std::multimap<std::string_view, std::string_view>;

  const layers::Tree& tree_;
  const Programs& programs_;
  const LoaderFiles files_;
  Cache cache_;
  Cache cache_of_levels_;  ///< entries for some processors only
  struct Cached {
    Found found;
    std::string closed;  ///< as `closed_`
  };
  mutable std::map<std::pair<std::string, std::string_view>, Cached> cached_;  ///< by name and architecture
  mutable std::uint64_t left_;  ///< look-ups
  mutable bool spent_ = false;
  mutable std::string closed_;  ///< of the search under way: the first file that not every user may read, and why
};

/// Whether a library may come from the host, with its driver.
bool is_of_driver(std::string_view library) noexcept;

}  // namespace sifkit::check
