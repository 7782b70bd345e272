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
#include <sifkit/sif/image.h>

#include "damage.h"
#include "file_requests.h"
#include "findings.h"
#include "loader.h"
#include "programs.h"
#include "secrets.h"
#include "surface.h"
#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

constexpr std::uint64_t kMaxProgram = 1u << 30;
constexpr std::uint64_t kMaxText = 16u << 20;
constexpr std::uint64_t kMaxLines = 64u << 10;  ///< of a file of a few lines, which is looked at under each of its names
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kRunScript = "/.singularity.d/runscript";
constexpr std::string_view kOldestCommonKernel = "3.10";  ///< that of Enterprise Linux 7
using Part = FileRequests::Part;

class Check {
 public:
  Check(OpenedFileSystem& image, const Options& options)
      : image_(image), tree_(image.tree()), options_(options), surface_(tree_, out_) {}

  Report run() {
    read_configuration();
    choose_files();
    noting_damage([&] { requests_.read(image_.files(), options_.operation); });
    look_at_hidden_files();
    surface_.finish();
    accelerators_.finish(report_.facts, out_);
    look_at_architecture();
    const Loader loader(tree_, programs_, std::move(loader_files_));
    look_at_libc(loader);
    look_at_start();
    look_at_path(loader);
    tell_of_loaders();
    look_at_libraries(loader);
    if (const auto* squashfs = image_.squashfs()) look_at_container(squashfs->block_size(), squashfs->codec(), out_);
    if (options_.deep) find_damage(image_.files(), options_.operation, out_);
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
    const bool script = walk_image_path(tree_, kRunScript).inode != kNone;
    if (script && input_.entrypoint.empty() && input_.cmd.empty()) input_.cmd = {std::string(kRunScript)};
    for (const auto& entry : input_.env) {
      if (entry.starts_with("PATH=")) path_ = entry.substr(5) + ":";
      if (entry.starts_with("LD_LIBRARY_PATH=")) loader_files_.library_path = split(entry.substr(16), ':');
    }
    path_ += kDefaultPath;
    loader_files_.library_path.emplace_back("/.singularity.d/libs");
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
    if (sif.objects_of(sif::DataType::signature).empty()) out_.add("unsigned", "", "the SIF has no signature");
  }

  void choose_files() {
    walk(tree_, Tree::kRoot, [&](const WalkedName& name) {
      const std::string path(name.path);
      const Inode& inode = tree_.inode(name.inode);
      surface_.look(path, inode);
      accelerators_.look(path, inode);
      look_at_name(path, inode, out_);
      if (is_library_name(tree_.text_of(name.name)))
        libraries_.try_emplace(std::string(tree_.text_of(name.name)), "/" + path);
      if (inode.type == EntryType::regular && inode.size != 0)
        request(path, name.inode, inode, tree_.text_of(name.name));
      return true;
    });
    if (const auto cache = tree_.resolve("etc/ld.so.cache", true); cache && tree_.inode(*cache).size <= kMaxText) {
      if (tree_.inode(*cache).type == EntryType::regular) {
        requests_.add(*cache, Part::whole, [this](ByteView bytes) { loader_files_.cache = as_text(bytes); });
      }
    }
  }

  void request(const std::string& path, InodeId id, const Inode& inode, std::string_view name) {
    if (((inode.metadata.mode & 0111) != 0 || is_library_name(name)) && inode.size <= kMaxProgram) {
      if (places_.try_emplace(id, "/" + path).second) {
        requests_.add_program(
            id, [this, id](ByteView bytes, const ElfFile::Fetch& fetch) { programs_.add(id, bytes, fetch); });
      }
    }
    if (may_hold_secrets(path, inode.size)) {
      auto& names = secret_names_[id];
      names.push_back(path);
      if (names.size() == 1) {
        requests_.add(id, Part::whole,
                      [this, &names](ByteView bytes) { look_for_secrets(names, as_text(bytes), out_); });
      }
    }
    if (Accelerators::is_version(path) && inode.size <= kMaxLines) {
      requests_.add(id, Part::whole,
                    [this, path](ByteView bytes) { accelerators_.read_version(path, as_text(bytes)); });
    }
    if (path.starts_with("etc/ld-musl-") && path.ends_with(".path") && inode.size <= kMaxLines) {
      requests_.add(id, Part::whole, [this](ByteView bytes) { loader_files_.musl_path = as_text(bytes); });
    }
  }

  template <class Body>
  void noting_damage(const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      out_.add("damaged", "", error.what());
    }
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
    noting_damage([&] {
      image_.read_hidden([&](const HiddenFile& file) -> ContentSink* {
        if (!may_hold_secrets(file.path, file.size)) return nullptr;
        sink.path = file.path;
        where = fmt::format("layer {} of {} has it, though a later one hides it", file.layer + 1, layers);
        return &sink;
      });
    });
  }

  void look_at_architecture() {
    auto& architecture = report_.facts.architecture;
    std::string_view shell;
    if (const auto found = tree_.resolve("bin/sh", true)) {
      if (const auto* object = programs_.elf(*found)) shell = object->architecture;
    }
    if (architecture.empty()) architecture = shell;
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
    } else if (std::any_of(libraries_.begin(), libraries_.end(),
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

  /// The entrypoint, the runscript, the shell and the mount points.
  void look_at_start() {
    if (!foreign_) input_.architecture = report_.facts.architecture;
    WarningList warnings;
    check_runtime(tree_, [this](InodeId inode) { return programs_.lookup(inode); }, input_, warnings);
    for (const auto& warning : warnings.listed()) out_.add(warning.kind, "", warning.text);
  }

  /// Programs that are found by their names.
  void look_at_path(const Loader& loader) {
    std::set<std::string> directories;
    for (const auto& directory : split(path_, ':')) {
      const auto found = walk_image_path(tree_, directory);
      if (found.inode == kNone || tree_.inode(found.inode).type != EntryType::directory ||
          !directories.insert(found.place).second)
        continue;
      for (const NameId name : tree_.sorted_children(found.inode)) {
        const auto path = fmt::format("{}/{}", found.place, tree_.text_of(name));
        const auto program = walk_image_path(tree_, path);
        if (program.inode == kNone || tree_.inode(program.inode).type != EntryType::regular) continue;
        if ((tree_.inode(program.inode).metadata.mode & 0111) == 0 || !on_path_.insert(program.inode).second) continue;
        if (const auto* object = programs_.elf(program.inode))
          look_at_program(program.place, program.inode, *object, loader);
        if (const auto* line = programs_.script(program.inode); line != nullptr && *line)
          look_at_script(program.place, **line);
      }
    }
  }

  void tell_of_loaders() {
    for (const auto& [loader, programs] : without_loader_) {
      const auto& [first, count] = programs;
      const auto others = count == 1 ? std::string() :
                                     fmt::format(", as {} more {}", count - 1, count == 2 ? "does" : "do");
      out_.add("program-loader", first,
               fmt::format("it needs the loader {}, which is not in the image{}", in_quotes(loader), others));
    }
  }

  void look_at_program(const std::string& path, InodeId inode, const ElfObject& object, const Loader& loader) {
    const auto& architecture = report_.facts.architecture;
    const bool told = !foreign_ && !architecture.empty() && !object.architecture.empty();
    if (told && !runs_on(architecture, object.architecture)) {
      out_.add("program-architecture", Severity::warning, path,
               fmt::format("a program for {} in an image for {}", object.architecture, printable(architecture)));
      return;
    }
    if (object.loader && object.loader->starts_with('/') && walk_image_path(tree_, *object.loader).inode == kNone) {
      auto& [first, count] = without_loader_[*object.loader];
      if (count++ == 0) first = path;
      return;
    }
    for (const auto& missing : loader.missing(path, inode)) {
      if (is_of_driver(missing.library)) {
        note_driver(missing.library, path);
      } else {
        tell(missing, Severity::error, path, path);
      }
    }
  }

  void tell(const Loader::Missing& missing, Severity severity, const std::string& path, const std::string& whose) {
    const auto by = missing.needed_by == whose ? std::string() : fmt::format(" for {}", in_quotes(missing.needed_by));
    if (!missing.level.empty()) {
      out_.add("cpu-level", std::min(severity, Severity::warning), path,
               fmt::format("it needs {}{}, which is there for processors of the level {} alone",
                           in_quotes(missing.library), by, in_quotes(missing.level)));
      return;
    }
    if (!missing.version.empty()) {
      out_.add("symbol-version", severity, path,
               fmt::format("it needs version {} of {}{}, which is older", in_quotes(missing.version),
                           in_quotes(missing.library), by));
      return;
    }
    const auto elsewhere = libraries_.find(missing.library);
    out_.add("library-missing", severity, path,
             fmt::format("it needs {}{}, which {}", in_quotes(missing.library), by,
                         elsewhere == libraries_.end()
                             ? "is not in the image"
                             : fmt::format("is at {}, where the loader does not look", in_quotes(elsewhere->second))));
  }

  void note_driver(const std::string& library, const std::string& path) {
    if (drivers_.insert(library).second)
      out_.add("needs-host-driver", path,
               fmt::format("it needs {}, which the host's driver brings", in_quotes(library)));
  }

  void look_at_script(const std::string& path, std::string_view line) {
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return;
    const auto interpreter = line.substr(start, std::min(line.find_first_of(" \t\r", start), line.size()) - start);
    if (!interpreter.starts_with('/') || walk_image_path(tree_, interpreter).inode != kNone) return;
    // Packages bring scripts for interpreters that they only recommend.
    out_.add("program-interpreter", Severity::note, path,
             fmt::format("it needs the interpreter {}, which is not in the image", in_quotes(interpreter)));
  }

  /// Programs and libraries elsewhere: whoever loads them may bring what they need, so nothing of this is certain.
  void look_at_libraries(const Loader& loader) {
    std::map<std::string, std::pair<Loader::Missing, std::size_t>> by_library;
    std::map<std::string, std::string> first;
    std::vector<std::pair<std::string, InodeId>> order;
    for (const auto& [inode, path] : places_) {
      if (!on_path_.contains(inode) && programs_.elf(inode) != nullptr) order.emplace_back(path, inode);
    }
    std::sort(order.begin(), order.end());
    for (const auto& [path, inode] : order) {
      options_.operation.check();
      const auto* object = programs_.elf(inode);
      if (object->architecture != report_.facts.architecture) continue;
      for (const auto& missing : loader.missing(path, inode)) {
        if (missing.needed_by != path) continue;
        if (is_of_driver(missing.library)) {
          note_driver(missing.library, path);
          continue;
        }
        const auto key = missing.library + "/" + missing.version + "/" + missing.level;
        if (by_library.try_emplace(key, missing, 0).first->second.second++ == 0) first[key] = path;
      }
    }
    for (const auto& [key, entry] : by_library) tell(entry.first, Severity::note, first[key], first[key]);
  }

  OpenedFileSystem& image_;
  const Tree& tree_;
  const Options& options_;
  Report report_;
  Findings out_;
  Surface surface_;
  Accelerators accelerators_;
  Programs programs_;
  FileRequests requests_;
  RuntimeCheckInput input_;
  std::string path_;
  LoaderFiles loader_files_;
  std::map<std::string, std::string> libraries_;  ///< the first place of each name
  std::map<InodeId, std::vector<std::string>> secret_names_;  ///< of what is looked at for secrets
  std::map<InodeId, std::string> places_;         ///< of what is looked at as a program
  std::set<InodeId> on_path_;
  std::map<std::string, std::pair<std::string, std::size_t>> without_loader_;  ///< on PATH: the first, how many
  std::set<std::string> drivers_;
  bool foreign_ = false;  ///< the programs are for another machine, and that has been said
};

}  // namespace

Report check_image(OpenedFileSystem& image, const Options& options) { return Check(image, options).run(); }

}  // namespace sifkit::check
