// SPDX-License-Identifier: Apache-2.0
#include "engine_address.h"

#include <algorithm>

#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/resources.h>

namespace sifkit::oci {

namespace {

constexpr std::string_view kDefaultContext = "default";

/// A host as a user states it.
struct Setting {
  std::string host;
  std::string origin;  ///< for messages; empty: nobody said so
  bool secure = false;
  bool verified = true;
  std::filesystem::path certificates;
};

std::filesystem::path docker_directory() {
  if (auto directory = environment_variable("DOCKER_CONFIG"); !directory.empty()) return directory;
  return home_directory() / ".docker";
}

bool is_there(const std::filesystem::path& path) { return ::access(path.c_str(), F_OK) == 0; }

Json read_settings(const std::filesystem::path& path, const Limits& limits) {
  const auto file = std::make_shared<const File>(File::open_read(path));
  FileSource source(file);
  return parse_json(as_text(read_all(source, limits.json_bytes, path.native())), path.native(), limits);
}

/// The context that the docker program uses; empty where it uses none.
std::string context_in_use(const Limits& limits) {
  std::string name = environment_variable("DOCKER_CONTEXT");
  const auto config = docker_directory() / "config.json";
  if (name.empty() && is_there(config)) {
    const Json document = read_settings(config, limits);
    name = JsonView(document, config.native()).require_object()["currentContext"].text_or("");
  }
  return name == kDefaultContext ? "" : name;
}

Setting of_context(const std::string& name, const Limits& limits) {
  const std::string id = digest_of(as_bytes(name)).hex();
  const auto store = docker_directory() / "contexts";
  const auto meta = store / "meta" / id / "meta.json";
  if (!is_there(meta)) {
    throw Error(ErrorKind::not_found, fmt::format("Docker context {} is not there (no {})", in_quotes(name), in_quotes(meta.native())),
                Hint(Advice::service_address, {}, "'docker context ls' lists them"));
  }
  const Json document = read_settings(meta, limits);
  const auto endpoint = JsonView(document, meta.native()).require_object()["Endpoints"]["docker"].require_object();
  Setting setting;
  setting.host = endpoint["Host"].text();
  setting.origin = fmt::format("Docker context {}", in_quotes(name));
  setting.certificates = store / "tls" / id / "docker";
  setting.verified = !endpoint["SkipTLSVerify"].boolean_or(false);
  setting.secure = !setting.verified || is_there(setting.certificates);
  return setting;
}

Setting of_environment(std::string host, std::string origin) {
  Setting setting;
  setting.host = std::move(host);
  setting.origin = std::move(origin);
  const bool verify = !environment_variable("DOCKER_TLS_VERIFY").empty();
  setting.secure = verify || !environment_variable("DOCKER_TLS").empty();
  setting.verified = verify || !setting.secure;
  const auto directory = environment_variable("DOCKER_CERT_PATH");
  setting.certificates = directory.empty() ? docker_directory() : std::filesystem::path(directory);
  return setting;
}

Setting setting_of(Transport transport, const SourceOptions& options) {
  if (!options.daemon_host.empty()) return of_environment(options.daemon_host, "");
  if (transport == Transport::podman) {
    if (auto host = environment_variable("CONTAINER_HOST"); !host.empty()) return of_environment(std::move(host), "CONTAINER_HOST");
    if (const auto directory = environment_variable("XDG_RUNTIME_DIR"); !directory.empty()) {
      const std::string socket = directory + "/podman/podman.sock";
      if (is_there(socket)) return of_environment("unix://" + socket, "");
    }
    return of_environment("unix:///run/podman/podman.sock", "");
  }
  if (auto host = environment_variable("DOCKER_HOST"); !host.empty()) return of_environment(std::move(host), "DOCKER_HOST");
  if (const auto context = context_in_use(options.limits); !context.empty()) return of_context(context, options.limits);
  return of_environment("unix:///var/run/docker.sock", "");
}

/// "HOST[:PORT][/PATH]" with Docker's port where none is given.
std::string with_port(std::string address, bool secure) {
  const auto end = std::min(address.find('/'), address.size());
  const auto colon = address.rfind(':', end == 0 ? 0 : end - 1);
  const auto bracket = address.rfind(']', end);
  const bool given = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  if (!given) address.insert(end, secure ? ":2376" : ":2375");
  return address;
}

Hint advice_on(const std::string& host) {
  if (host.starts_with('/')) return "a socket is unix://" + host;
  if (!host.starts_with("ssh://")) return {};
  return {Advice::service_address, "unix:///tmp/docker.sock", "forward the socket: ssh -N -L /tmp/docker.sock:/var/run/docker.sock HOST"};
}

}  // namespace

EngineAddress find_engine(Transport transport, const SourceOptions& options) {
  const Setting setting = setting_of(transport, options);
  const std::string& host = setting.host;
  const auto named = [&] { return fmt::format("service address {}{}", in_quotes(host), setting.origin.empty() ? "" : fmt::format(" ({})", setting.origin)); };
  EngineAddress out;
  out.where = host;
  if (host.starts_with("unix://") && host.size() > 7) {
    out.socket = host.substr(7);
    // What does not fit into an address would be cut or ignored.
    if (out.socket.size() >= sizeof(sockaddr_un::sun_path)) {
      throw Error(ErrorKind::limit, fmt::format("{}: the path of a socket has up to {} bytes", named(), sizeof(sockaddr_un::sun_path) - 1));
    }
    out.base_url = "http://localhost";
    return out;
  }
  if (host.starts_with("tcp://") && host.size() > 6) {
    const std::string address = with_port(host.substr(6), setting.secure);
    out.where = "tcp://" + address;
    out.base_url = (setting.secure ? "https://" : "http://") + address;
  } else if ((host.starts_with("http://") && host.size() > 7) || (host.starts_with("https://") && host.size() > 8)) {
    out.base_url = host;
  } else {
    throw Error(ErrorKind::unsupported, fmt::format("{}: expected unix://, tcp://, http:// or https://", named()), advice_on(host));
  }
  while (out.base_url.ends_with('/')) out.base_url.pop_back();
  if (out.secure()) {
    out.verified = setting.verified;
    out.certificates = setting.certificates;
  }
  return out;
}

}  // namespace sifkit::oci
