// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/sbom.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/image_path.h>
#include <sifkit/layers/walk.h>
#include <sifkit/sif/image.h>

#include "catalogers.h"
#include "file_requests.h"
#include "rpm.h"

namespace sifkit::sbom {

using namespace layers;

namespace {

constexpr std::uint64_t kMaxDatabase = 1u << 30;   ///< of a package manager
constexpr std::uint64_t kMaxDocument = 32u << 20;  ///< of one package
constexpr std::uint64_t kMaxProgram = 1u << 30;
constexpr std::uint64_t kMaxArchive = 1u << 30;
constexpr std::uint64_t kMaxInflated = 2ull << 30;     ///< of all Java archives together
constexpr std::uint64_t kMaxReadAgain = 256ull << 20;  ///< for further names of files that say other things under each

constexpr std::string_view kJavaClasses[] = {"lib/modules", "jre/lib/rt.jar", "lib/rt.jar"};

using Part = FileRequests::Part;

bool is_program_name(std::string_view name) {
  return name.ends_with(".so") || name.find(".so.") != std::string_view::npos || name.ends_with(".node");
}

/// Places of package managers that are one for a whole system. A site may have moved any of them behind a link.
constexpr std::string_view kKnownPlaces[] = {
    "lib/apk/db",     "usr/lib/opkg",     "usr/lib/sysimage/rpm", "usr/share/rpm",        "var/db/pkg",
    "var/lib/dpkg",   "var/lib/opkg",     "var/lib/pacman/local", "var/lib/rpm",          "var/lib/rpmmanifest",
    "var/lib/dpkg/status", "usr/lib/opkg/status", "var/lib/opkg/status", "lib/apk/db/installed",
    "var/lib/dpkg/status.d", "var/lib/rpmmanifest/container-manifest-2"};

/// Chooses the files that say what packages there are, and has them read.
class Cataloger {
 public:
  Cataloger(OpenedFileSystem& image, const OperationContext& operation, WarningList& warnings,
            const std::function<bool(std::string_view)>& counts)
      : tree_(image.tree()), files_(image.files()), operation_(operation), counts_(counts), found_(warnings) {}

  Inventory run() {
    request_os_release();
    find_linked_places();
    walk(tree_, Tree::kRoot, [&](const WalkedName& name) {
      const Inode& inode = tree_.inode(name.inode);
      if (inode.type == EntryType::directory) return enters(name.path, name.inode);
      if (inode.type == EntryType::regular && inode.size != 0) choose(std::string(name.path), name.inode);
      return false;
    });
    for (auto& [directory, database] : rpm_) {
      if (database.counts) request_rpm(directory, database);
    }
    requests_.read(files_, operation_);
    read_sqlite();
    Inventory out;
    out.distribution = found_.distribution;
    out.packages = found_.packages();
    return out;
  }

 private:
  /// Where rpm's files lie; the last of them counts.
  struct RpmFiles {
    InodeId sqlite = kNone, log = kNone, ndb = kNone, hash = kNone;
    bool counts = false;  ///< one of them does
  };

  void request_os_release() {
    for (const char* path : {"etc/os-release", "usr/lib/os-release"}) {
      const auto inode = tree_.resolve(path, true);
      if (!inode || tree_.inode(*inode).type != EntryType::regular) continue;
      request("os-release", path, *inode, kMaxDocument, Part::whole,
              [this](ByteView bytes) { found_.distribution = read_os_release(as_text(bytes)); });
      return;
    }
  }

  /// A walk meets a file at its path without links alone, so once.
  void find_linked_places() {
    for (const auto known : kKnownPlaces) {
      const auto found = walk_image_path(tree_, known);
      if (found.inode == kNone || found.place.size() < 2) continue;
      const auto real = found.place.substr(1);
      if (real != known && std::find(std::begin(kKnownPlaces), std::end(kKnownPlaces), real) == std::end(kKnownPlaces))
        linked_places_.try_emplace(real, known);
    }
  }

  /// The path under which a package manager finds a file.
  std::string known_path(const std::string& path) const {
    if (linked_places_.empty()) return path;
    for (auto end = path.size(); end != std::string::npos && end != 0; end = path.rfind('/', end - 1)) {
      const auto found = linked_places_.find(std::string_view(path).substr(0, end));
      if (found != linked_places_.end()) return std::string(found->second) + path.substr(end);
    }
    return path;
  }

  /// The packages that conda keeps to install them once more are not installed.
  bool enters(std::string_view path, InodeId directory) const {
    if (path != "pkgs" && !path.ends_with("/pkgs")) return true;
    if (tree_.resolve(std::string(path.substr(0, path.size() - 4)) + "conda-meta", true)) return false;
    if (tree_.find(directory, "urls.txt") != kNone) return false;
    // Of a root of micromamba, which has environments alone.
    for (auto name = tree_.inode(directory).first_child; name != kNone; name = tree_.next_sibling(name)) {
      if (tree_.resolve(fmt::format("{}/{}/info/index.json", path, tree_.text_of(name)), false)) return false;
    }
    return true;
  }

  template <class Parse>
  void request(std::string_view kind, const std::string& path, InodeId inode, std::uint64_t limit, Part part,
               Parse parse) {
    if (const auto size = tree_.inode(inode).size; size > limit) {
      if (part == Part::whole) {
        found_.read(kind, path,
                    [&] { throw Error(ErrorKind::limit, fmt::format("{} bytes, expected at most {}", size, limit)); });
      }
      return;
    }
    requests_.add(inode, part,
                  [this, kind, path, parse](ByteView bytes) { found_.read(kind, path, [&] { parse(bytes); }); });
  }

  /// The same of a file that says the same under each of its names, of which an image may have any number: it is parsed
  /// once. All that ask with a kind have one `parse`.
  template <class Parse>
  void request_once(std::string_view kind, const std::string& path, InodeId inode, std::uint64_t limit, Parse parse) {
    if (tree_.inode(inode).size > limit) return request(kind, path, inode, limit, Part::whole, [](ByteView) {});
    auto& names = names_[{kind, inode}];
    names.push_back(path);
    if (names.size() != 1) return;
    requests_.add(inode, Part::whole, [this, kind, &names, parse](ByteView bytes) {
      found_.read_once(kind, names, [&] { parse(as_text(bytes), found_); });
    });
  }

  template <class Parse>
  void document(std::string_view kind, const std::string& path, InodeId inode, Parse parse) {
    request_once(kind, path, inode, kMaxDocument, parse);
  }

  /// The path says something, too.
  template <class Parse>
  void document_at(std::string_view kind, const std::string& path, InodeId inode, Parse parse) {
    const auto size = tree_.inode(inode).size;
    if (!read_at_.insert(inode).second && size <= kMaxDocument) {
      if (size > read_again_) {
        found_.read(kind, path, [] {
          throw Error(ErrorKind::limit,
                      fmt::format("files of several names would have more than {} bytes read again", kMaxReadAgain));
        });
        return;
      }
      read_again_ -= size;
    }
    request(kind, path, inode, kMaxDocument, Part::whole,
            [this, parse, path](ByteView bytes) { parse(as_text(bytes), path, found_); });
  }

  void request_program(const std::string& path, InodeId inode) {
    if (tree_.inode(inode).size > kMaxProgram) return;
    auto& names = names_[{"program", inode}];
    names.push_back(path);
    if (names.size() != 1) return;
    requests_.add_program(inode, [this, &names](ByteView bytes, const ElfFile::Fetch& fetch) {
      found_.read_once("program", names, [&] { read_program(bytes, fetch, found_); });
    });
  }

  void request_archive(const std::string& path, InodeId inode) {
    if (tree_.inode(inode).size > kMaxArchive)
      return request("java", path, inode, kMaxArchive, Part::whole, [](ByteView) {});
    auto& names = archives_[inode];
    names.push_back(path);
    if (names.size() != 1) return;
    requests_.add(inode, Part::whole, [this, &names](ByteView bytes) {
      const auto archive = read_java(bytes, inflated_);
      for (const auto& name : names) found_.read("java", name, [&] { archive(name, found_); });
    });
  }

  void choose(const std::string& path, InodeId inode) {
    const auto slash = path.rfind('/');
    const std::string_view name = std::string_view(path).substr(slash + 1);
    const std::string_view directory =
        slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash);
    const bool counts = !counts_ || counts_(path);
    const auto known = known_path(path);
    const auto known_directory = std::string_view(known).substr(0, std::min(known.rfind('/'), known.size()));
    if (known_directory == "usr/lib/sysimage/rpm" || known_directory == "var/lib/rpm" ||
        known_directory == "usr/share/rpm") {
      note_rpm(rpm_[std::string(directory)], name, inode, counts);
    }
    if (!counts) return;
    choose_database(path, known, inode);
    choose_document(path, directory, name, inode);
    if ((tree_.inode(inode).metadata.mode & 0111) != 0 || is_program_name(name)) request_program(path, inode);
  }

  void choose_database(const std::string& path, const std::string& known, InodeId inode) {
    const auto directory = std::string_view(known).substr(0, std::min(known.rfind('/'), known.size()));
    const auto name = std::string_view(known).substr(known.rfind('/') + 1);
    const auto database = [&](std::string_view kind, auto parse) {
      request_once(kind, path, inode, kMaxDatabase, parse);
    };
    if (known == "var/lib/dpkg/status") {
      request("dpkg", path, inode, kMaxDatabase, Part::whole,
              [this](ByteView bytes) { read_dpkg(as_text(bytes), false, found_); });
    } else if (directory == "var/lib/dpkg/status.d" && !name.ends_with(".md5sums")) {
      database("dpkg", [](auto text, auto& out) { read_dpkg(text, true, out); });
    } else if (known == "usr/lib/opkg/status" || known == "var/lib/opkg/status") {
      database("opkg", read_opkg);
    } else if (known == "lib/apk/db/installed" || known.ends_with("/lib/apk/db/installed")) {
      database("apk", read_apk);
    } else if (known.starts_with("var/lib/pacman/local/") && name == "desc") {
      database("pacman", read_pacman);
    } else if (known.starts_with("var/db/pkg/") && name == "PF") {
      document_at("portage", path, inode,
                  [known](auto text, const auto&, auto& out) { read_portage(text, known, out); });
    } else if (known == "var/lib/rpmmanifest/container-manifest-2") {
      database("rpm", read_rpm_manifest);
    }
  }

  /// A database and its log are one, so either of them lets both count.
  static void note_rpm(RpmFiles& files, std::string_view name, InodeId inode, bool counts) {
    for (const auto& [of_rpm, place] : {std::pair("rpmdb.sqlite", &files.sqlite), std::pair("rpmdb.sqlite-wal", &files.log),
                                        std::pair("Packages.db", &files.ndb), std::pair("Packages", &files.hash)}) {
      if (name != of_rpm) continue;
      *place = inode;
      files.counts = files.counts || counts;
    }
  }

  void choose_document(const std::string& path, std::string_view directory, std::string_view name, InodeId inode) {
    const auto parent = directory.substr(directory.rfind('/') + 1);
    // Bundled for a package's own use; the rest of an uninstallation.
    const bool installed = directory.find("/_vendor/") == std::string_view::npos && !parent.starts_with('~');
    if ((name == "METADATA" && parent.ends_with(".dist-info")) ||
        (name == "PKG-INFO" && (parent.ends_with(".egg-info") || parent == "EGG-INFO")) ||
        name.ends_with(".egg-info")) {
      if (installed) document("python", path, inode, read_python);
    } else if (parent == "conda-meta" && name.ends_with(".json")) {
      document("conda", path, inode, read_conda);
    } else if (name == "package.json" && is_module(directory)) {
      document("npm", path, inode, read_npm);
    } else if (name == "DESCRIPTION") {
      document_at("r", path, inode, read_r);
    } else if ((name == "Project.toml" || name == "JuliaProject.toml") && is_julia_package(directory)) {
      document("julia", path, inode, read_julia);
    } else if (name == "spec.json" && parent == ".spack") {
      document("spack", path, inode, read_spack);
    } else if (name.ends_with(".eb") && parent == "easybuild") {
      document_at("easybuild", path, inode, read_easybuild);
    } else if (name == "release" && is_java_runtime(directory)) {
      document("java", path, inode, read_java_release);
    } else if (is_java_archive(name)) {
      request_archive(path, inode);
    }
  }

  /// packages/NAME/SLUG of a depot; a package may have others in it, which it brings for itself.
  static bool is_julia_package(std::string_view directory) {
    for (int i = 0; i < 2; ++i) directory = directory.substr(0, std::min(directory.rfind('/'), directory.size()));
    return directory == "packages" || directory.ends_with("/packages");
  }

  /// Java 8 has its classes in an archive.
  bool is_java_runtime(std::string_view directory) const {
    return std::any_of(std::begin(kJavaClasses), std::end(kJavaClasses),
                       [&](auto classes) { return tree_.resolve(fmt::format("{}/{}", directory, classes), true); });
  }

  /// Whether a directory is where node looks for a module: node_modules/NAME or node_modules/@SCOPE/NAME.
  static bool is_module(std::string_view directory) {
    auto above = directory.substr(0, std::min(directory.rfind('/'), directory.size()));
    auto last = above.substr(above.rfind('/') + 1);
    if (last.starts_with('@')) {
      above = above.substr(0, std::min(above.rfind('/'), above.size()));
      last = above.substr(above.rfind('/') + 1);
    }
    return last == "node_modules";
  }

  /// As rpm chooses: what another of its containers has left behind is not looked at.
  void request_rpm(const std::string& directory, const RpmFiles& database) {
    if (database.sqlite != kNone) {
      const auto path = directory + "/rpmdb.sqlite";
      request("rpm", path, database.sqlite, kMaxDatabase, Part::whole,
              [this, path](ByteView bytes) { sqlite_[path].first.assign(bytes.begin(), bytes.end()); });
      if (database.log != kNone) {
        request("rpm", path + "-wal", database.log, kMaxDatabase, Part::whole,
                [this, path](ByteView bytes) { sqlite_[path].second.assign(bytes.begin(), bytes.end()); });
      }
    } else if (database.ndb != kNone || database.hash != kNone) {
      const bool ndb = database.ndb != kNone;
      request("rpm", directory + (ndb ? "/Packages.db" : "/Packages"), ndb ? database.ndb : database.hash, kMaxDatabase,
              Part::whole, [this](ByteView bytes) {
                for_each_rpm_header(bytes, [this](ByteView header) { read_rpm_header(header, found_); });
              });
    }
  }

  /// When both the database and its log have been read.
  void read_sqlite() {
    for (const auto& each : sqlite_) {
      const auto& bytes = each.second;
      found_.read("rpm", each.first, [&] {
        for_each_sqlite_header(bytes.first, bytes.second, [this](ByteView header) { read_rpm_header(header, found_); });
      });
    }
  }

  const Tree& tree_;
  FileSystem& files_;
  const OperationContext& operation_;
  const std::function<bool(std::string_view)>& counts_;
  Findings found_;
  FileRequests requests_;
  std::map<std::pair<std::string_view, InodeId>, std::vector<std::string>> names_;  ///< by kind and file
  std::map<InodeId, std::vector<std::string>> archives_;                            ///< Java's, and their names
  std::map<std::string, std::string_view, std::less<>> linked_places_;  ///< to the known ones that lead there
  std::set<InodeId> read_at_;
  std::uint64_t read_again_ = kMaxReadAgain;
  std::uint64_t inflated_ = kMaxInflated;
  std::map<std::string, RpmFiles> rpm_;
  std::map<std::string, std::pair<Bytes, Bytes>> sqlite_;
};

}  // namespace

Inventory take_inventory(OpenedFileSystem& image, const OperationContext& operation, WarningList& warnings,
                         const std::function<bool(std::string_view path)>& counts) {
  Inventory out = Cataloger(image, operation, warnings, counts).run();
  if (const auto* sif = image.sif()) {
    const auto* partition = sif->primary_partition();
    if (partition != nullptr && partition->partition()) out.architecture = partition->partition()->architecture;
    if (sif->header().created != sif::kNoTime) out.created = sif->header().created;
  } else if (image.image() != nullptr) {
    const auto& config = image.image()->config();
    out.architecture = config.platform.architecture;
    out.created = config.created_seconds;
  }
  if (out.architecture == "unknown") out.architecture.clear();
  return out;
}

}  // namespace sifkit::sbom
