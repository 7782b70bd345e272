// SPDX-License-Identifier: Apache-2.0
//
// The same image from every tool and through every source: the same file.
#include <functional>
#include <thread>

#include <unistd.h>

#include <sifkit/convert.h>
#include <sifkit/oci/source.h>

#include "support/catch.h"
#include "support/engine_server.h"
#include "support/errors.h"
#include "support/image_shapes.h"
#include "support/sweep.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Something to hide, something to link, a layer too large for memory, an empty layer twice.
TestImage the_image(const std::string& tag) {
  TestImage image = small_image();
  std::string noise;
  for (std::uint32_t i = 0, x = 1; i < 1'500'000; ++i) noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  const std::string stamp = TarBuilder().file("etc/stamp", "x").bytes();
  image.layers = {image.layers[0], stamp, TarBuilder().file("data", noise).directory("var/gone").file("var/gone/x", "1").bytes(), image.layers[1], stamp,
                  TarBuilder().file("var/.wh.gone", "").symlink("lib", "usr/lib").bytes()};
  image.tag = tag;
  return image;
}

/// Standard input out of a string, as long as it lives.
class StandardInput {
 public:
  explicit StandardInput(std::string text) : text_(std::move(text)), saved_(::dup(STDIN_FILENO)) {
    int ends[2];
    if (::pipe(ends) != 0 || ::dup2(ends[0], STDIN_FILENO) < 0) throw std::runtime_error("pipe");
    ::close(ends[0]);
    writer_ = std::jthread([this, end = ends[1]] {
      const UniqueFd owner(end);
      for (std::size_t at = 0; at < text_.size();) {
        const auto wrote = ::write(end, text_.data() + at, text_.size() - at);
        if (wrote <= 0) return;
        at += static_cast<std::size_t>(wrote);
      }
    });
  }
  ~StandardInput() { ::dup2(saved_.get(), STDIN_FILENO); }

 private:
  std::string text_;
  UniqueFd saved_;
  std::jthread writer_;
};

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) text.replace(at, what.size(), with);
}

/// The file with the source's name taken out of the three texts that hold it. Everything else stays as it is, offsets
/// too: the image must be one without compression, and word and name together of one length for all sources.
std::string without_source(std::string file, const oci::Reference& reference) {
  const std::string word = reference.bootstrap();
  const std::string from = reference.from();
  const std::string blank(word.size() + from.size(), '?');
  const std::string label = R"("org.label-schema.usage.singularity.deffile.)";
  replace_all(file, "bootstrap: " + word + "\nfrom: " + from, "definition: " + blank);
  replace_all(file, "bootstrap: " + word + "\\nfrom: " + from, "definition : " + blank);
  for (const std::string space : {"", " "}) {
    const std::string between = space.empty() ? "," : ",\n\t";
    replace_all(file, label + "bootstrap\":" + space + "\"" + word + "\"" + between + label + "from\":" + space + "\"" + from + "\"",
                "labels: " + blank + std::string(between.size(), '?'));
  }
  return file;
}

std::string converted(const oci::Reference& reference, const std::filesystem::path& directory, layers::SquashfsCodec codec, const std::string& service = {}) {
  static unsigned calls = 0;
  ConvertOptions options;
  options.threads = calls++ % 3 == 0 ? 1 : 8;  // with many, older layers are read before their turn
  options.squashfs.codec = codec;
  options.daemon_host = service;
  options.overwrite = Overwrite::yes;
  options.digests_output = calls % 2 == 0;
  WarningList warnings;
  const auto report = convert(reference, directory / "out.sif", options, warnings);
  CHECK(warnings.count("media-type") == 0);
  std::string file = read_file(directory / "out.sif");
  CHECK(report.digest == (options.digests_output ? std::optional(digest_of(as_bytes(file))) : std::nullopt));
  return file;
}

struct Shape {
  std::string name;
  Members members;
  bool oci = false;
  bool directory_only = false;
};

std::vector<Shape> every_shape(const TestImage& image) {
  constexpr const char* kGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
  constexpr const char* kZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
  constexpr const char* kForeign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  constexpr const char* kDockerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  return {
      {"Docker 24", docker_24(image)},
      {"Docker 24, an equal layer is a symbolic link", docker_24(image, '2')},
      {"Docker 24, an equal layer is a hard link", docker_24(image, '1')},
      {"names that begin with ./", docker_24(image, '1', "./")},
      {"Docker 25", docker_25(image)},
      {"Docker 25.0.0", docker_25(image, true)},
      {"podman and skopeo", podman_save(image)},
      {"go-containerregistry", crane_save(image)},
      {"layout, plain layers", oci_layout(image), true},
      {"layout, gzip layers", oci_layout(image, {.packer = "gzip -n", .layer_type = kGzip}), true},
      {"layout, zstd layers", oci_layout(image, {.packer = "zstd -q -c", .layer_type = kZstd}), true},
      {"layout, layers of Docker's type", oci_layout(image, {.packer = "gzip -n", .layer_type = kDockerGzip}), true},
      {"layout, layers not to be distributed", oci_layout(image, {.packer = "gzip -n", .layer_type = kForeign}), true},
      {"layout by sha512", oci_layout(image, {.algorithm = DigestAlgorithm::sha512}), true},
      {"layout without platforms", oci_layout(image, {.platform = false}), true},
      {"layout with an attestation", oci_layout(image, {.attestation = true}), true},
      {"layout, an index with an attestation in an index", oci_layout(image, {.nested = 1, .attestation = true}), true},
      {"layout, three indexes deep", oci_layout(image, {.nested = 3}), true},
      {"podman's docker-dir", oci_layout(image, {.packer = "gzip -n", .layer_type = kDockerGzip, .flat = true}), true, true},
  };
}

}  // namespace

TEST_CASE("the same image gives the same file, whatever tool saved it and however it comes", "[convert][sources]") {
  TempDir directory;
  // Word and name of a source together: as many bytes for every one.
  const std::size_t length = (directory / "").native().size() + 60;
  const std::string tag = std::string(length - std::string("stdin-:").size() - 2, 'a') + ":1";
  TestImage image = the_image(tag);
  image.architecture = oci::Platform::host().architecture;

  std::string masked;                            // of all
  std::map<std::string, std::string> compressed;  // by the name of the source: byte for byte, nothing taken out
  const auto look = [&](const std::string& source, const std::string& service = {}) {
    const auto reference = oci::Reference::parse(source);
    CHECK(reference.bootstrap().size() + reference.from().size() == length);
    const std::string plain = without_source(converted(reference, directory.path(), layers::SquashfsCodec::none, service), reference);
    CHECK(plain.find(reference.from()) == std::string::npos);
    if (masked.empty()) masked = plain;
    CHECK(plain.size() == masked.size());
    CHECK((plain == masked));
    const std::string file = converted(reference, directory.path(), layers::SquashfsCodec::gzip, service);
    CHECK((compressed.emplace(source, file).first->second == file));
  };
  /// Writes a source whose name has the right length and gives its expression.
  const auto place = [&](const std::string& word) {
    const auto rest = length - word.size() - (directory / "").native().size();
    return directory / std::string(rest, 'f');
  };
  for (const auto& shape : every_shape(image)) {
    if (!next_of_sweep()) continue;
    INFO(shape.name);
    if (shape.oci) {
      const auto path = place("oci");
      as_directory(shape.members, path);
      look("oci:" + path.string());
      std::filesystem::remove_all(path);
    }
    if (shape.directory_only) continue;
    const std::string word = shape.oci ? "oci-archive" : "docker-archive";
    const std::string bytes = as_tar(shape.members);
    write_file(place(word), bytes);
    look(word + ":" + place(word).string());
    std::filesystem::remove(place(word));
    for (const bool first : {true, false}) {
      INFO("standard input, manifest " << (first ? "first" : "last"));
      const std::string stream = as_tar(with_manifest(shape.members, first));
      const auto once = [&](layers::SquashfsCodec codec) {
        const StandardInput in(stream);
        return converted(oci::Reference::parse("-:" + tag), directory.path(), codec);
      };
      const auto reference = oci::Reference::parse("-:" + tag);
      CHECK((without_source(once(layers::SquashfsCodec::none), reference) == masked));
      const std::string file = once(layers::SquashfsCodec::gzip);
      CHECK((compressed.emplace("-", file).first->second == file));
    }
    const auto answer = [&](const std::string& path) -> std::optional<std::string> {
      return path.ends_with("/json") ? EngineServer::response(200, "{}") : EngineServer::chunked(bytes, 65536);
    };
    const EngineServer tcp(answer);
    const EngineServer local(answer, directory / "s");
    for (const char* service : {"docker-daemon", "podman"}) {
      const std::string name(length - std::string(service).size(), 'n');
      look(fmt::format("{}:{}", service, name), tcp.url());
      look(fmt::format("{}:{}", service, name), local.url());
    }
    std::filesystem::remove(directory / "s");
  }
  // The archive itself may be packed.
  for (const char* packer : {"gzip", "xz -0", "zstd -q", "bzip2"}) {
    for (const auto& [word, members] : {std::pair{"docker-archive", docker_24(image, '2')}, {"oci-archive", oci_layout(image)}}) {
      INFO(packer << " " << word);
      write_file(place(word), through(std::string(packer) + " -c", as_tar(members)));
      look(fmt::format("{}:{}", word, place(word).string()));
      std::filesystem::remove(place(word));
    }
  }
  CHECK((compressed.size() == 6 || sweep_is_thinned()));  // two kinds of archive, layout, standard input, two services
}

TEST_CASE("a directory or file without a word before it is told by what is in it", "[convert][sources]") {
  TempDir directory;
  TestImage image = small_image();
  image.architecture = oci::Platform::host().architecture;
  for (const auto& shape : every_shape(image)) {
    INFO(shape.name);
    if (!shape.directory_only) {
      write_file(directory / "x", as_tar(shape.members));
      CHECK(oci::identify(directory / "x").transport() == (shape.oci ? oci::Transport::oci_archive : oci::Transport::docker_archive));
    }
    if (std::any_of(shape.members.begin(), shape.members.end(), [](const Member& member) { return !member.link.empty(); })) continue;
    as_directory(shape.members, directory / "d");
    CHECK(oci::identify(directory / "d").transport() == oci::Transport::oci_layout);
    oci::SourceOptions options;
    WarningList warnings;
    CHECK(oci::open_image(oci::Reference::parse((directory / "d").string()), options, warnings)->layers().size() == 2);
    CHECK(warnings.count("oci-half-broken") == (shape.name == "Docker 25.0.0" ? 1 : 0));
    std::filesystem::remove_all(directory / "d");
  }
  // A root file system may have files of such names.
  as_directory({{"manifest.json", "{}"}, {"etc/version", "1"}}, directory / "r");
  CHECK(oci::identify(directory / "r").transport() == oci::Transport::directory);
  std::filesystem::create_directory_symlink("etc", directory / "r/index.json");
  CHECK(oci::identify(directory / "r").transport() == oci::Transport::directory);
}

TEST_CASE("a root file system may have as many members as it likes, but no limit makes a root file system", "[convert][sources]") {
  TempDir directory;
  std::vector<Member> members;
  for (int i = 0; i < 20; ++i) members.push_back({fmt::format("etc/{}", i), "text"});
  write_file(directory / "x", as_tar(members));
  Limits limits;
  limits.archive_members = 10;
  CHECK(oci::identify(directory / "x", limits).transport() == oci::Transport::tar);
  const auto tar = TarBuilder().add({.name = "etc/big", .pax = {{"comment", std::string(5000, 'c')}}}).bytes();
  write_file(directory / "x", tar);
  CHECK(oci::identify(directory / "x", limits).transport() == oci::Transport::tar);
  limits.tar_extension_bytes = 4096;
  const auto error = error_of([&] { oci::identify(directory / "x", limits).transport(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
}

TEST_CASE("one set of limits bounds documents, layers, entries and streams of a conversion", "[convert][hostile]") {
  TempDir directory;
  write_file(directory / "x.tar", as_tar(docker_24(small_image())));
  const auto refused = [&](std::uint64_t Limits::* limit, std::uint64_t value) {
    ConvertOptions options;
    options.dry_run = true;
    options.limits.*limit = value;
    WarningList warnings;
    const auto error = error_of([&] { convert(oci::Reference::parse("docker-archive:" + (directory / "x.tar").string()), "none", options, warnings); });
    return error ? error->hint().text() : "";
  };
  CHECK_THAT(refused(&Limits::json_bytes, 100), ContainsSubstring("raise the limit json_bytes"));
  CHECK_THAT(refused(&Limits::layers, 1), ContainsSubstring("raise the limit layers"));
  CHECK_THAT(refused(&Limits::entries, 3), ContainsSubstring("raise the limit entries"));
  CHECK_THAT(refused(&Limits::image_bytes, 1000), ContainsSubstring("raise the limit image_bytes"));
  CHECK(refused(&Limits::entries, 100) == "");
}

TEST_CASE("what is wrong with a layer that was read before its turn is said when that comes", "[convert][sources]") {
  TempDir directory;
  const TestImage image = the_image("app:1");
  const auto outcome = [&](const Members& members, unsigned threads) {
    write_file(directory / "x.tar", as_tar(members));
    ConvertOptions options;
    options.threads = threads;
    options.overwrite = Overwrite::yes;
    WarningList warnings;
    const auto error = error_of([&] {
      convert(oci::Reference::parse("oci-archive:" + (directory / "x.tar").string()), directory / "out.sif", options, warnings);
    });
    std::string out = error ? error->what() : "";
    for (const auto& warning : warnings.listed()) out += "\n" + warning.text;
    return out;
  };
  const auto with_damage = [&](std::initializer_list<std::size_t> layers) {
    auto members = oci_layout(image);
    for (const auto layer : layers) {
      const auto digest = sha256(image.layers[layer]);
      const auto blob = std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.name.ends_with(digest); });
      REQUIRE(blob != members.end());
      blob->bytes.back() ^= 1;
    }
    return members;
  };
  const auto contradictory = oci_layout(image, {.packer = "gzip -n", .layer_type = "application/vnd.oci.image.layer.v1.tar+zstd"});
  CHECK_THAT(outcome(contradictory, 8), ContainsSubstring("layer 6 of 6") && ContainsSubstring("layer 1 of 6"));
  CHECK(outcome(contradictory, 8) == outcome(contradictory, 1));
  CHECK_THAT(outcome(with_damage({0}), 8), ContainsSubstring("layer 1 of 6"));
  CHECK_THAT(outcome(with_damage({0, 2, 5}), 8), ContainsSubstring("layer 6 of 6"));
  for (const auto& members : {with_damage({0}), with_damage({3}), with_damage({2, 3}), with_damage({0, 2, 5})}) {
    CHECK(outcome(members, 8) == outcome(members, 1));
  }
  CHECK(outcome(oci_layout(image), 8) == outcome(oci_layout(image), 1));
}
