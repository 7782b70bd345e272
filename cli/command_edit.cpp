// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/file.h>
#include <sifkit/core/readable.h>
#include <sifkit/core/stream.h>
#include <sifkit/image_edit.h>
#include <sifkit/oci/reference.h>
#include <sifkit/trust/sign.h>

#include "commands.h"
#include "keys.h"
#include "name_values.h"
#include "numbers.h"
#include "sif_edit.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

constexpr std::uint64_t kMaxText = 64u << 20;  ///< of a runscript or a definition

struct EditArguments {
  std::string image;
  std::vector<std::string> labels;
  std::vector<std::string> removed_labels;
  std::vector<std::string> env;
  std::vector<std::string> unset;
  std::string runscript;
  std::string definition;
  std::optional<std::string> name;
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::string compress;
  unsigned threads = 0;
  bool verify_after = false;
  KeyArguments key;
  bool sign = false;
};

std::string name_of_input(const std::string& path) { return path == "-" ? "standard input" : in_quotes(path); }

/// Of a file or, for "-", of standard input; `what` it is to become is for the error.
std::string text_of_file(const std::string& path, std::string_view what, const Session& session) {
  const auto source = open_input(path, session);
  const auto name = name_of_input(path);
  std::string text(as_text(read_all(*source, kMaxText, name)));
  if (text.find('\0') != std::string::npos)
    throw Error(ErrorKind::usage, fmt::format("the {} in {} is no text: it holds a NUL byte", what, name));
  return text;
}

/// Labels are JSON, which has no other bytes; what took their place would be another label.
void expect_utf8(const std::vector<std::string>& labels) {
  for (const auto& text : labels) {
    if (!is_utf8(text)) throw Error(ErrorKind::usage, fmt::format("--label {}: expected UTF-8", in_quotes(text)));
  }
}

/// "FILE:/path/in/the/image"; the file's own name may hold colons.
AddedFile added_file(const std::string& text) {
  const auto colon = text.rfind(":/");
  if (colon == std::string::npos || colon == 0) {
    throw Error(ErrorKind::usage, fmt::format("--add {}: expected FILE:/PATH, the path in the image", in_quotes(text)));
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// The file that is to be changed; its transport may be named.
std::string file_of(const std::string& image) {
  const auto reference = oci::Reference::parse(image);
  const bool named = reference.transport == oci::Transport::sif || reference.transport == oci::Transport::squashfs;
  if (named && reference.selector.empty()) return reference.location;
  if (reference.transport == oci::Transport::automatic) return image;
  throw Error(ErrorKind::usage,
              fmt::format("{}: expected a SIF file or a squashfs image (FILE, sif:FILE or squashfs:FILE) to be changed "
                          "in its place", in_quotes(image)),
              "'sifkit build' makes one of what is read from elsewhere");
}

ConvertOptions edit_options(const EditArguments& arguments, const Session& session) {
  ConvertOptions options;
  options.operation = session.operation();
  options.threads = arguments.threads;
  options.digests_output = session.json || !session.quiet;
  options.verify_after = arguments.verify_after;
  options.labels = name_values(arguments.labels, "--label");
  expect_utf8(arguments.labels);
  options.env = name_values(arguments.env, "--env");
  options.excludes = arguments.removed;
  if (!arguments.compress.empty()) layers::parse_compression(arguments.compress, options.squashfs);
  auto& edit = options.edit.emplace();
  edit.removed_labels = arguments.removed_labels;
  edit.unset = arguments.unset;
  if (arguments.runscript == "-" && arguments.definition == "-")
    throw Error(ErrorKind::usage, "--runscript and --deffile both read standard input, which is there once");
  if (!arguments.runscript.empty()) {
    edit.runscript = text_of_file(arguments.runscript, "runscript", session);
    if (edit.runscript->empty())
      throw Error(ErrorKind::usage, fmt::format("the runscript in {} is empty", name_of_input(arguments.runscript)));
  }
  if (!arguments.definition.empty()) edit.definition = text_of_file(arguments.definition, "definition", session);
  edit.name = arguments.name;
  for (const auto& text : arguments.added) edit.files.push_back(added_file(text));
  if (is_to_sign(arguments.sign, arguments.key)) {
    options.signs = true;
    options.before_commit = [keys = signing_keys(arguments.key, session), operation = options.operation](File& file) {
      trust::SignOptions signing;
      signing.operation = operation;
      trust::sign_in_place(file, keys, signing);
    };
  }
  return options;
}

int edit(const EditArguments& arguments, Session& session) {
  auto options = edit_options(arguments, session);
  const bool changes = arguments.name || !arguments.compress.empty() || !options.labels.empty() || !options.env.empty() ||
                       !options.excludes.empty() || options.edit->changes_container() || !options.edit->files.empty();
  if (!changes) throw Error(ErrorKind::usage, "nothing to change", "see 'sifkit edit --help' for what can be changed");
  WarningList warnings;
  const auto file = file_of(arguments.image);
  struct stat old {};
  if (::stat(file.c_str(), &old) != 0) old = {};  // whoever opens it says so
  const ConvertReport report = edit_image(file, std::move(options), arguments.compress.empty(), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  warn_of_other_names(file, old, session);
  if (session.json) {
    Json listed = Json::array();
    for (const auto& warning : warnings.listed()) listed.push_back({{"kind", warning.kind}, {"text", warning.text}});
    session.print_json({{"schema", "sifkit/edit/v1"},
                        {"image", arguments.image},
                        {"bytes", report.bytes},
                        {"digest", report.digest->text()},
                        {"file_bytes", report.file_bytes},
                        {"reused_bytes", report.reused_bytes},
                        {"warnings", listed}});
  } else if (!session.quiet) {
    session.logger->write_line(fmt::format("{}: {}, {} of the data copied as it was packed, {}", printable(arguments.image),
                                           human_bytes(report.bytes), human_bytes(report.reused_bytes), report.digest->text()));
  }
  return 0;
}

}  // namespace

void add_edit_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "edit", "Change a SIF file or a squashfs image in its place");
  const auto arguments = std::make_shared<EditArguments>();
  auto& a = *arguments;
  verb->add_option("image", a.image, "The file to change")->required()->type_name("IMG");
  const auto several = [&](const char* name, std::vector<std::string>& values, const char* description, const char* type) {
    verb->add_option(name, values, description)->type_name(type)->allow_extra_args(false);
  };
  several("--label", a.labels, "Set a label (may be given again)", "NAME=VALUE");
  several("--remove-label", a.removed_labels, "Take a label away", "NAME");
  several("--env", a.env, "Set a variable of the container (may be given again)", "NAME=VALUE");
  several("--unset", a.unset, "Take a variable of the image away", "NAME");
  verb->add_option("--runscript", a.runscript, "File with the script that the container runs; - for standard input")
      ->type_name("FILE");
  verb->add_option("--deffile", a.definition, "File with the definition; - for standard input")->type_name("FILE");
  verb->add_option("--name", a.name, "The name of the partition, as 'sif info' shows it")->type_name("NAME");
  several("--add", a.added, "Put a file, a link or a directory with all that is in it into the image, root's; a file "
          "replaces a file, a link a file or a link, directories are merged", "FILE:/PATH");
  several("--remove", a.removed, "Take out what matches a shell pattern, with all that is in it", "GLOB");
  verb->add_option("--compress", a.compress, "Compression (default: that of the image): gzip[:1-12], zstd[:1-22], lz4, xz[:1-9] or none")->type_name("CODEC");
  verb->add_option("-j,--threads", a.threads, "Threads that compress (default: what the job may use)")->transform(Integer<unsigned>())->type_name("N");
  verb->add_flag("--verify-after", a.verify_after, "Read the changed image back and compare every file before it takes the old one's place");
  verb->add_flag("--sign", a.sign, "Sign the changed SIF before it takes the old one's place; --key does so, too");
  add_key_options(*verb, a.key);
  set_action(*verb, session, arguments, edit);
}

}  // namespace sifkit::cli
