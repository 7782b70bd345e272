// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>
#include <string>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/oci/registry_login.h>
#include <sifkit/oci/registry_settings.h>

#include "commands.h"
#include "passphrase.h"
#include "records.h"
#include "table.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kMaxPasswordBytes = std::size_t{64} << 10;  ///< some are whole documents

constexpr const char* kWrittenFile = "REGISTRY_AUTH_FILE, else Docker's config.json";

struct RegistryCommand {
  std::string host;
  std::string user;
  bool password_from_input = false;
  bool plain_http = false;
  std::string auth_file;
};

/// All of standard input without the line feed at its end.
std::string password_of_input(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("standard input");
    if (got == 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > kMaxPasswordBytes) throw Error(ErrorKind::limit, "the password is too long");
  }
  if (out.ends_with('\n')) out.pop_back();
  if (out.ends_with('\r')) out.pop_back();
  return out;
}

int login(const RegistryCommand& arguments, Session& session) {
  const auto host = oci::registry_host(arguments.host);
  const auto file = oci::registry_auth_file(arguments.auth_file);
  static constexpr std::string_view kNoTerminal = "it is needed, and there is no terminal to ask for it";
  oci::expect_credential_store(file, host);
  oci::RegistryCredentials credentials;
  credentials.origin = "this login";
  credentials.user = !arguments.user.empty()
                         ? arguments.user
                         : ask_terminal(fmt::format("User name for {}: ", host), Echo::yes, session.io.stop,
                                        fmt::format("user name: {}", kNoTerminal), "--username names it");
  if (credentials.user.empty() || credentials.user.find(':') != std::string::npos)
    throw Error(ErrorKind::usage, "expected a user name, without a colon");
  credentials.password = arguments.password_from_input
                             ? password_of_input(session.io.in)
                             : ask_terminal("Password: ", Echo::no, session.io.stop,
                                            fmt::format("password: {}", kNoTerminal), "--password-stdin reads it");
  if (credentials.password.empty()) throw Error(ErrorKind::usage, "the password is empty");
  oci::SourceOptions options;
  options.operation = session.operation();
  options.registry.plain_http = arguments.plain_http || oci::is_tls_disabled();
  options.registry.credentials = credentials;
  try {
    oci::check_registry_login(host, options);
  } catch (Error& error) {
    if (error.hint().advice() == Advice::registry_login) error.set_hint("check the user name and the password");
    throw;
  }
  const auto helper = oci::store_credentials(file, host, credentials, options.operation);
  if (session.json) {
    session.print_json({{"schema", "sifkit/registry-login/v1"},
                        {"host", host},
                        {"user", credentials.user},
                        {"file", file.native()},
                        {"helper", text_or_null(helper)}});
  } else if (!session.quiet) {
    const auto where = helper.empty() ? fmt::format("the password is in {}, not encrypted", in_quotes(file.native()))
                                      : fmt::format("'docker-credential-{}' has the password", printable(helper));
    session.logger->write_line(
        fmt::format("{}: logged in as {}; {}", printable(host), printable(credentials.user), where));
  }
  if (const auto before = oci::credentials_asked_before(file, host, options.operation); !before.empty())
    session.logger->write(LogLevel::warning, fmt::format("{}: {} is asked before {}, and has credentials that are used "
                                                         "in place of these",
                                                         printable(host), before, in_quotes(file.native())));
  return 0;
}

int logout(const RegistryCommand& arguments, Session& session) {
  const auto host = oci::registry_host(arguments.host);
  const auto file = oci::registry_auth_file(arguments.auth_file);
  if (!oci::remove_credentials(file, host, session.operation()))
    throw Error(ErrorKind::not_found,
                fmt::format("{} has no credentials for {}", in_quotes(file.native()), printable(host)));
  if (session.json) {
    session.print_json({{"schema", "sifkit/registry-logout/v1"}, {"host", host}, {"file", file.native()}});
  } else if (!session.quiet) {
    session.logger->write_line(fmt::format("{}: logged out", printable(host)));
  }
  const auto left = arguments.auth_file.empty() ? oci::credentials_left(host, session.operation()) : std::string();
  if (!left.empty())
    session.logger->write(LogLevel::warning,
                          fmt::format("{}: {} has credentials for it, which are used now", printable(host), left));
  return 0;
}

int list(const RegistryCommand& arguments, Session& session) {
  const auto file = oci::registry_auth_file(arguments.auth_file);
  const auto logins = oci::list_credentials(arguments.auth_file);
  Json records = Json::array();
  const auto shown = [](const std::string& text) { return text.empty() ? std::string("-") : printable(text); };
  Table table({"HOST", "USER", "HELPER", "PLACE"});
  for (const auto& login : logins) {
    records.push_back({{"host", login.host},
                       {"user", text_or_null(login.user)},
                       {"helper", text_or_null(login.helper)},
                       {"place", login.place}});
    table.add({printable(login.host), shown(login.user), shown(login.helper), shown(login.place)});
  }
  if (session.json) {
    session.print_json({{"schema", "sifkit/registry-list/v1"}, {"file", file.native()}, {"logins", records}});
  } else if (!logins.empty()) {
    session.io.out << table.text(session.io);
  }
  return 0;
}

}  // namespace

void add_registry_command(CLI::App& root, Session& session) {
  CLI::App* family = root.add_subcommand("registry", "Credentials for registries");
  family->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, int (*run)(const RegistryCommand&, Session&),
                       const char* usual = kWrittenFile) {
    CLI::App* verb = add_verb(*family, session, name, description);
    const auto arguments = std::make_shared<RegistryCommand>();
    verb->add_option("--authfile", arguments->auth_file, fmt::format("The file of credentials (default: {})", usual))
        ->type_name("FILE");
    set_action(*verb, session, arguments, run);
    return std::pair(verb, arguments);
  };
  const auto add_host = [](CLI::App& verb, RegistryCommand& arguments) {
    verb.add_option("host", arguments.host, "The registry: HOST[:PORT], docker.io for Docker's")
        ->required()
        ->type_name("HOST");
  };
  const auto [in, to_log_in] = add("login", "Check credentials and keep them where Docker and podman read them", login);
  add_host(*in, *to_log_in);
  in->add_option("-u,--username", to_log_in->user, "The user (default: asked for)")->type_name("USER");
  in->add_flag("--password-stdin", to_log_in->password_from_input,
               "Read the password from standard input (default: asked for)");
  in->add_flag("--no-https,--nohttps", to_log_in->plain_http, "Ask the registry without TLS");
  const auto [out, to_log_out] = add("logout", "Remove credentials", logout);
  add_host(*out, *to_log_out);
  add("list", "List the registries that there are credentials for", list, "all places that are read");
  add_help_command(*family, session);
}

}  // namespace sifkit::cli
