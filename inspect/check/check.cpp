// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/check.h>

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/image_path.h>
#include <sifkit/layers/walk.h>
#include <sifkit/runtime_check.h>
#include <sifkit/sif/image.h>
#include <sifkit/trust/signed_objects.h>

#include "damage.h"
#include "environment.h"
#include "file_requests.h"
#include "findings.h"
#include "loader.h"
#include "needs.h"
#include "processor.h"
#include "programs.h"
#include "secrets.h"
#include "surface.h"
#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

constexpr std::uint64_t kMaxProgram = 1u << 30;
constexpr std::uint64_t kMaxText = 16u << 20;
constexpr std::uint64_t kMaxLines = 64u << 10;  ///< of a file of a few lines
constexpr std::string_view kRunScript = "/.singularity.d/runscript";
constexpr std::string_view kEnvironmentFiles = "/.singularity.d/env";
constexpr std::string_view kOldestCommonKernel = "3.10";  ///< that of Enterprise Linux 7
using Part = FileRequests::Part;

class Check {
 public:
  Check(OpenedFileSystem& image, const Options& options)
      : image_(image), tree_(image.tree()), options_(options), surface_(tree_, out_) {}

  Report run() {
    read_configuration();
    choose_files();
    read(requests_);
    look_at_hidden_files();
    surface_.finish();
    accelerators_.finish(report_.facts, out_);
    look_at_architecture();
    const Loader loader(tree_, programs_, std::move(loader_files_));
    look_at_libc(loader);
    look_at_processor(loader);
    Needs needs(tree_, programs_, loader, places_,
                {report_.facts.architecture, foreign_, environment_known_, processor_level_}, out_);
    look_at_start(needs);
    needs.look_at_path(input_);
    needs.look_at_others(options_.operation);
    if (const auto* squashfs = image_.squashfs()) look_at_container(squashfs->block_size(), squashfs->codec(), out_);
    if (options_.deep) {
      if (const auto left = find_damage(image_.files(), options_.operation, damaged_, out_)) tell_of_damage(*left);
    }
    out_.give(report_);
    return std::move(report_);
  }

 private:
  /// What the image says that it is started with, and for which machine it is.
  void read_configuration() {
    if (auto* image = image_.image()) {
      const auto& config = image->config();
      report_.facts.architecture = config.platform.architecture;
      input_.entrypoint = config.config.entrypoint;
      input_.cmd = config.config.cmd;
      input_.env = config.config.env;
      input_.working_dir = config.config.working_dir;
      input_.configured = !config.raw.empty();
      look_for_tokens(config.raw, "", "in the configuration", out_);
    }
    if (const auto* sif = image_.sif()) read_sif(*sif);
    if (report_.facts.architecture == "unknown") report_.facts.architecture.clear();
    const bool in_image = image_.image() != nullptr && input_.configured;
    if (!in_image) read_container_files();
    const bool script = walk_image_path(tree_, kRunScript).inode != kNone;
    if (in_image && script && input_.entrypoint.empty() && input_.cmd.empty()) input_.cmd = {std::string(kRunScript)};
    for (const auto& entry : input_.env) {
      if (entry.starts_with("LD_LIBRARY_PATH=")) loader_files_.library_path = split(entry.substr(16), ':');
    }
    places_.path = search_path(input_.env).text;
    surface_.set_path(places_.path);
    look_at_environment(input_.env, out_);
    loader_files_.library_path.emplace_back("/.singularity.d/libs");
  }

  /// What starts a container that is no image of layers any more: a script, in the environment of others. They stand
  /// before the configuration of the image that it was made of, which is only kept.
  void read_container_files() {
    FileRequests requests;
    std::string runscript;
    std::map<std::string, std::optional<std::string>> scripts;
    const auto whole_text = [&](InodeId inode, auto& into) {
      requests.add(inode, Part::whole, [&into](ByteView bytes) { into = std::string(as_text(bytes)); });
    };
    const auto start = walk_image_path(tree_, kRunScript).inode;
    if (is_small_file(start, kMaxText)) whole_text(start, runscript);
    const auto directory = walk_image_path(tree_, kEnvironmentFiles).inode;
    if (directory != kNone && tree_.inode(directory).type == EntryType::directory) {
      for (const NameId name : tree_.sorted_children(directory)) {
        const std::string text(tree_.text_of(name));
        if (!Environment::is_of_image(text)) continue;
        const auto file = walk_image_path(tree_, fmt::format("{}/{}", kEnvironmentFiles, text)).inode;
        auto& script = scripts[text];
        if (is_small_file(file, kMaxLines)) whole_text(file, script);
      }
    }
    read(requests);
    const bool of_command = runscript.find("OCI_ENTRYPOINT=") != std::string::npos &&
                            runscript.find("OCI_CMD=") != std::string::npos;
    if (of_command) {
      input_.runscript = kRunScript;
    } else if (start != kNone) {
      input_.entrypoint.clear();
      input_.cmd = {std::string(kRunScript)};
      input_.working_dir.clear();
    }
    if (scripts.empty()) return;
    Environment environment;
    environment.set("PATH", std::string(kDefaultPath));
    for (const auto& [name, text] : scripts) {
      environment_known_ = environment_known_ && text.has_value();
      if (text) environment.read(*text);
    }
    environment_known_ = environment_known_ && environment.certain();
    input_.env = environment.entries();
  }

  bool is_small_file(InodeId inode, std::uint64_t most) const {
    return inode != kNone && tree_.inode(inode).type == EntryType::regular && tree_.inode(inode).size <= most;
  }

  void read_sif(const sif::Image& sif) {
    const auto* partition = sif.primary_partition();
    if (partition != nullptr && partition->partition())
      report_.facts.architecture = partition->partition()->architecture;
    if (const auto* config = sif.find(sif::DataType::generic_json, "oci-config.json")) {
      const auto bytes = sif.read_data(*config, kMaxText);
      const auto document = parse_json(as_text(bytes), "oci-config.json");
      const JsonView view(document, "oci-config.json");
      input_.entrypoint = view["Entrypoint"].text_list();
      input_.cmd = view["Cmd"].text_list();
      input_.env = view["Env"].text_list();
      input_.working_dir = view["WorkingDir"].text_or("");
      input_.configured = true;
      look_for_tokens(as_text(bytes), "", "in the configuration", out_);
    }
    for (const auto* definition : sif.objects_of(sif::DataType::deffile)) {
      look_for_tokens(as_text(sif.read_data(*definition, kMaxText)), "", "in the definition file", out_);
    }
    if (!is_signed(sif)) {
      out_.add("unsigned", "",
               sif.objects_of(sif::DataType::signature).empty() ? "the SIF has no signature"
                                                                : "no signature covers the file system of the SIF");
    }
  }

  /// Whether somebody has signed the file system; whether the signature is good is what `verify` tells.
  static bool is_signed(const sif::Image& sif) {
    const auto* const partition = sif.primary_partition();
    if (partition == nullptr) return !sif.objects_of(sif::DataType::signature).empty();
    try {
      return trust::is_named_by_signature(sif, partition->id);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return false;
    }
  }

  void choose_files() {
    walk(tree_, Tree::kRoot, [&](const WalkedName& name) {
      const std::string path(name.path);
      const Inode& inode = tree_.inode(name.inode);
      surface_.look(path, inode);
      accelerators_.look(path, inode);
      look_at_name(path, inode, out_);
      if (is_library_name(tree_.text_of(name.name)))
        places_.libraries.try_emplace(std::string(tree_.text_of(name.name)), "/" + path);
      if (inode.type == EntryType::regular && inode.size != 0)
        request(path, name.inode, inode, tree_.text_of(name.name));
      return true;
    });
    if (const auto release = tree_.resolve("etc/os-release", true); release && is_small_file(*release, kMaxLines))
      requests_.add(*release, Part::whole, [this](ByteView bytes) { os_release_ = as_text(bytes); });
    if (const auto cache = tree_.resolve("etc/ld.so.cache", true); cache && tree_.inode(*cache).size <= kMaxText) {
      if (tree_.inode(*cache).type == EntryType::regular) {
        requests_.add(*cache, Part::whole, [this](ByteView bytes) { loader_files_.cache = as_text(bytes); });
      }
    }
  }

  void request(const std::string& path, InodeId id, const Inode& inode, std::string_view name) {
    if (((inode.metadata.mode & 0111) != 0 || is_library_name(name)) && inode.size <= kMaxProgram) {
      if (places_.files.try_emplace(id, "/" + path).second) {
        requests_.add_program(
            id, [this, id](ByteView bytes, const ElfFile::Fetch& fetch) { programs_.add(id, bytes, fetch); });
      }
    }
    if (secret_files_.wants(path, inode.size)) {
      auto& names = secret_names_[id];
      names.push_back(path);
      if (names.size() == 1) {
        requests_.add(id, Part::whole,
                      [this, &names](ByteView bytes) { look_for_secrets(names, as_text(bytes), out_); });
      }
    }
    if (Accelerators::is_version(path) && inode.size <= Accelerators::kMaxVersionFile) {
      requests_.add(id, Part::whole,
                    [this, path](ByteView bytes) { accelerators_.read_version(path, as_text(bytes)); });
    }
    if (path.starts_with("etc/ld-musl-") && path.ends_with(".path") && inode.size <= kMaxLines) {
      requests_.add(id, Part::whole, [this](ByteView bytes) { loader_files_.musl_path = as_text(bytes); });
    }
  }

  /// One damaged block keeps no other file from being judged.
  void read(FileRequests& requests) {
    std::string first;
    try {
      return requests.read(image_.files(), options_.operation);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      first = error.what();
    }
    std::map<InodeId, std::string> failures;
    const auto left = requests.read_rest(image_.files(), options_.operation, [&](InodeId inode, const Error& error) {
      if (!is_damage(error)) throw;
      failures.emplace(inode, error.what());
      return failures.size() < Findings::kMaxOfKind;
    });
    walk(tree_, Tree::kRoot, [&](const WalkedName& name) {
      const auto failure = failures.find(name.inode);
      if (failure != failures.end() && damaged_.insert(name.inode).second)
        out_.add("damaged", "/" + std::string(name.path), failure->second + ": it is not judged");
      return true;
    });
    if (left != 0)
      out_.add("damaged", "", fmt::format("{} more files are not judged: too many cannot be read", left));
    if (failures.empty()) tell_of_damage(first);
  }

  /// Damage of no file: where there is other damage, that is likely the same.
  void tell_of_damage(const std::string& what) {
    if (!damaged_.empty() || damage_told_) return;
    out_.add("damaged", "", what);
    damage_told_ = true;
  }

  /// What a later layer replaces or removes is still in the archive, for all who have that.
  void look_at_hidden_files() {
    if (image_.image() == nullptr) return;
    const auto layers = image_.image()->layers().size();
    TextSink sink;
    std::string where;
    sink.done = [&](std::string_view text) {
      Findings found;
      look_for_secrets({sink.path}, text, found);
      Report of_file;
      found.give(of_file);
      for (auto& finding : of_file.findings) {
        out_.add("hidden-secret", std::move(finding.path), fmt::format("{}: {}", where, finding.text));
      }
    };
    try {
      image_.read_hidden([&](const HiddenFile& file) -> ContentSink* {
        if (!hidden_secret_files_.wants(file.path, file.size)) return nullptr;
        sink.path = file.path;
        where = fmt::format("layer {} of {} has it, though a later one hides it", file.layer + 1, layers);
        return &sink;
      });
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      tell_of_damage(error.what());
    }
  }

  void look_at_architecture() {
    auto& architecture = report_.facts.architecture;
    std::string_view shell;
    if (const auto found = tree_.resolve("bin/sh", true)) {
      if (const auto* object = programs_.elf(*found)) shell = object->architecture;
    }
    if (architecture.empty())
      architecture = shell.empty() ? architecture_of_programs(tree_, programs_, places_) : shell;
    if (!shell.empty() && !runs_on(architecture, shell)) {
      out_.add("architecture", "/bin/sh",
               fmt::format("the image says that it is for {}, its shell is for {}", printable(architecture), shell));
      foreign_ = true;
    }
    if (options_.architecture.empty() || architecture.empty()) return;
    const std::string variant = image_.image() == nullptr ? "" : image_.image()->config().platform.variant;
    if (runs_on(options_.architecture, architecture) && !is_later_variant(variant, options_.variant)) return;
    out_.add("architecture", "",
             fmt::format("the image is for {}, the machine is {}", printable(with_variant(architecture, variant)),
                         with_variant(options_.architecture, options_.variant)));
  }

  void look_at_libc(const Loader& loader) {
    auto& facts = report_.facts;
    std::string version;
    if (const auto inode = loader.glibc(facts.architecture); inode != kNone) {
      if (const auto* libc = programs_.elf(inode)) {
        for (const auto& offer : libc->offers) {
          if (offer.starts_with("GLIBC_2.") && (version.empty() || is_older(version, offer.substr(6))))
            version = offer.substr(6);
        }
        facts.kernel = libc->oldest_kernel;
      }
      facts.libc = version.empty() ? "glibc" : "glibc " + version;
    } else if (std::any_of(places_.libraries.begin(), places_.libraries.end(),
                           [](const auto& entry) { return entry.first.starts_with("ld-musl-"); })) {
      facts.libc = "musl";
    }
    if (is_older(kOldestCommonKernel, facts.kernel)) {
      out_.add("kernel-floor", "", fmt::format("the image's C library needs Linux {} or newer", facts.kernel));
    }
    if (options_.glibc.empty() || (!version.empty() && !is_older(version, options_.glibc))) return;
    const auto has = !version.empty() ? version : facts.libc.empty() ? "no glibc" : facts.libc;
    out_.add("glibc-too-old", "",
             fmt::format("libraries of the host need glibc {}, and the image has {}", options_.glibc, has));
  }

  /// Which processors the C library runs on.
  void look_at_processor(const Loader& loader) {
    const auto inode = loader.glibc(report_.facts.architecture);
    if (report_.facts.architecture != "amd64" || inode == kNone) return;
    if (const auto* libc = programs_.elf(inode)) processor_level_ = libc->processor_level;
    if (processor_level_ == 0) processor_level_ = level_of_distribution(os_release_);
    report_.facts.processor = level_text(processor_level_);
    if (processor_level_ < 2) return;
    const auto variant = options_.architecture == "amd64" ? options_.variant : std::string();
    const bool refused = is_later_variant(fmt::format("v{}", processor_level_), variant);
    out_.add("cpu-floor", refused ? Severity::error : severity_of_level(processor_level_), "",
             fmt::format("the image's C library needs processors of the level {}{}", report_.facts.processor,
                         refused ? fmt::format(", the machine has {}", with_variant("amd64", variant)) : ""));
  }

  /// The entrypoint, the runscript, the shell and the mount points.
  void look_at_start(Needs& needs) {
    if (!foreign_) input_.architecture = report_.facts.architecture;
    input_.path_certain = environment_known_;
    input_.expects_program = true;
    check_runtime(tree_, [this](InodeId inode) { return programs_.lookup(inode); }, input_,
                  {.add = [this](std::string_view kind, const std::string& path,
                                 std::string text) { out_.add(kind, path, std::move(text)); },
                   .uncertain = [this](std::string_view kind, const std::string& path,
                                       std::string text) { out_.add(kind, Severity::note, path, std::move(text)); },
                   .started = [&](const std::string& place, InodeId inode,
                                  bool sound) { needs.look_at_started(place, inode, sound); }});
  }

  OpenedFileSystem& image_;
  const Tree& tree_;
  const Options& options_;
  Report report_;
  Findings out_;
  Surface surface_;
  Accelerators accelerators_;
  SecretFiles secret_files_;
  SecretFiles hidden_secret_files_;
  Programs programs_;
  FileRequests requests_;
  RuntimeCheckInput input_;
  LoaderFiles loader_files_;
  ProgramPlaces places_;
  std::map<InodeId, std::vector<std::string>> secret_names_;  ///< of what is looked at for secrets
  std::set<InodeId> damaged_;       ///< and told of
  bool damage_told_ = false;        ///< of what is no file
  bool environment_known_ = true;  ///< LD_LIBRARY_PATH and PATH are what the runtime sets
  std::string os_release_;
  unsigned processor_level_ = 0;  ///< of x86-64, that the C library needs
  bool foreign_ = false;  ///< the programs are for another machine, and that has been said
};

}  // namespace

Report check_image(OpenedFileSystem& image, const Options& options) { return Check(image, options).run(); }

}  // namespace sifkit::check
