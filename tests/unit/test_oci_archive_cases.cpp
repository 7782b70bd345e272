// SPDX-License-Identifier: Apache-2.0
//
// Archives of `docker save` and its kin: every shape that is taken, and every one that is refused.
#include "archive_files.h"
#include "support/image_cases.h"
#include "support/image_shapes.h"
#include "support/stream_builder.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct ArchiveCase {
  std::string id;
  std::string what;
  std::string archive;
  std::string expected;
  std::set<std::string> warnings = {};
};

/// An archive whose parts can be replaced one by one.
struct Parts {
  TestImage image = small_image();
  std::string config = image.config_document();
  std::string config_name = sha256(config) + ".json";
  std::string manifest = entry("[\"a.tar\",\"b.tar\"]");
  TarBuilder members = TarBuilder().file("a.tar", image.layers[0]).file("b.tar", image.layers[1]);
  std::string prefix;

  std::string entry(const std::string& layers, const std::string& more = "\"RepoTags\":[\"x:1\"],") const {
    return "[{\"Config\":\"" + config_name + "\"," + more + "\"Layers\":" + layers + "}]";
  }
  std::string bytes() const {
    return TarBuilder(members).file(prefix + config_name, config).file(prefix + "manifest.json", manifest).bytes();
  }
};

template <class Change>
std::string archive(Change&& change) {
  Parts parts;
  change(parts);
  return parts.bytes();
}

std::string with_manifest(const std::string& text) {
  return archive([&](Parts& p) { p.manifest = text; });
}

std::string with_layers(const std::string& layers, const TarBuilder& more = {}) {
  return archive([&](Parts& p) {
    p.manifest = p.entry(layers);
    p.members.raw(more.without_end());
  });
}

std::string with_config_member(const std::string& name, const TarBuilder& member) {
  return archive([&](Parts& p) {
    p.manifest = "[{\"Config\":\"" + name + "\",\"Layers\":[\"a.tar\",\"b.tar\"]}]";
    p.members.raw(member.without_end());
  });
}

std::string packed(const std::string& tool) {
  return archive([&](Parts& p) {
    p.members = TarBuilder().file("a.tar", through(tool, p.image.layers[0])).file("b.tar", p.image.layers[1]);
  });
}

}  // namespace

TEST_CASE("archives of docker save: every case", "[oci][cases][docker]") {
  const std::string whole = archive([](Parts&) {});
  const TestImage image = small_image();
  TestImage twin;
  twin.layers = {image.layers[0], image.layers[0]};
  const auto twins = [&](const TarBuilder& second) {
    return archive([&](Parts& p) {
      p.config = twin.config_document();
      p.config_name = sha256(p.config) + ".json";
      p.members = TarBuilder().directory("one").file("one/layer.tar", image.layers[0]).directory("two").raw(second.without_end());
      p.manifest = p.entry(R"(["one/layer.tar","two/layer.tar"])");
    });
  };
  const auto no_layers = [](const std::string& rootfs, const std::string& layers) {
    return archive([&](Parts& p) {
      p.config = R"({"architecture":"amd64","os":"linux","config":{},"rootfs":)" + rootfs + "}";
      p.config_name = sha256(p.config) + ".json";
      p.manifest = p.entry(layers);
    });
  };
  const std::vector<ArchiveCase> cases{
      {"da00", "sound", whole, ""},
      {"da01", "no manifest", TarBuilder().file("x.json", "{}").bytes(), "malformed holds neither manifest.json nor index.json"},
      {"da02", "manifest is null", with_manifest("null"), "malformed manifest.json: expected a list, got nothing"},
      {"da03", "manifest lists nothing", with_manifest("[]"), "malformed manifest.json lists no image"},
      {"da04", "manifest is an object", with_manifest("{}"), "malformed expected a list, got an object"},
      {"da05", "manifest of no bytes", with_manifest(""), "malformed manifest.json: not valid JSON"},
      {"da06", "manifest is cut", with_manifest("[{\"Config\":"), "malformed manifest.json: not valid JSON"},
      {"da07", "manifest lists no objects", with_manifest("[1]"), "malformed expected an object, got a number"},
      {"da08", "text after the manifest", archive([](Parts& p) { p.manifest += " x"; }), "malformed manifest.json: not valid JSON"},
      {"da09", "an empty entry", with_manifest("[{}]"), "malformed Config: expected a string, got nothing"},
      {"da10", "a member twice", archive([](Parts& p) { p.manifest = p.entry("[\"a.tar\",\"b.tar\"],\"Layers\":[]"); }), "malformed member 'Layers' is there twice"},
      {"da11", "a member in another case", archive([](Parts& p) { p.manifest = p.entry("[\"a.tar\",\"b.tar\"],\"layers\":[]"); }), "malformed differs from 'Layers' in case only"},
      {"da12", "no configuration", with_manifest(R"([{"Layers":[]}])"), "malformed Config: expected a string, got nothing"},
      {"da13", "the configuration is not there", with_manifest(R"([{"Config":"none.json","Layers":[]}])"), "malformed configuration 'none.json' is not in the archive"},
      {"da14", "the configuration's name leaves the archive", with_manifest(R"([{"Config":"../../etc/hostname","Layers":[]}])"), "malformed '../../etc/hostname' names no member"},
      {"da15", "the configuration's name is absolute", with_manifest(R"([{"Config":"/etc/hostname","Layers":[]}])"), "malformed '/etc/hostname' names no member"},
      {"da16", "the configuration is a directory", with_config_member("c", TarBuilder().directory("c")), "malformed member 'c' is a directory"},
      {"da17", "the configuration is a link inside", with_config_member("c", TarBuilder().file("real", image.config_document()).symlink("c", "real")), ""},
      {"da18", "the configuration is a link to outside", with_config_member("c", TarBuilder().symlink("c", "/etc/hostname")), "malformed member 'c' is a link that leaves the archive"},
      {"da18b", "the configuration is a link above the archive", with_config_member("c", TarBuilder().symlink("c", "../x")), "malformed member 'c' is a link that leaves the archive"},
      {"da18c", "links that lead in a circle", with_config_member("c", TarBuilder().symlink("c", "d").symlink("d", "c")), "malformed is a link that leads in a circle"},
      {"da19", "fewer layers than diff_ids", with_layers(R"(["a.tar"])"), "malformed 1 layers, the configuration has 2 diff_ids"},
      {"da21", "more layers than diff_ids", with_layers(R"(["a.tar","b.tar","b.tar"])"), "malformed 3 layers, the configuration has 2 diff_ids"},
      {"da22", "a layer is not there", with_layers(R"(["a.tar","c.tar"])"), "malformed layer 2 of 2: member 'c.tar' is not in the archive"},
      {"da22b", "no layers", with_layers("null"), "malformed expected a list, got nothing"},
      {"da23", "layers are no list of texts", with_layers(R"(["a.tar",7])"), "malformed Layers[1]: expected a string, got a number"},
      {"da24", "a layer is a link to an equal one", twins(TarBuilder().symlink("two/layer.tar", "../one/layer.tar")), ""},
      {"da25", "a layer is a hard link to an equal one", twins(TarBuilder().hard_link("two/layer.tar", "one/layer.tar")), ""},
      {"da26", "a layer is a link to outside", twins(TarBuilder().symlink("two/layer.tar", "/etc/hostname")), "malformed is a link that leaves the archive"},
      {"da27", "a layer is a link to nothing", twins(TarBuilder().symlink("two/layer.tar", "../three/layer.tar")), "malformed is a link to 'three/layer.tar', which is not in the archive"},
      {"da28", "a layer is a directory", with_layers(R"(["a.tar","d"])", TarBuilder().directory("d")), "malformed member 'd' is a directory"},
      {"da29", "a layer is a FIFO", with_layers(R"(["a.tar","p"])", TarBuilder().add({.name = "p", .type = '6'})), "malformed member 'p' is a FIFO"},
      {"da29b", "a layer is a sparse file", with_layers(R"(["a.tar","s"])", TarBuilder().add({.name = "s", .data = "abc", .pax = {{"GNU.sparse.size", "3"}, {"GNU.sparse.map", "0,3"}}})), "malformed member 's' is a sparse file"},
      {"da30", "a layer is another one", with_layers(R"(["b.tar","a.tar"])"), "integrity diff_id: expected sha256:" + sha256(image.layers[1]) + ", found sha256:" + sha256(image.layers[0])},
      {"da32", "the configuration's name states another digest", archive([](Parts& p) { p.config += " "; }), "integrity expected sha256:"},
      {"da32b", "the same, as go-containerregistry names it", archive([](Parts& p) { p.config_name = "sha256:" + sha256(p.config); p.manifest = p.entry(R"(["a.tar","b.tar"])"); p.config += " "; }), "integrity expected sha256:"},
      {"da33", "the configuration's name states nothing", archive([](Parts& p) { p.config_name = "config.json"; p.manifest = p.entry(R"(["a.tar","b.tar"])"); }), ""},
      {"da34", "names begin with ./", archive([](Parts& p) { p.members = TarBuilder().directory(".").file("./a.tar", p.image.layers[0]).file("./b.tar", p.image.layers[1]); p.prefix = "./"; }), ""},
      {"da35", "the manifest's names begin with ./", with_layers(R"(["./a.tar",".//b.tar"])"), ""},
      {"da36", "a layer is there twice", with_layers(R"(["a.tar","b.tar"])", TarBuilder().file("b.tar", "garbage")), "malformed member 'b.tar' is there twice"},
      {"da37", "the manifest is there twice", archive([](Parts& p) { p.members.file("manifest.json", "[]"); }), "malformed member 'manifest.json' is there twice"},
      {"da38", "tags with control characters", archive([](Parts& p) { p.manifest = p.entry(R"(["a.tar","b.tar"])", R"("RepoTags":["a\u001b[2J\nb:1"],)"); }), ""},
      {"da39", "tags are no list", archive([](Parts& p) { p.manifest = p.entry(R"(["a.tar","b.tar"])", R"("RepoTags":"x",)"); }), "malformed RepoTags: expected a list, got a string"},
      {"da39b", "no tags", archive([](Parts& p) { p.manifest = p.entry(R"(["a.tar","b.tar"])", R"("RepoTags":null,)"); }), ""},
      {"da40", "zstd layer", packed("zstd -q -c"), ""},
      {"da41", "gzip layer", packed("gzip -c"), ""},
      {"da42", "bzip2 layer", packed("bzip2 -c"), ""},
      {"da43", "xz layer", packed("xz -c"), ""},
      {"da44", "no layers in both", no_layers(R"({"type":"layers","diff_ids":[]})", "[]"), ""},
      {"da44b", "no layers in both, as Docker writes them", no_layers(R"({"type":"layers"})", "null"), ""},
      {"da44c", "a layer without a diff_id", no_layers(R"({"type":"layers"})", R"(["a.tar"])"), "malformed 1 layers, the configuration has 0 diff_ids"},
      {"da46", "cut in the last member", whole.substr(0, whole.size() - 1024 - 600), "malformed the archive ends"},
      {"da47", "no blocks of zeros at the end", whole.substr(0, whole.size() - 1024), ""},
      {"da48", "gzip, cut", through("gzip -c", whole).substr(0, 400), "malformed ends inside a member"},
      {"da49", "gzip, xz, zstd and bzip2 around it", through("gzip -c", whole), ""},
      {"da49b", "xz", through("xz -c", whole), ""},
      {"da49c", "zstd", through("zstd -q -c", whole), ""},
      {"da49d", "bzip2", through("bzip2 -c", whole), ""},
      {"da50", "a member that leaves the archive", archive([](Parts& p) { p.members.file("../../evil", "x").symlink("/etc/evil", "y"); }), ""},
      {"da52", "configuration is no JSON", archive([](Parts& p) { p.config = "x"; p.config_name = "c"; p.manifest = p.entry(R"(["a.tar","b.tar"])"); }), "malformed not valid JSON"},
      {"da53", "configuration is a list", archive([](Parts& p) { p.config = "[]"; p.config_name = "c"; p.manifest = p.entry(R"(["a.tar","b.tar"])"); }), "malformed expected an object, got a list"},
      {"da55", "configuration nested 100 000 deep", archive([](Parts& p) { p.config = std::string(100000, '['); p.config_name = "c"; p.manifest = p.entry(R"(["a.tar","b.tar"])"); }), "limit nested deeper than 64 levels"},
      {"da56", "configuration of over 8 MiB", archive([](Parts& p) { p.config = std::string(9 << 20, ' '); p.config_name = "c"; p.manifest = p.entry(R"(["a.tar","b.tar"])"); }), "limit 9437184 bytes, the limit is 8388608"},
      {"da57", "a million layers", with_layers([] {
         std::string list = "[\"a\"";
         for (int i = 1; i < 1'000'000; ++i) list += ",\"a\"";
         return list + "]";
       }()), "malformed 1000000 layers, the configuration has 2 diff_ids"},
      {"da58", "one large configuration named very often", [] {
         Parts p;
         p.config = R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers"},"x":")" + std::string(4 << 20, 'x') + "\"}";
         p.config_name = "c";
         p.manifest = "[";
         for (int i = 0; i < 1000; ++i) p.manifest += std::string(i == 0 ? "" : ",") + R"({"Config":"c","Layers":[]})";
         p.manifest += "]";
         return p.bytes();
       }(), "usage holds several images; one must be chosen"},
  };
  TempDir directory;
  for (const auto& test : cases) {
    INFO(test.id << ": " << test.what);
    write_file(directory / "x.tar", test.archive);
    check_outcome(read_source("docker-archive:" + (directory / "x.tar").string()), test.expected, test.warnings);
  }
}

TEST_CASE("three hundred layers are no problem", "[oci][docker]") {
  TestImage image;
  for (int i = 0; i < 300; ++i) image.layers.push_back(TarBuilder().file(fmt::format("f{}", i), std::to_string(i)).bytes());
  TarBuilder members;
  Json names = Json::array();
  for (int i = 0; i < 300; ++i) {
    members.file(fmt::format("{}.tar", i), image.layers[static_cast<std::size_t>(i)]);
    names.push_back(fmt::format("{}.tar", i));
  }
  members.file("c", image.config_document()).file("manifest.json", Json::array({Json{{"Config", "c"}, {"Layers", names}}}).dump());
  TempDir directory;
  write_file(directory / "x.tar", members.bytes());
  const auto outcome = read_source("docker-archive:" + (directory / "x.tar").string());
  CHECK(outcome.error == "");
  CHECK(outcome.report.layers == 300);
  ConvertOptions options;
  options.limits.layers = 299;
  check_outcome(read_source("docker-archive:" + (directory / "x.tar").string(), options), "limit 300 layers, the limit is 299");
  options = {};
  options.limits.archive_members = 100;
  check_outcome(read_source("docker-archive:" + (directory / "x.tar").string(), options), "limit the archive has more than 100 members");
}

TEST_CASE("a broken archive is called broken, not unknown", "[oci][docker]") {
  TempDir directory;
  const std::string whole = archive([](Parts&) {});
  write_file(directory / "x.tar", whole.substr(0, whole.size() - 2000));
  check_outcome(read_source((directory / "x.tar").string()), "malformed the archive ends");
  write_file(directory / "x.tar", std::string(5000, 'x'));
  check_outcome(read_source((directory / "x.tar").string()), "unsupported x.tar' is text (it begins with 'xxxx");
}

TEST_CASE("what is behind the end of a plain archive is told", "[oci][docker]") {
  const TempDir directory;
  const auto archive = as_tar(docker_24(small_image()));
  const auto warnings = [&](const std::string& behind) {
    write_file(directory / "x.tar", archive + behind);
    WarningList found;
    const auto images =
        oci::list_images(oci::Reference::parse("docker-archive:" + (directory / "x.tar").string()), {}, found);
    CHECK(images.size() == 1);
    return found.count("tar-end");
  };
  CHECK(warnings("") == 0);
  CHECK(warnings(std::string(200'000, '\0')) == 0);
  CHECK(warnings(archive) == 1);
  CHECK(warnings(std::string(200'000, '\0') + "rubbish") == 1);
}

TEST_CASE("many layers of a compressed archive are decompressed a few times only", "[oci][docker]") {
  static constexpr std::size_t kLayers = 8;
  static constexpr std::size_t kLarge = std::size_t{5} << 18;  // more than is kept in memory
  const TempDir directory;
  const auto text = [](std::size_t layer) { return std::string(kLarge, static_cast<char>('a' + layer)); };
  TarBuilder members;
  members.file("note", "small");
  for (std::size_t layer = 0; layer < kLayers; ++layer) members.file("layer" + std::to_string(layer), text(layer));
  const auto archive = directory / "x.tar.gz";
  const auto open = [&](const std::filesystem::path& scratch) {
    write_file(archive, through("gzip -1", members.bytes()));
    WarningList warnings;
    return oci::CompressedFiles(std::make_shared<const File>(File::open_read(archive)), false, {}, {}, warnings, scratch);
  };
  const auto check = [&](oci::FileSet& files, std::size_t layer) {
    const auto source = files.open("layer" + std::to_string(layer));
    CHECK(as_text(read_all(*source, kLarge, "layer")) == text(layer));
  };
  {
    auto files = open(directory.path());
    for (std::size_t layer = kLayers; layer-- > kLayers / 2;) check(files, layer);
    write_file(archive, "nobody reads it any more");
    for (std::size_t layer = kLayers / 2; layer-- > 0;) check(files, layer);
    CHECK(as_text(read_all(*files.open("note"), 100, "note")) == "small");
  }
  // Without room for it the archive has to do.
  for (const auto& scratch : {directory / "absent", std::filesystem::path()}) {
    auto files = open(scratch);
    for (std::size_t layer = kLayers; layer-- > 0;) check(files, layer);
    CHECK(as_text(read_all(*files.open("note"), 100, "note")) == "small");
  }
}
