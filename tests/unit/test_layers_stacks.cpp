// SPDX-License-Identifier: Apache-2.0
//
// Random stacks of layers against a model that extracts them one change after the other.
#include <random>

#include "support/catch.h"
#include "support/errors.h"
#include "support/flatten.h"
#include "support/naive_root.h"
#include "support/sweep.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

using Listing = std::map<std::string, std::string>;

/// Makes stacks of layers that hide, replace, link and name things twice, below links and in directories of every depth.
class Stack {
 public:
  explicit Stack(unsigned seed) : random_(seed), names_(seed % 3 == 0 ? kOddNames : kNames) {
    const auto count = 1 + random_() % 4;
    for (unsigned long number = 0; number < count; ++number) {
      layers_.emplace_back();
      for (auto left = 1 + random_() % 10; left > 0; --left) layers_.back().push_back(change());
    }
  }

  /// Applies the stack to `naive`; what it refuses is left out, but for the last of some stacks: then true.
  bool settle(NaiveRoot& naive) {
    for (;;) {
      naive = {};
      const auto [layer, index] = refused(naive);
      if (layer == layers_.size()) return false;
      auto& changes = layers_[layer];
      if (random_() % 8 == 0) {
        changes.resize(index + 1);
        layers_.resize(layer + 1);
        return true;
      }
      changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

  std::vector<std::string> tars() const {
    std::vector<std::string> out;
    for (const auto& changes : layers_) {
      TarBuilder builder;
      for (const auto& change : changes) builder.add(change.entry);
      out.push_back(builder.bytes());
    }
    return out;
  }

 private:
  inline static const std::vector<std::string> kNames{"a", "b", "c"};
  inline static const std::vector<std::string> kOddNames{"a", "b", "\xff\x01", "sp ace", "new\nline", ".whisper", "-r", "\xc3\xa9", std::string(120, 'n')};

  std::pair<std::size_t, std::size_t> refused(NaiveRoot& naive) const {
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      naive.begin_layer();
      for (std::size_t index = 0; index < layers_[layer].size(); ++index) {
        try {
          naive.apply(layers_[layer][index]);
        } catch (const NaiveRoot::Refused&) {
          return {layer, index};
        }
      }
    }
    return {layers_.size(), 0};
  }

  template <class List>
  const auto& one_of(const List& list) { return list[random_() % list.size()]; }

  std::string path() {
    std::string out;
    for (auto depth = 1 + random_() % (random_() % 10 == 0 ? 8 : 3); depth > 0; --depth) out += (out.empty() ? "" : "/") + one_of(names_);
    return out;
  }

  /// A name as a careless writer spells it.
  std::string spelled(std::string path) {
    switch (random_() % 12) {
      case 0: return "./" + path;
      case 1: return "/" + path;
      case 2: return path.insert(std::min(path.find('/'), path.size()), path.find('/') == std::string::npos ? "" : "/.");
      default: return path;
    }
  }

  LayerChange change() {
    static const std::vector<std::string> kTargets{"a", "../b", "/c", "/a/b", "../../../b", "c/../a", "none", "none/at/all", "/", "..", "."};
    LayerChange out;
    out.path = path();
    const auto [parent, name] = NaiveRoot::split(out.path);
    const std::string below = parent.empty() ? "" : parent + "/";
    auto& entry = out.entry;
    entry.mode = one_of(std::vector<unsigned>{0644, 0600, 04755, 0});
    entry.uid = random_() % 3;
    entry.mtime = random_() % 1000;
    const auto pick = random_() % 100;
    if (pick < 12) {
      out.whiteout = Whiteout::explicit_file;
      entry.name = spelled(below + ".wh." + name);
      return out;
    }
    if (pick < 18) {
      out.whiteout = Whiteout::opaque_dir;
      if (random_() % 6 == 0) out.path.clear();
      entry.name = spelled((out.path.empty() ? "" : out.path + "/") + ".wh..wh..opq");
      return out;
    }
    if (pick < 19) {
      out.path.clear();
      entry.name = "./";
      entry.type = '5';
      return out;
    }
    if (pick < 38) {
      entry.type = '5';
    } else if (pick < 48) {
      entry.type = '2';
      entry.link = one_of(kTargets);
      entry.mode = 0777;
    } else if (pick < 62) {
      entry.type = '1';
      out.target = files_.empty() || random_() % 8 == 0 ? path() : one_of(files_);
      entry.link = spelled(out.target);
      files_.push_back(out.path);
    } else if (pick < 66) {
      entry.type = one_of(std::vector<char>{'3', '4', '6'});
      if (entry.type != '6') entry.minor = static_cast<unsigned>(random_() % 300);
      files_.push_back(out.path);
    } else {
      entry.data = random_() % 5 == 0 ? "" : fmt::format("{}", next_++);
      files_.push_back(out.path);
    }
    if (entry.type != '1' && random_() % 4 == 0) {
      const bool user = entry.type == '0' || entry.type == '5';
      entry.pax.emplace_back(user && random_() % 2 == 0 ? "SCHILY.xattr.user.x" : "SCHILY.xattr.trusted.x", std::string("v\0\n=", 4) + std::to_string(random_() % 3));
    }
    entry.name = spelled(out.path) + (entry.type == '5' ? "/" : "");
    return out;
  }

  std::mt19937 random_;
  const std::vector<std::string>& names_;
  std::vector<std::vector<LayerChange>> layers_;
  std::vector<std::string> files_;  ///< what a hard link may name
  unsigned next_ = 0;
};

/// As Flat::listing, and the times.
Listing listing_of(const NaiveRoot& naive) {
  Listing out;
  std::map<std::shared_ptr<NaiveRoot::Node>, std::string> first;
  for (const auto& [path, node] : naive.all()) {
    const auto& entry = node->entry;
    static const std::map<char, char> kLetters{{'0', 'f'}, {'5', 'd'}, {'2', 'l'}, {'3', 'c'}, {'4', 'b'}, {'6', 'p'}};
    std::string text = fmt::format("{} {:o} {}:{}", kLetters.at(entry.type), entry.mode, entry.uid, entry.gid);
    if (entry.type == '0') text += " " + entry.data;
    if (entry.type == '2') text += " " + entry.link;
    for (const auto& [name, value] : entry.pax) text += " " + name.substr(std::string("SCHILY.xattr.").size()) + "=" + value;
    const auto [at, fresh] = first.emplace(node, path);
    if (!fresh) text += " = " + at->second;
    out[path] = text + fmt::format(" @{} {}", entry.mtime, entry.minor);
  }
  out["/"] = fmt::format("{:o} {} @{}", naive.root().entry.mode, naive.root().entry.uid, naive.root().entry.mtime);
  return out;
}

Listing listing_of(const Flat& flat) {
  Listing out = flat.listing();
  for (auto& [path, text] : out) {
    const auto& inode = flat.tree.inode(*flat.tree.resolve(path, false));
    const bool device = inode.type == EntryType::char_device || inode.type == EntryType::block_device;
    text += fmt::format(" @{} {}", inode.metadata.mtime, device ? inode.data : 0);
  }
  const auto& root = flat.tree.inode(Tree::kRoot).metadata;
  out["/"] = fmt::format("{:o} {} @{}", root.mode, root.uid, root.mtime);
  return out;
}

}  // namespace

TEST_CASE("random stacks of layers come out as applying them one by one", "[layers][property]") {
  std::size_t refused_stacks = 0;
  std::size_t read_again = 0;
  std::size_t through_links = 0;
  for (unsigned seed = 0; seed < 6000; ++seed) {
    if (!next_of_sweep()) continue;
    INFO("seed " << seed);
    Stack stack(seed);
    NaiveRoot naive;
    const bool refuse = stack.settle(naive);
    const auto tars = stack.tars();
    if (refuse) {
      ++refused_stacks;
      const auto error = error_of([&] { flatten(tars); });
      CHECK((error && error->kind() == ErrorKind::malformed));
      continue;
    }
    std::unique_ptr<Flat> flat;
    const auto error = error_of([&] { flat = flatten(tars); });
    CHECK(std::string(error ? error->what() : "") == "");
    if (error) continue;
    CHECK(listing_of(*flat) == listing_of(naive));
    read_again += flat->missing;
    through_links += flat->warnings.count("through-link");
  }
  if (sweep_is_thinned()) return;
  // The generator reaches what is rare.
  CHECK(refused_stacks > 100);
  CHECK(read_again > 10);
  CHECK(through_links > 500);
}
