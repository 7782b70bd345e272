// SPDX-License-Identifier: Apache-2.0
#include "hint_text.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace sifkit::cli {

namespace {

/// "--exclude /a --exclude /b" of "/a /b".
std::string options_for(std::string_view option, std::string_view arguments) {
  std::string out;
  while (!arguments.empty()) {
    const auto argument = arguments.substr(0, arguments.find(' '));
    out += fmt::format("{}{} {}", out.empty() ? "" : " ", option, argument);
    arguments.remove_prefix(std::min(argument.size() + 1, arguments.size()));
  }
  return out;
}

std::string platform_option(std::string_view platform) {
  static constexpr std::string_view kLinux = "linux/";
  if (!platform.starts_with(kLinux)) return fmt::format("--platform {}", platform);
  return fmt::format("--arch {}", platform.substr(kLinux.size()));
}

std::string advice_text(const Hint& hint) {
  const std::string& argument = hint.argument();
  switch (hint.advice()) {
    case Advice::none: return {};
    case Advice::overwrite: return "use --force to replace it";
    case Advice::raise_limit: return fmt::format("if the source is trusted, --limit {}=N allows more", argument);
    case Advice::clamp_names: return "--clamp-names puts them into the root";
    case Advice::larger_blocks: return "use larger blocks (--block-size)";
    case Advice::root_owners: return "--all-root gives every file to root";
    case Advice::exclude: return "leave them out with " + options_for("--exclude", argument);
    case Advice::keep_capabilities: return "--xattrs keep leaves them as they are";
    case Advice::choose_platform: return platform_option(argument) + " builds the image for that";
    case Advice::service_address:
      return argument.empty() ? "DOCKER_HOST (CONTAINER_HOST for podman) or --docker-host names another address"
                              : "--docker-host " + argument;
    case Advice::service_timeout: return "--service-timeout waits longer";
    case Advice::registry_login: return fmt::format("--creds or 'sifkit registry login {}' names credentials", argument);
    case Advice::plain_http:
      return fmt::format("--no-https is for a registry without TLS; if its certificate is not known here, "
                         "put its authority into ~/.config/containers/certs.d/{}/ca.crt", argument);
    case Advice::copy_all: return "'sifkit copy --all' takes it as it is";
    case Advice::oci_manifest: return "--format oci writes one of OCI in its place, which has another digest";
    case Advice::name_library:
      return "--library, SIFKIT_LIBRARY or 'apptainer remote add' names one, as in --library https://library.sylabs.io";
    case Advice::scratch_directory:
      return fmt::format("choose another directory for temporary data{}{}: --tmpdir DIR, SIFKIT_TMPDIR or TMPDIR",
                         argument.empty() ? "" : ", with ", argument);
    case Advice::pipe_archive: return "docker save NAME | sifkit build OUT -";
    case Advice::convert: return "'sifkit build' makes an image of it";
    case Advice::look_inside: return "'sifkit inspect' and 'sifkit ls' look into it";
    case Advice::list_objects: return "'sifkit sif list' shows what is there";
    case Advice::remove_object: return "'sifkit sif del' frees one";
    case Advice::compact: return "'sifkit sif compact' removes what belongs to no object";
    case Advice::sign: return "'sifkit sign' signs an image";
    case Advice::import_key:
      return fmt::format(
          "'sifkit key import FILE' or 'sifkit key pull {}' makes its key known; make sure whose it is first",
          argument);
    case Advice::name_public_key:
      return argument.empty() ? "--key names a public key"
                              : fmt::format("--key names a public key; this one's id is {}", argument);
    case Advice::find_key: return "'sifkit key search' shows fingerprints";
    case Advice::make_key: return "'sifkit key newpair' makes one";
    case Advice::choose_key:
      return "choose one with --key-name FINGERPRINT, or with -k N of 'sifkit sign': " + argument;
    case Advice::pem_key: return "'sign --key' and 'verify --key' take PEM keys from their files";
    case Advice::certificate: return "use --certificate";
    case Advice::legacy: return "--legacy-insecure looks at them";
  }
  return {};
}

}  // namespace

std::string hint_text(const Hint& hint) {
  const std::string advice = advice_text(hint);
  return hint.words().empty() || advice.empty() ? hint.words() + advice : hint.words() + "; " + advice;
}

}  // namespace sifkit::cli
