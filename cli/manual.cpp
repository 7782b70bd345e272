// SPDX-License-Identifier: Apache-2.0
#include "manual.h"

#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/version.h>

#include "option_list.h"

namespace sifkit::cli {

namespace {

struct Item {
  std::string_view term;
  std::string_view text;
};

constexpr Item kEnvironment[] = {
    {"SOURCE_DATE_EPOCH", "time of the image or the SBOM, in seconds since 1970"},
    {"SLURM_CPUS_PER_TASK", "threads to use at most"},
    {"SIFKIT_TMPDIR, APPTAINER_TMPDIR, SINGULARITY_TMPDIR, TMPDIR", "directory for temporary data of sources that can be read only once"},
    {"SIFKIT_DOCKER_USERNAME, SIFKIT_DOCKER_PASSWORD", "credentials for registries; APPTAINER_ and SINGULARITY_ stand in for SIFKIT_"},
    {"REGISTRY_AUTH_FILE, DOCKER_AUTH_CONFIG, DOCKER_CONFIG, APPTAINER_CONFIGDIR, SINGULARITY_CONFIGDIR, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, CONTAINERS_REGISTRIES_CONF", "where credentials and registries.conf for registries are, see FILES"},
    {"SIFKIT_CACHEDIR, APPTAINER_CACHEDIR, SINGULARITY_CACHEDIR, XDG_CACHE_HOME", "where what is fetched from registries is kept, see FILES"},
    {"SIFKIT_CACHE_SIZE, SIFKIT_SHARED_CACHE, SIFKIT_DISABLE_CACHE", "how much of it (20G); read-only caches of the site, with colons between them, that are looked at first; 1 is as --disable-cache"},
    {"SIFKIT_LIBRARY, APPTAINER_LIBRARY, SINGULARITY_LIBRARY", "as --library"},
    {"HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "proxies for registries and keyservers, in upper or lower case; loopback addresses need none; NO_PROXY lists hosts (with their subdomains), .domains, HOST:PORT, addresses, networks and *"},
    {"SSL_CERT_FILE, SSL_CERT_DIR", "certificates of the authorities that servers are believed by, in place of the system's: a file of PEM, a directory of files named by hashes"},
    {"DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG", "address of the Docker daemon (unix://, tcp://, http:// or https://), else the context that has it, and the directory of Docker's settings"},
    {"DOCKER_TLS_VERIFY, DOCKER_TLS, DOCKER_CERT_PATH", "TLS for tcp://; directory of ca.pem, cert.pem and key.pem (default: ~/.docker)"},
    {"CONTAINER_HOST, XDG_RUNTIME_DIR", "address of the podman service, else the directory that podman/podman.sock is in"},
    {"SIFKIT_CONFIGDIR, XDG_CONFIG_HOME, HOME", "where the directory of keys is, see FILES"},
    {"APPTAINER_KEYSDIR, SINGULARITY_SYPGPDIR, APPTAINER_CONFIGDIR, SINGULARITY_CONFIGDIR", "where Apptainer and SingularityCE have their keys, as they read these variables, see FILES"},
    {"SIFKIT_SIGN_KEY", "as sign --key"},
    {"SIFKIT_PASSPHRASE", "of the secret key that signs"},
    {"SIFKIT_VERIFY_KEY, SIFKIT_VERIFY_CERTIFICATE, SIFKIT_VERIFY_INTERMEDIATES, SIFKIT_VERIFY_ROOTS, SIFKIT_VERIFY_OCSP", "as the options of verify"},
    {"SIFKIT_KEYSERVER", "as --keyserver of key search, pull and push"},
    {"SIFKIT_NOHTTPS", "1 is as --no-https"},
    {"TERM", "\"dumb\", or none, gets lines in place of a progress bar"},
};

constexpr Item kFiles[] = {
    {"$REGISTRY_AUTH_FILE, ~/.apptainer/docker-config.json, ~/.singularity/docker-config.json, ~/.docker/config.json, $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json", "credentials for registries: the first file that has an entry for the image; in each, a credential helper goes before what is written there; registry login writes the first of $REGISTRY_AUTH_FILE and Docker's"},
    {"~/.config/containers/registries.conf, /etc/containers/registries.conf", "mirrors, other locations and blocked registries (containers-registries.conf(5), version 2): the first that is there, with what is in registries.conf.d beside it; CONTAINERS_REGISTRIES_CONF names one that stands in for all"},
    {"~/.config/containers/certs.d/HOST, /etc/containers/certs.d/HOST, /etc/docker/certs.d/HOST", "the first of them that is there has certificates for a registry: *.crt are authorities, X.cert and X.key the client's"},
    {"~/.apptainer/remote.yaml, ~/.singularity/remote.yaml, /etc/apptainer/remote.yaml, /etc/singularity/remote.yaml", "the remote in use, whose library has the names of library:// without a host; its token goes to that library only"},
    {"$SIFKIT_CACHEDIR, $APPTAINER_CACHEDIR/sifkit, $SINGULARITY_CACHEDIR/sifkit, $XDG_CACHE_HOME/sifkit, ~/.cache/sifkit", "the first of them that is set is the cache: layers and SIF files by digest, which is computed whenever one is read"},
    {"$SIFKIT_CONFIGDIR/keys, $XDG_CONFIG_HOME/sifkit/keys, ~/.config/sifkit/keys", "the first of them that is set is the directory of keys: pgp-public and pgp-secret"},
    {"~/.apptainer/keys, ~/.singularity/sypgp", "keys that sign and verify look at after these"},
    {"/etc/apptainer/global-pgp-public, /etc/singularity/global-pgp-public", "public keys that the site trusts, there and below /usr/local"},
};

constexpr Item kExamples[] = {
    {"sifkit build app.sif docker://alpine:3", "converts an image of a registry"},
    {"sifkit pull --verify oras://registry.example/team/app:1", "fetches a SIF file, app_1.sif, if it is signed by a known key"},
    {"sifkit push app.sif oras://registry.example/team/app:1", "puts a SIF file into a registry, as Apptainer does"},
    {"sifkit copy app.sif docker://registry.example/team/app:2", "puts a SIF there as an image of layers, which Docker runs"},
    {"sifkit build app.sif docker-daemon://my_app:latest", "converts an image of the local Docker daemon"},
    {"docker save my_app | sifkit build app.sif -", "converts a stream"},
    {"sifkit build --fast --sign app.sif my_app.tar", "converts a saved archive with faster compression, and signs with your key"},
    {"sifkit images my_app.tar && sifkit build app.sif docker-archive:my_app.tar:@1", "chooses the second image of an archive"},
    {"sifkit build --arch arm64 app.sif oci:layout", "chooses from an index; nothing is run, so any machine will do"},
    {"sifkit build --compress zstd small.sif sif:app.sif", "packs an image again; the container stays what it is"},
    {"sifkit check --for linux/arm64 --glibc 2.34 app.sif", "says whether an image will run there, with libraries of the host bound in"},
    {"sifkit sbom gen --format cyclonedx docker-archive:my_app.tar", "lists the packages in an image"},
    {"sifkit sbom add app.sif && sifkit sign app.sif", "puts an SBOM into a SIF file, and signs it with the rest"},
    {"sifkit verify --key alice.asc app.sif", "succeeds where all of it is signed by that key, and by no other"},
    {"sifkit verify --key alice.asc --ignore-others app.sif", "succeeds where all of it is signed by that key, whoever else has signed"},
};

/// For roff: no line starts with a control character, no backslash is a command.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      if ((out.empty() || out.back() == '\n') && (c == '.' || c == '\'')) out += "\\&";
      out += c;
    }
  }
  return out;
}

std::string item(std::string_view term, std::string_view text) { return ".TP\n.B " + roff(term) + "\n" + roff(text) + "\n"; }

template <std::size_t Count>
std::string section(std::string_view name, const Item (&items)[Count]) {
  std::string out = fmt::format(".SH {}\n", name);
  for (const auto& entry : items) out += item(entry.term, entry.text);
  return out;
}

std::string of_verb(const VerbInfo& verb) {
  std::string path;
  for (const auto& word : verb.path) path += " " + word;
  std::string out = ".SS " + roff("sifkit" + path + " " + verb.arguments) + "\n" + roff(verb.description) + ".\n";
  for (const auto& positional : verb.positionals) out += ".TP\n.I " + roff(positional.type) + "\n" + roff(positional.description) + "\n";
  for (const auto& option : verb.options) {
    std::string names;
    for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + name;
    out += item(names + (option.type.empty() ? "" : " " + option.type), option.description);
  }
  return out;
}

std::string_view meaning_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return "bad option, bad reference, contradictory options";
    case ErrorKind::not_found: return "no such file, image, tag or object";
    case ErrorKind::exists: return "the target exists and --force was not given";
    case ErrorKind::io: return "a system call failed";
    case ErrorKind::no_space: return "disk full or over quota";
    case ErrorKind::malformed: return "the input breaks its format";
    case ErrorKind::integrity: return "a digest or a size does not match";
    case ErrorKind::unsupported: return "valid, but not supported";
    case ErrorKind::limit: return "a limit was exceeded, or out of memory";
    case ErrorKind::denied: return "permission denied";
    case ErrorKind::network: return "a service is unreachable";
    case ErrorKind::unsigned_image: return "not all that was asked for is signed";
    case ErrorKind::untrusted: return "signed, but not by a trusted key";
    case ErrorKind::tampered: return "signed data has been modified";
    case ErrorKind::internal: return "a bug in sifkit";
    case ErrorKind::cancelled: return "stopped by SIGINT; for other signals 128 plus the number of the signal, such as 143 for SIGTERM";
  }
  return "";
}

std::string exit_status() {
  std::string out = ".SH EXIT STATUS\n" + item("0", "success");
  for (auto kind = ErrorKind::usage; kind <= ErrorKind::cancelled; kind = static_cast<ErrorKind>(static_cast<int>(kind) + 1)) {
    out += item(std::to_string(exit_code(kind)), meaning_of(kind));
  }
  return out + item("141", "the reader of the output has gone");
}

}  // namespace

std::string manual_page(const CLI::App& root) {
  std::string out = ".TH SIFKIT 1 \"\" \"sifkit " SIFKIT_VERSION_STRING "\"\n"
                    ".SH NAME\nsifkit \\- converts container images to SIF, and inspects SIF files\n"
                    ".SH SYNOPSIS\n.B sifkit\n.I VERB\n[options] [arguments]\n.SH VERBS\n";
  for (const auto& verb : verbs_of(root)) out += of_verb(verb);
  out += section("EXAMPLES", kExamples);
  out += exit_status();
  out += section("ENVIRONMENT", kEnvironment);
  out += ".PP\nVariables that start with SIFKIT_ and name a key, a certificate or a server may start with APPTAINER_ or SINGULARITY_, too; the first of them that is set counts.\n";
  out += section("FILES", kFiles);
  return out + ".SH SEE ALSO\n.BR apptainer (1),\n.BR docker (1),\n.BR podman (1),\n.BR skopeo (1)\n";
}

}  // namespace sifkit::cli
