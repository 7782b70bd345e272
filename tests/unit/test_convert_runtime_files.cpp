// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <map>

#include "runtime_files.h"
#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::layers;
using sifkit::testing::error_of;

namespace {

/// Keeps what it is given.
class TextSink : public ContentSink {
 public:
  void begin(std::uint64_t) override { texts_.emplace_back(); }
  void append(ByteView bytes) override { texts_.back() += as_text(bytes); }
  void append_zeros(std::uint64_t count) override { texts_.back().append(static_cast<std::size_t>(count), '\0'); }
  ContentId end() override { return ContentId{static_cast<std::uint32_t>(texts_.size())}; }

  std::string text(ContentId id) const {
    return id == kEmptyContent ? std::string() : texts_.at(static_cast<std::uint32_t>(id) - 1);
  }

 private:
  std::vector<std::string> texts_;
};

struct Container {
  Tree tree;
  TextSink sink;
  WarningList warnings;
  RuntimeFilesInput input{.environment_script = "ENV",
                          .run_script = "RUN",
                          .labels = "{}",
                          .definition = "bootstrap: x\n",
                          .mtime = 1234};

  InodeId add(InodeId parent, const std::string& name, EntryType type, std::uint32_t mode, const std::string& text = {}) {
    Inode inode;
    inode.type = type;
    inode.metadata.mode = mode;
    inode.metadata.uid = 7;
    if (type == EntryType::symlink) inode.data = tree.add_symlink_target(text);
    if (type == EntryType::regular) {
      inode.size = text.size();
      inode.content = kEmptyContent;
      if (!text.empty()) {
        sink.begin(text.size());
        sink.append(as_bytes(text));
        inode.content = sink.end();
      }
    }
    const InodeId id = tree.add_inode(inode);
    tree.link(parent, name, id);
    return id;
  }

  ContainerAttributes build() { return add_runtime_files(tree, sink, input, warnings); }

  const Inode* at(const std::string& path) const {
    const auto found = tree.resolve(path, false);
    return found ? &tree.inode(*found) : nullptr;
  }

  std::string text_at(const std::string& path) const {
    const Inode* inode = at(path);
    REQUIRE(inode != nullptr);
    REQUIRE(inode->type == EntryType::regular);
    return sink.text(inode->content);
  }
};

}  // namespace

TEST_CASE("an empty root becomes a container", "[convert][runtime-files]") {
  Container container;
  const auto attributes = container.build();
  for (const char* directory : {"dev", "proc", "root", "var/tmp", "tmp", "etc", "sys", "home", ".singularity.d/libs"}) {
    INFO(directory);
    REQUIRE(container.at(directory) != nullptr);
    CHECK(container.at(directory)->type == EntryType::directory);
  }
  CHECK(container.at("tmp")->metadata.mode == 01777);
  CHECK(container.at("var/tmp")->metadata.mode == 01777);
  CHECK(container.at("root")->metadata.mode == 0755);
  CHECK(container.text_at(".singularity.d/runscript") == "RUN");
  CHECK(container.text_at(".singularity.d/env/10-docker2singularity.sh") == "ENV");
  CHECK(container.text_at(".singularity.d/labels.json") == "{}");
  CHECK(container.text_at("etc/hosts").empty());
  CHECK(container.at(".singularity.d/runscript")->metadata.mode == 0755);
  CHECK(container.at(".singularity.d/labels.json")->metadata.mode == 0644);
  CHECK(container.at(".singularity.d/runscript")->metadata.mtime == 1234);
  REQUIRE(container.at("singularity") != nullptr);
  CHECK(container.tree.symlink_target(*container.at("singularity")) == ".singularity.d/runscript");
  CHECK(container.tree.symlink_target(*container.at(".exec")) == ".singularity.d/actions/exec");
  CHECK(container.at(".start") == nullptr);
  CHECK(attributes.runscript == "RUN");
  CHECK(attributes.environment.size() == 2);
  CHECK(container.warnings.total() == 0);
}

TEST_CASE("what the image has already stays", "[convert][runtime-files]") {
  Container container;
  container.add(Tree::kRoot, "tmp", EntryType::directory, 0700);
  container.add(Tree::kRoot, "home", EntryType::symlink, 0777, "usr/home");
  container.add(Tree::kRoot, "environment", EntryType::regular, 0600, "mine");
  container.build();
  CHECK(container.at("tmp")->metadata.mode == 0700);
  CHECK(container.at("home")->type == EntryType::symlink);
  CHECK(container.text_at("environment") == "mine");
  CHECK(container.warnings.count("root-link") == 1);
}

TEST_CASE("the image's name tables are emptied, but not through a link", "[convert][runtime-files]") {
  Container container;
  const InodeId etc = container.add(Tree::kRoot, "etc", EntryType::directory, 0755);
  container.add(etc, "hosts", EntryType::regular, 0600, "10.0.0.1 secret");
  container.add(etc, "resolv.conf", EntryType::symlink, 0777, "/run/resolvconf/resolv.conf");
  container.build();
  CHECK(container.text_at("etc/hosts").empty());
  CHECK(container.at("etc/hosts")->metadata.mode == 0644);
  CHECK(container.at("etc/resolv.conf")->type == EntryType::symlink);
}

TEST_CASE("emptying one name of a hard-linked file leaves its other names alone", "[convert][runtime-files]") {
  Container container;
  const InodeId etc = container.add(Tree::kRoot, "etc", EntryType::directory, 0755);
  const InodeId hosts = container.add(etc, "hosts", EntryType::regular, 0644, "text");
  container.tree.link(etc, "hosts.copy", hosts);
  container.build();
  CHECK(container.text_at("etc/hosts").empty());
  CHECK(container.text_at("etc/hosts.copy") == "text");
  CHECK(container.at("etc/hosts.copy")->links == 1);
}

TEST_CASE("links on the way are followed inside the root", "[convert][runtime-files]") {
  Container container;
  const InodeId real = container.add(Tree::kRoot, "real", EntryType::directory, 0755);
  container.add(Tree::kRoot, "etc", EntryType::symlink, 0777, "/../../real");
  container.build();
  CHECK(container.tree.find(real, "hosts") != kNone);
}

TEST_CASE("an older definition moves into the history", "[convert][runtime-files]") {
  Container container;
  const InodeId directory = container.add(Tree::kRoot, ".singularity.d", EntryType::directory, 0755);
  container.add(directory, "Singularity", EntryType::regular, 0644, "first");
  container.build();
  CHECK(container.text_at(".singularity.d/bootstrap_history/Apptainer0") == "first");
  CHECK(container.text_at(".singularity.d/Singularity") == "bootstrap: x\n");
  container.build();
  CHECK(container.text_at(".singularity.d/bootstrap_history/Apptainer1") == "bootstrap: x\n");
}

TEST_CASE("what is in the way of the runtime's files is named, all of it at once", "[convert][runtime-files]") {
  const auto refused = [](const std::function<void(Container&)>& prepare) {
    Container container;
    prepare(container);
    const auto before = container.tree.name_count();
    const auto error = error_of([&] { container.build(); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::unsupported);
    CHECK(container.tree.name_count() == before);
    return error->message() + "; " + error->hint().text();
  };
  const std::string intro = "files of the image are in the way of the runtime's: ";
  CHECK(refused([](Container& c) { c.add(Tree::kRoot, ".singularity.d", EntryType::regular, 0644, "x"); }) ==
        intro + "'/.singularity.d' is a file; leave out /.singularity.d");
  CHECK(refused([](Container& c) { c.add(Tree::kRoot, ".singularity.d", EntryType::symlink, 0777, "nowhere"); }) ==
        intro + "'/.singularity.d' is a link to 'nowhere'; leave out /.singularity.d");
  CHECK(refused([](Container& c) { c.add(Tree::kRoot, ".singularity.d", EntryType::symlink, 0777, ".singularity.d"); }) ==
        intro + "'/.singularity.d' is a link to '.singularity.d'; leave out /.singularity.d");
  CHECK(refused([](Container& c) {
          const InodeId directory = c.add(Tree::kRoot, ".singularity.d", EntryType::directory, 0755);
          const InodeId env = c.add(directory, "env", EntryType::directory, 0755);
          c.add(directory, "runscript", EntryType::symlink, 0777, "/etc/passwd");
          c.add(directory, "labels.json", EntryType::directory, 0755);
          c.add(directory, "startscript", EntryType::fifo, 0644);
          c.add(directory, "libs", EntryType::char_device, 0644);
          c.add(directory, "actions", EntryType::symlink, 0777, "a\nb");
          c.add(env, "90-environment.sh", EntryType::symlink, 0777, "/etc/group");
          c.add(env, "99-mine.sh", EntryType::symlink, 0777, "/etc/group");
        }) == intro + "'/.singularity.d/actions' is a link to 'a\\nb', '/.singularity.d/env/90-environment.sh' is a link to "
                      "'/etc/group', '/.singularity.d/labels.json' is a directory, '/.singularity.d/libs' is a device, "
                      "'/.singularity.d/runscript' is a link to '/etc/passwd', '/.singularity.d/startscript' is a named pipe; "
                      "leave out /.singularity.d/actions /.singularity.d/env/90-environment.sh "
                      "/.singularity.d/labels.json /.singularity.d/libs "
                      "/.singularity.d/runscript /.singularity.d/startscript");
  // A pattern of --exclude is a path without links.
  CHECK(refused([](Container& c) {
          c.add(c.add(Tree::kRoot, "real", EntryType::directory, 0755), "runscript", EntryType::directory, 0755);
          c.add(Tree::kRoot, ".singularity.d", EntryType::symlink, 0777, "real");
        }) == intro + "'/.singularity.d/runscript' is a directory; leave out /.singularity.d");
  CHECK(refused([](Container& c) {
          const InodeId directory = c.add(Tree::kRoot, ".singularity.d", EntryType::directory, 0755);
          c.add(directory, "Singularity", EntryType::regular, 0644, "older");
          c.add(directory, "bootstrap_history", EntryType::regular, 0644, "x");
        }) == intro + "'/.singularity.d/bootstrap_history' is a file; leave out /.singularity.d/bootstrap_history");
}

TEST_CASE("a link of the image to a directory holds the runtime's files", "[convert][runtime-files]") {
  Container container;
  container.add(Tree::kRoot, "real", EntryType::directory, 0755);
  container.add(Tree::kRoot, ".singularity.d", EntryType::symlink, 0777, "/real");
  container.build();
  CHECK(container.text_at("real/runscript") == "RUN");
  CHECK(container.at(".singularity.d")->type == EntryType::symlink);
}

TEST_CASE("odd files in place of mount points and name tables stay", "[convert][runtime-files]") {
  Container container;
  container.add(Tree::kRoot, "var", EntryType::symlink, 0777, "nowhere");
  container.add(Tree::kRoot, "etc", EntryType::symlink, 0777, "private/etc");
  container.add(Tree::kRoot, "tmp", EntryType::regular, 0644, "x");
  container.add(Tree::kRoot, "dev", EntryType::symlink, 0777, "dev");
  container.build();
  CHECK(container.at("var")->type == EntryType::symlink);
  CHECK(container.at("nowhere") == nullptr);
  CHECK(container.at("etc")->type == EntryType::symlink);
  CHECK(container.at("private") == nullptr);
  CHECK(container.text_at("tmp") == "x");
  CHECK(container.at("dev")->type == EntryType::symlink);
  CHECK(container.text_at(".singularity.d/runscript") == "RUN");

  Container directories;
  const InodeId etc = directories.add(Tree::kRoot, "etc", EntryType::directory, 0755);
  directories.add(etc, "hosts", EntryType::directory, 0755);
  directories.build();
  CHECK(directories.at("etc/hosts")->type == EntryType::directory);
  REQUIRE(directories.warnings.total() == 1);
  CHECK(directories.warnings.listed()[0].kind == "mount-point");
  CHECK(directories.warnings.listed()[0].text == "'/etc/hosts' is a directory; the runtime mounts the host's file there");
  CHECK(directories.text_at("etc/resolv.conf").empty());
}
