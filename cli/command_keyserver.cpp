// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/file.h>
#include <sifkit/core/readable.h>
#include <sifkit/core/resources.h>
#include <sifkit/trust/key_store.h>
#include <sifkit/trust/keyserver.h>

#include "commands.h"
#include "each_of.h"
#include "key_text.h"
#include "process.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kLeastId = 7;  ///< columns of a user id beside a whole fingerprint, which 'key pull' needs

struct ServerCommand {
  std::string directory;
  std::string server;
  std::string authorities;
  std::string text;                ///< search
  std::vector<std::string> which;  ///< pull, push

  trust::KeyStore store() const { return trust::KeyStore(directory.empty() ? trust::KeyStore::default_directory() : std::filesystem::path(directory)); }
};

/// The server that the options name. The user hears which one is asked.
trust::Keyserver keyserver(const ServerCommand& arguments, const Session& session) {
  const auto url = arguments.server.empty() ? environment("KEYSERVER").value_or(std::string(trust::Keyserver::kDefaultUrl)) : arguments.server;
  if (!arguments.authorities.empty()) open_source(arguments.authorities);  // libcurl would not name it
  trust::Keyserver server(url, arguments.authorities, session.operation());
  session.logger->write(LogLevel::info, fmt::format("asking {}", server.url()));
  return server;
}

int search(const ServerCommand& arguments, Session& session) {
  const auto server = keyserver(arguments, session);
  const auto keys = server.search(arguments.text);
  const auto date_or = [](const std::optional<std::int64_t>& seconds, const char* none) { return seconds ? utc_date(*seconds) : none; };
  if (session.json) {
    Json records = Json::array();
    for (const auto& key : keys) {
      records.push_back({{"id", key.id},
                         {"algorithm", key.algorithm},
                         {"bits", key.bits},
                         {"created", key.created ? Json(*key.created) : Json(nullptr)},
                         {"expires", key.expires ? Json(*key.expires) : Json(nullptr)},
                         {"flags", key.flags},
                         {"user_ids", key.user_ids}});
    }
    session.print_json({{"schema", "sifkit/key-search/v1"}, {"server", server.url()}, {"keys", records}});
  } else if (!keys.empty()) {
    Table table({"FINGERPRINT", "CREATED", "EXPIRES", "FLAGS", "USER ID"});
    table.allow_cut(4, kLeastId, Keep::start);
    for (const auto& key : keys) {
      table.add({key.id, date_or(key.created, "-"), date_or(key.expires, "-"), key.flags.empty() ? "-" : printable(key.flags), key.user_ids.empty() ? "-" : readable(key.user_ids.front())});
      add_more_ids(table, 4, key.user_ids);
    }
    session.io.out << table.text(session.io);
  }
  if (keys.empty() && !session.json) throw Error(ErrorKind::not_found, fmt::format("{} has no key for {}", server.url(), in_quotes(arguments.text)));
  return keys.empty() ? exit_code(ErrorKind::not_found) : 0;
}

int pull(const ServerCommand& arguments, Session& session) {
  forbid_core_dumps();  // a revocation goes to the ring of secret keys, too
  for (const auto& fingerprint : arguments.which) trust::require_fingerprint(fingerprint);
  const auto server = keyserver(arguments, session);
  const auto store = arguments.store();
  Json records = Json::array();
  const int code = for_each_of(arguments.which, session, [&](const std::string& fingerprint) {
    for (const auto& [key, change] : store.import_keys(server.fetch(fingerprint), server.url(), false)) {
      auto record = key_record(key);
      record["change"] = to_string(change);
      records.push_back(std::move(record));
      if (!session.json && !session.quiet) session.logger->write_line(fmt::format("{} public key {}", to_string(change), one_line(key)));
      if (!key.problem.empty()) session.logger->write(LogLevel::warning, fmt::format("the key {} {}", key.fingerprint, printable(key.problem)));
    }
  });
  if (session.json) session.print_json({{"schema", "sifkit/key-pull/v1"}, {"server", server.url()}, {"directory", store.directory().native()}, {"keys", records}});
  return code;
}

int push(const ServerCommand& arguments, Session& session) {
  const auto store = arguments.store();
  std::vector<trust::PgpKeyInfo> keys;
  for (const auto& which : arguments.which) keys.push_back(store.find(which, trust::KeyPart::public_key));
  const auto server = keyserver(arguments, session);
  Json records = Json::array();
  const int code = for_each_of(keys, session, [&](const trust::PgpKeyInfo& key) {
    server.submit(as_text(store.export_key(key.fingerprint, trust::KeyPart::public_key, true)));
    records.push_back(key_record(key));
    if (!session.json && !session.quiet) session.logger->write_line(fmt::format("published {}", one_line(key)));
  });
  if (session.json) session.print_json({{"schema", "sifkit/key-push/v1"}, {"server", server.url()}, {"keys", records}});
  return code;
}

}  // namespace

void add_keyserver_commands(CLI::App& family, Session& session) {
  const auto add = [&](const char* name, const char* description, int (*run)(const ServerCommand&, Session&)) {
    CLI::App* verb = add_verb(family, session, name, description);
    const auto arguments = std::make_shared<ServerCommand>();
    verb->add_option("-u,--url,--keyserver", arguments->server, "The keyserver: hkps://, hkp://, https:// or http:// (default: SIFKIT_KEYSERVER, else https://keys.openpgp.org)")->type_name("URL");
    verb->add_option("--cacert", arguments->authorities, "Check the server's certificate against these (PEM) and no others")->type_name("FILE");
    verb->callback([arguments, run, &session] { session.action = [arguments, run, &session] { return run(*arguments, session); }; });
    return std::pair(verb, arguments);
  };
  const auto add_directory = [](CLI::App& verb, ServerCommand& arguments) {
    verb.add_option("--keydir", arguments.directory, "The directory of the rings pgp-public and pgp-secret (default: ~/.config/sifkit/keys)")->type_name("DIR");
  };

  const auto [find, to_find] = add("search", "Search a keyserver", search);
  find->add_option("text", to_find->text, "A name, an email, a fingerprint or a long key ID")->required()->type_name("TEXT");

  const auto [get, to_get] = add("pull", "Add public keys from a keyserver", pull);
  get->add_option("key", to_get->which, "Full fingerprints")->required()->type_name("FINGERPRINT");
  add_directory(*get, *to_get);

  const auto [put, to_put] = add("push", "Publish public keys on a keyserver; there is no way back", push);
  put->add_option("key", to_put->which, "Fingerprints, long key IDs, emails or parts of user ids that mean one key each")->required()->type_name("KEY");
  add_directory(*put, *to_put);
}

}  // namespace sifkit::cli
