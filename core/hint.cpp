// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/hint.h>

namespace sifkit {

namespace {

std::string advice_text(const Hint& hint) {
  const std::string& argument = hint.argument();
  switch (hint.advice()) {
    case Advice::none: return {};
    case Advice::overwrite: return "allow it to be replaced";
    case Advice::raise_limit: return "if the source is trusted, raise the limit " + argument;
    case Advice::clamp_names: return "such names can be put into the root";
    case Advice::larger_blocks: return "use larger blocks";
    case Advice::root_owners: return "give every file to root";
    case Advice::exclude: return "leave out " + argument;
    case Advice::keep_capabilities: return "they can be left as they are";
    case Advice::choose_platform: return "choose the platform " + argument;
    case Advice::service_address: return argument.empty() ? "name another address" : "name its address: " + argument;
    case Advice::service_timeout: return "wait longer";
    case Advice::registry_login: return "name credentials for " + argument;
    case Advice::plain_http: return "ask " + argument + " without TLS, or trust its certificate";
    case Advice::copy_all: return "a copy of all that the source has takes it as it is";
    case Advice::oci_manifest: return "a manifest of OCI can be written in its place, which has another digest";
    case Advice::name_library: return "name the URL of one";
    case Advice::scratch_directory:
      return "choose another directory for temporary data" + (argument.empty() ? argument : ", with " + argument) +
             ": SIFKIT_TMPDIR or TMPDIR";
    case Advice::pipe_archive: return "let a program write an archive there";
    case Advice::convert: return "it can be converted";
    case Advice::look_inside: return "it can be looked into";
    case Advice::list_objects: return "list its objects";
    case Advice::remove_object: return "remove an object";
    case Advice::compact: return "compact it";
    case Advice::sign: return "sign it";
    case Advice::import_key: return "import the key " + argument + "; make sure whose it is first";
    case Advice::name_public_key: return argument.empty() ? "name a public key" : "name the public key " + argument;
    case Advice::find_key: return "a keyserver knows fingerprints";
    case Advice::make_key: return "make an OpenPGP key";
    case Advice::choose_key: return "choose one of them: " + argument;
    case Advice::pem_key: return "use PEM keys from their files";
    case Advice::certificate: return "verify with a certificate";
    case Advice::legacy: return "look at legacy signatures, too";
  }
  return {};
}

}  // namespace

std::string Hint::text() const {
  const std::string advice = advice_text(*this);
  return words_.empty() || advice.empty() ? words_ + advice : words_ + "; " + advice;
}

}  // namespace sifkit
