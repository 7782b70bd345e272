// SPDX-License-Identifier: Apache-2.0
#include "engine_api.h"

#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"

using namespace sifkit;

namespace {

/// A service on a socket that answers every request with the same bytes and hangs up.
struct Service {
  std::string path = "/tmp/sifkit-fuzz-" + std::to_string(::getpid());
  UniqueFd listening{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string answer;

  Service() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path.c_str());
    fuzz::require(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(listening.get(), 8) == 0, "socket");
  }
  ~Service() { ::unlink(path.c_str()); }

  void serve() const {
    const UniqueFd peer(::accept(listening.get(), nullptr, nullptr));
    char request[4096];
    if (::recv(peer.get(), request, sizeof request, 0) <= 0) return;
    ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }
};

}  // namespace

/// What a service on the Docker socket answers.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Service service;
  service.answer = fuzz::text_of(data, size);
  const std::jthread serving([] { service.serve(); });
  oci::SourceOptions options;
  options.daemon_host = "unix://" + service.path;
  fuzz::accepted([&] { oci::EngineApi(oci::Transport::docker_daemon, options).get("/images/json", fuzz::small_limits()); });
  return 0;
}
