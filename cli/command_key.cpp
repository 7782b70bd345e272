// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/file.h>
#include <sifkit/core/secret.h>
#include <sifkit/core/text.h>
#include <sifkit/trust/key_store.h>

#include "commands.h"
#include "each_of.h"
#include "key_text.h"
#include "passphrase.h"
#include "keys.h"
#include "one_of.h"
#include "process.h"
#include "stream_sink.h"

namespace sifkit::cli {

namespace {

struct KeyCommand {
  std::string directory;
  bool secret = false;
  // newpair
  std::string name, email, comment;
  PassphraseArguments passphrase;
  bool no_passphrase = false;
  trust::KeyAlgorithm algorithm = trust::KeyAlgorithm::ed25519;
  std::string expires = "2y";
  // import
  std::vector<std::string> files;
  bool no_secret = false;
  // export, remove
  std::vector<std::string> which;
  std::string output;
  bool armor = false;
  bool force = false;

  trust::KeyStore store() const {
    if (directory.empty()) return trust::KeyStore(trust::KeyStore::default_directory());
    std::error_code error;
    if (const auto status = std::filesystem::status(directory, error);
        std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
      throw Error(ErrorKind::usage, fmt::format("--keydir {} is no directory", in_quotes(directory)));
    }
    return trust::KeyStore(directory);
  }
  trust::KeyPart part() const { return secret ? trust::KeyPart::secret_key : trust::KeyPart::public_key; }
};

void talk(const Session& session, const std::string& text) {
  if (!session.quiet && !session.json) session.logger->write_line(text);
}

int new_pair(const KeyCommand& arguments, Session& session) {
  forbid_core_dumps();
  const auto lifetime = lifetime_from(arguments.expires, std::time(nullptr));
  trust::NewPgpKey wanted{.name = arguments.name, .comment = arguments.comment, .email = arguments.email, .passphrase = {}, .algorithm = arguments.algorithm, .lifetime = lifetime};
  if (wanted.name.empty() && wanted.email.empty()) {
    if (!session.io.in_is_terminal) throw Error(ErrorKind::usage, "a key needs a name or an email", "use --name and --email");
    const auto ask = [&](std::string_view question) { return ask_terminal(question, Echo::yes, session.io.stop, "there is no terminal to ask for a name", "use --name and --email"); };
    wanted.name = ask("Name: ");
    wanted.email = ask("Email: ");
    if (wanted.comment.empty()) wanted.comment = ask("Comment (may be empty): ");
  }
  const Wiper wiper(wanted.passphrase);
  if (!arguments.no_passphrase) wanted.passphrase = new_passphrase(arguments.passphrase, session.io.stop);
  const auto store = arguments.store();
  const auto key = store.generate(wanted);
  const auto certificate = (store.directory() / "revocations" / (key.fingerprint + ".asc")).native();
  if (session.json) {
    session.print_json({{"schema", "sifkit/key-newpair/v1"}, {"directory", store.directory().native()}, {"revocation", certificate}, {"key", key_record(key)}});
    return 0;
  }
  if (!session.quiet) session.io.out << one_line(key) << '\n';
  talk(session, key.expires ? fmt::format("expires {}; what it has signed is trusted until then", utc_date(*key.expires)) : "never expires");
  talk(session, fmt::format("if it is ever lost or stolen, import {} and publish the key again", in_quotes(certificate)));
  return 0;
}

/// Their places, in the order of the ring. Throws not_found for a name that means none.
std::vector<std::size_t> those_meant(const std::vector<trust::PgpKeyInfo>& keys, const std::vector<std::string>& which,
                                     trust::KeyPart part, const std::string& ring) {
  std::set<std::size_t> places;
  for (const auto& one : which) {
    const auto meant = trust::keys_meant(keys, one);
    if (meant.empty()) trust::key_meant(keys, one, to_string(part), ring);  // says what there is
    places.insert(meant.begin(), meant.end());
  }
  return {places.begin(), places.end()};
}

int list(const KeyCommand& arguments, Session& session) {
  const auto store = arguments.store();
  const auto keys = store.list(arguments.part());
  const auto ring = store.ring(arguments.part()).native();
  std::vector<std::size_t> places(keys.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  if (!arguments.which.empty()) places = those_meant(keys, arguments.which, arguments.part(), ring);
  if (session.json) {
    Json records = Json::array();
    for (const auto place : places) {
      records.push_back(key_record(keys[place]));
      records.back()["index"] = place;
    }
    session.print_json({{"schema", "sifkit/key-list/v1"}, {"ring", ring}, {"keys", records}});
  } else if (keys.empty()) {
    talk(session, fmt::format("no keys in {}", in_quotes(ring)));
  } else {
    session.io.out << table_of(keys, places, session.io);
  }
  return 0;
}

Bytes input(const std::string& file, const Session& session) {
  return read_all(*open_input(file, session), trust::kMaxKeyFileBytes, file == "-" ? "standard input" : file);
}

int import_keys(const KeyCommand& arguments, Session& session) {
  forbid_core_dumps();
  const auto store = arguments.store();
  Json records = Json::array();
  const int code = for_each_of(arguments.files, session, [&](const std::string& file) {
    auto bytes = input(file, session);
    const Wiper wiper(bytes);
    const auto done = store.import_keys(bytes, file == "-" ? "standard input" : file, !arguments.no_secret);
    for (const auto& [key, change] : done) {
      auto record = key_record(key);
      record["change"] = to_string(change);
      record["file"] = file;
      records.push_back(std::move(record));
      talk(session, fmt::format("{} {} key {}", to_string(change), to_string(key.part), one_line(key)));
      if (!key.problem.empty()) session.logger->write(LogLevel::warning, fmt::format("the key {} {}", key.fingerprint, printable(key.problem)));
      if (key.part == trust::KeyPart::secret_key && key.open) session.logger->write(LogLevel::warning, fmt::format("the secret key {} has no passphrase", key.fingerprint));
    }
  });
  if (session.json) session.print_json({{"schema", "sifkit/key-import/v1"}, {"directory", store.directory().native()}, {"keys", records}});
  return code;
}

void check_standard_output(const KeyCommand& arguments, const Session& session) {
  if (arguments.secret && session.io.out_is_terminal) throw Error(ErrorKind::usage, "a secret key is not written to a terminal", "name a file by --output");
  if (arguments.secret && session.io.out_is_for_others) {
    throw Error(ErrorKind::usage, "a secret key is not written to a file that others may open", "name a file by --output, which makes it for you alone");
  }
  if (!arguments.armor && session.io.out_is_terminal) throw Error(ErrorKind::usage, "a binary key is not written to a terminal", "--armor makes it text");
}

int export_keys(const KeyCommand& arguments, Session& session) {
  const bool to_stdout = arguments.output.empty() || arguments.output == "-";
  if (to_stdout && session.json) throw Error(ErrorKind::usage, "the key and the JSON record cannot both go to standard output", "name a file by --output");
  if (to_stdout) check_standard_output(arguments, session);
  if (arguments.secret) forbid_core_dumps();
  const auto store = arguments.store();
  Bytes bytes;
  const Wiper wiper(bytes);
  Json records = Json::array();
  for (const auto& which : arguments.which) {
    const auto key = store.find(which, arguments.part());
    auto one = store.export_key(key.fingerprint, arguments.part(), arguments.armor);
    const Wiper one_wiper(one);
    bytes.insert(bytes.end(), one.begin(), one.end());
    records.push_back(key_record(key));
  }
  if (to_stdout) {
    StreamSink(session.io).write(bytes);
  } else {
    AtomicFile out(arguments.output, arguments.force ? Overwrite::yes : Overwrite::no, arguments.secret ? 0600 : 0666);
    out.file().write_at(0, bytes);
    out.commit();
  }
  if (session.json) session.print_json({{"schema", "sifkit/key-export/v1"}, {"output", arguments.output}, {"armored", arguments.armor}, {"keys", records}});
  return 0;
}

void confirm(const trust::PgpKeyInfo& key, const Session& session) {
  const auto answer = ask_terminal(fmt::format("Remove the secret key {}\nfor ever? (yes/no) ", one_line(key)), Echo::yes, session.io.stop, "there is no terminal to ask whether the secret key is to go for ever",
                                   "--force removes it without asking");
  if (answer != "yes") throw Error(ErrorKind::usage, "the secret key was not removed");
}

int remove(const KeyCommand& arguments, Session& session) {
  const auto store = arguments.store();
  Json records = Json::array();
  const int code = for_each_of(arguments.which, session, [&](const std::string& which) {
    if (arguments.secret && !arguments.force) confirm(store.find(which, arguments.part()), session);
    const auto key = store.remove(which, arguments.part());
    records.push_back(key_record(key));
    talk(session, fmt::format("removed {} key {}", to_string(arguments.part()), one_line(key)));
  });
  if (session.json) session.print_json({{"schema", "sifkit/key-remove/v1"}, {"directory", store.directory().native()}, {"keys", records}});
  return code;
}

const std::map<std::string, trust::KeyAlgorithm> kAlgorithms{{"ed25519", trust::KeyAlgorithm::ed25519}, {"rsa4096", trust::KeyAlgorithm::rsa4096}};

/// The name of an algorithm, in either case, to its number, which the option takes.
class AlgorithmName : public CLI::Validator {
 public:
  AlgorithmName() {
    func_ = [](std::string& text) -> std::string {
      if (const auto found = kAlgorithms.find(lower_case(text)); found != kAlgorithms.end()) {
        text = std::to_string(static_cast<unsigned>(found->second));
        return {};
      }
      std::vector<std::string> names;
      for (const auto& [name, algorithm] : kAlgorithms) names.push_back(name);
      return fmt::format("expected {}, got {}", one_of(names), in_quotes(text));
    };
  }
};

}  // namespace

void add_key_command(CLI::App& root, Session& session) {
  CLI::App* family = root.add_subcommand("key", "Keep OpenPGP keys to sign and verify with");
  family->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, int (*run)(const KeyCommand&, Session&)) {
    CLI::App* verb = add_verb(*family, session, name, description);
    const auto arguments = std::make_shared<KeyCommand>();
    verb->add_option("--keydir", arguments->directory, "The directory of the rings pgp-public and pgp-secret (default: ~/.config/sifkit/keys)")->type_name("DIR");
    verb->callback([arguments, run, &session] { session.action = [arguments, run, &session] { return run(*arguments, session); }; });
    return std::pair(verb, arguments);
  };
  const auto add_part = [](CLI::App& verb, KeyCommand& arguments, const char* description) { verb.add_flag("-s,--secret", arguments.secret, description); };

  const auto [make, to_make] = add("newpair", "Make a key pair", new_pair);
  make->add_option("-N,--name", to_make->name, "Your name; without name and email the terminal is asked")->type_name("NAME");
  make->add_option("-E,--email", to_make->email, "Your email address")->type_name("EMAIL");
  make->add_option("-C,--comment", to_make->comment, "A comment in the user id")->type_name("TEXT");
  make->add_option("--algorithm", to_make->algorithm, "ed25519 (default) or rsa4096")->transform(AlgorithmName())->type_name("NAME");
  make->add_option("--expires", to_make->expires, "When the key expires: 2y (default), 6m, 3w, 90d, 2028-01-31 or never")->type_name("WHEN");
  add_passphrase_options(*make, to_make->passphrase);
  make->add_flag("--no-passphrase", to_make->no_passphrase, "The secret key is not locked: whoever can read its file can sign")
      ->excludes(make->get_option("--passphrase-file"))
      ->excludes(make->get_option("--passphrase-fd"));

  const auto [show, to_show] = add("list", "List keys", list);
  show->add_option("key", to_show->which, "Only these: fingerprints, long key IDs, emails or parts of user ids")->type_name("KEY");
  add_part(*show, *to_show, "Secret keys");

  const auto [take, to_take] = add("import", "Add keys or a revocation certificate, armored or binary", import_keys);
  take->add_option("file", to_take->files, "Files of keys, or -")->required()->type_name("FILE");
  take->add_flag("--no-secret", to_take->no_secret, "Of secret keys, take the public half only");

  const auto [give, to_give] = add("export", "Write keys to a file or standard output", export_keys);
  give->add_option("key", to_give->which, "Fingerprints, long key IDs, emails or parts of user ids that mean one key each")->required()->type_name("KEY");
  add_part(*give, *to_give, "Secret keys, locked as they are");
  give->add_flag("-a,--armor,--ascii", to_give->armor, "As text");
  give->add_option("-o,--output", to_give->output, "The file to make (default: standard output)")->type_name("FILE");
  give->add_flag("-F,--force", to_give->force, "Replace the file");

  const auto [drop, to_drop] = add("remove", "Remove keys", remove);
  drop->add_option("key", to_drop->which, "Fingerprints, long key IDs, emails or parts of user ids that mean one key each")->required()->type_name("KEY");
  add_part(*drop, *to_drop, "Secret keys");
  drop->add_flag("-F,--force", to_drop->force, "Do not ask before a secret key goes");

  add_keyserver_commands(*family, session);
  add_help_command(*family, session);
}

}  // namespace sifkit::cli
