// SPDX-License-Identifier: Apache-2.0
//
// A directory as a source: what of its files goes into the tar stream.
#include <functional>
#include <map>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/file.h>
#include <sifkit/core/tar_reader.h>
#include <sifkit/oci/image.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct Read {
  std::map<std::string, TarMember> members;
  std::vector<Warning> warnings;
};

Read read_directory(const std::filesystem::path& path) {
  WarningList warnings;
  Read out;
  const auto image = oci::open_image(oci::Reference::parse("dir:" + path.string()), {}, warnings);
  const auto stream = image->open_layer(0);
  const Limits limits;
  TarReader reader(*stream, limits, warnings);
  while (auto member = reader.next()) {
    const auto name = member->name;
    out.members.emplace(name, std::move(*member));
  }
  out.warnings = warnings.listed();
  return out;
}

std::string xattr(const TarMember& member, const std::string& name) {
  for (const auto& [key, value] : member.xattrs) {
    if (key == name) return value;
  }
  return "(none)";
}

/// While it lives, what root runs runs as a user who may not read everything.
class AnyUser {
 public:
  AnyUser() { enter(); }
  ~AnyUser() { leave(); }
  AnyUser(const AnyUser&) = delete;
  AnyUser& operator=(const AnyUser&) = delete;

  void enter() const {
    if (root_) REQUIRE(::seteuid(65534) == 0);
  }
  void leave() const {
    if (root_) REQUIRE(::seteuid(0) == 0);
  }

 private:
  const bool root_ = ::geteuid() == 0;
};

/// Where a path would be too long for the system, each step is one from the directory before.
class DeepPlace {
 public:
  explicit DeepPlace(const std::filesystem::path& root) : fd_(::open(root.c_str(), O_RDONLY | O_DIRECTORY)) {}

  void enter(const std::string& name) {
    REQUIRE(::mkdirat(fd_.get(), name.c_str(), 0755) == 0);
    fd_ = UniqueFd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    path_ += name + "/";
    REQUIRE(fd_);
  }

  UniqueFd file(const std::string& name) const {
    return UniqueFd(::openat(fd_.get(), name.c_str(), O_RDWR | O_CREAT, 0644));
  }

  int fd() const { return fd_.get(); }

  const std::string& path() const { return path_; }

 private:
  UniqueFd fd_;
  std::string path_;
};

bool set(int fd, const std::string& name, const std::string& value) {
  return ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0;
}

}  // namespace

TEST_CASE("attributes and times are kept however long a path is", "[oci][directory]") {
  TempDir directory;
  const std::string component(200, 'd');
  std::filesystem::path root = directory.path();
  for (int i = 0; i < 5; ++i) root /= component;
  std::filesystem::create_directories(root);
  DeepPlace place(root);
  for (int i = 0; i < 17; ++i) place.enter(component);
  REQUIRE(root.native().size() + place.path().size() > 4095);
  REQUIRE(place.path().size() < 4000);
  const auto file = place.file("file");
  if (!set(file.get(), "user.key", "value")) {
    SKIP_TEST("the file system has no attributes");
  }
  REQUIRE(set(place.fd(), "user.of", std::string("a\0b", 3)));
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const bool root_user = ::geteuid() == 0;
  REQUIRE(::symlinkat("target", place.fd(), "link") == 0);
  REQUIRE(::mkfifoat(place.fd(), "fifo", 0600) == 0);
  REQUIRE(::linkat(place.fd(), "file", place.fd(), "hard", 0) == 0);
  if (root_user) {
    REQUIRE(set(file.get(), "security.capability", capability));
    for (const char* name : {"link", "fifo"}) {
      const auto path = fmt::format("/proc/self/fd/{}/{}", place.fd(), name);
      REQUIRE(::lsetxattr(path.c_str(), "trusted.key", name, 4, 0) == 0);
    }
  }
  const timespec times[2] = {{1, 0}, {1'000'000'000, 123'456'789}};
  REQUIRE(::futimens(file.get(), times) == 0);
  REQUIRE(::futimens(place.fd(), times) == 0);

  const auto read = read_directory(root);
  CHECK(read.warnings.empty());
  const auto at = [&](const std::string& name) -> const TarMember& { return read.members.at(place.path() + name); };
  CHECK(xattr(at("file"), "user.key") == "value");
  CHECK(xattr(at(""), "user.of") == std::string("a\0b", 3));
  CHECK(at("file").type == TarType::regular);
  CHECK(at("file").mtime == 1'000'000'000);
  CHECK(at("").mtime == 1'000'000'000);
  CHECK(at("link").link_name == "target");
  CHECK(at("fifo").type == TarType::fifo);
  CHECK(at("hard").type == TarType::hard_link);
  CHECK(at("hard").link_name == place.path() + "file");
  if (root_user) {
    CHECK(xattr(at("file"), "security.capability") == capability);
    CHECK(xattr(at("link"), "trusted.key") == "link");
    CHECK(xattr(at("fifo"), "trusted.key") == "fifo");
  }
}

TEST_CASE("a socket is left out with a word", "[oci][directory]") {
  TempDir directory;
  std::filesystem::create_directory(directory / "root");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory / "root/socket";
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const auto read = read_directory(directory / "root");
  CHECK(read.members.size() == 1);
  REQUIRE(read.warnings.size() == 1);
  CHECK(read.warnings[0].kind == "socket-dropped");
}

TEST_CASE("what may not be read is an error once it is wanted", "[oci][directory]") {
  TempDir directory;
  const auto root = directory / "root";
  std::filesystem::create_directories(root / "closed");
  write_file(root / "before", std::string(100'000, 'b'));
  write_file(root / "file", std::string(1000, 'x'));
  write_file(root / "later", "y");
  using std::filesystem::perms;
  for (const auto& path : {std::filesystem::path(directory.path()), root}) std::filesystem::permissions(path, perms(0755));
  for (const char* name : {"before", "later"}) std::filesystem::permissions(root / name, perms(0644));
  std::filesystem::permissions(root / "file", perms::none);
  std::filesystem::permissions(root / "closed", perms::none);
  const AnyUser user;
  const auto read_whole = [&] {
    WarningList warnings;
    const auto image = oci::open_image(oci::Reference::parse("dir:" + root.string()), {}, warnings);
    read_all(*image->open_layer(0), 16u << 20, "stream");
  };
  const auto refused = [&](const std::optional<Error>& error, const char* name) {
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::denied);
    CHECK_THAT(error->what(), ContainsSubstring("open '" + (root / name).string() + "': permission denied"));
  };
  refused(error_of([&] { read_directory(root); }), "closed");
  user.leave();
  std::filesystem::permissions(root / "closed", perms::all);
  user.enter();

  refused(error_of(read_whole), "file");
  const auto members = read_directory(root).members;
  CHECK(members.size() == 5);
  CHECK(members.at("file").size == 1000);
  CHECK(members.contains("later"));
}

TEST_CASE("what goes or changes while a directory is read is an error that says so", "[oci][directory]") {
  struct Case {
    std::string what;
    std::function<void(const std::filesystem::path&)> change;
  };
  namespace fs = std::filesystem;
  for (const auto& test : std::vector<Case>{
           {"a file goes", [](const fs::path& root) { fs::remove(root / "b"); }},
           {"a directory goes", [](const fs::path& root) { fs::remove_all(root / "c"); }},
       }) {
    INFO(test.what);
    TempDir directory;
    fs::create_directories(directory / "root/c/d");
    write_file(directory / "root/a", std::string(1u << 20, 'a'));
    write_file(directory / "root/b", "b");
    WarningList warnings;
    const auto image = oci::open_image(oci::Reference::parse("dir:" + (directory / "root").string()), {}, warnings);
    const auto stream = image->open_layer(0);
    Bytes first(4096);
    REQUIRE(stream->read(first) != 0);  // the root is listed now
    test.change(directory / "root");
    const auto error = error_of([&] { read_all(*stream, 16u << 20, "stream"); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::io);
    CHECK_THAT(error->what(), ContainsSubstring("changed while it was read"));
  }
}
