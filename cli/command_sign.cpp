// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/resources.h>
#include <sifkit/sif/integrity.h>

#include "commands.h"
#include "keys.h"
#include "table.h"

namespace sifkit::cli {

namespace {

struct SignArguments {
  std::vector<std::string> files;
  KeyArguments key;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> objects;
};

struct VerifyArguments {
  std::string file;
  std::vector<std::string> keys;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> objects;
  std::vector<std::string> fingerprints;
};

int run_sign(const SignArguments& arguments, Session& session) {
  const auto key = signing_key(arguments.key, session);
  sif::SignOptions options;
  options.groups = arguments.groups;
  options.objects = arguments.objects;
  options.threads = available_threads();
  options.operation = session.operation();
  for (const auto& file : arguments.files) {
    sif::sign(file, key, options);
    session.progress->done();
    if (!session.quiet && !session.json) session.logger->write_line(fmt::format("{}: signed", printable(file)));
  }
  if (session.json) session.print_json({{"schema", "sifkit/sign/v1"}, {"signed", arguments.files}});
  return 0;
}

Json record_of(const VerifyArguments& arguments, const sif::VerifyReport& report) {
  Json signatures = Json::array();
  for (const auto& signature : report.signatures) {
    const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
    signatures.push_back({{"id", signature.id},
                          {"group", signature.group},
                          {"format", signature.format},
                          {"verdict", to_string(signature.verdict)},
                          {"reason", text_or_null(signature.reason)},
                          {"signer", text_or_null(signature.signer)},
                          {"key", text_or_null(signature.key)},
                          {"ring", text_or_null(signature.ring)},
                          {"created", signature.created ? Json(*signature.created) : Json(nullptr)},
                          {"objects", signature.objects}});
  }
  return {{"schema", "sifkit/verify/v1"},
          {"file", arguments.file},
          {"verified", !report.failure},
          {"failure", report.failure ? Json(report.failure->message()) : Json(nullptr)},
          {"covered", report.covered},
          {"not_covered", report.not_covered},
          {"signatures", signatures}};
}

void print(const sif::Image& image, const sif::VerifyReport& report, std::ostream& out) {
  Table table({"", "ID", "GROUP", "TYPE", "SIZE"});
  table.align_right(4);
  const auto add = [&](const char* state, std::uint32_t id) {
    const auto& object = image.object(id);
    table.add({state, fmt::format("{}", id), fmt::format("{}", object.group()), std::string(to_string(object.type)), human_bytes(static_cast<std::uint64_t>(object.size))});
  };
  for (const auto id : report.covered) add("covered", id);
  for (const auto id : report.not_covered) add("NOT SIGNED", id);
  out << table.text();
  for (const auto& signature : report.signatures) {
    out << fmt::format("signature {} of group {}: {}{}\n", signature.id, signature.group, to_string(signature.verdict),
                       signature.reason.empty() ? "" : ": " + printable(signature.reason));
    if (!signature.key.empty()) out << fmt::format("  key {}\n", printable(signature.key));
    if (!signature.signer.empty()) out << fmt::format("  {} {} ({})\n", signature.format == "PGP" ? "signed by" : "algorithm", printable(signature.signer), printable(signature.ring));
  }
  out << "not protected by signatures: architecture in the header, times of change, offsets, bytes between objects\n";
}

int run_verify(const VerifyArguments& arguments, Session& session) {
  sif::VerifyOptions options;
  options.groups = arguments.groups;
  options.objects = arguments.objects;
  options.threads = available_threads();
  options.operation = session.operation();
  const auto keys = trusted_keys(arguments.keys);
  const auto image = sif::Image::open(arguments.file);
  auto report = sif::verify(image, keys, options);
  for (const auto& wanted : arguments.fingerprints) {
    const bool there = std::any_of(report.signatures.begin(), report.signatures.end(), [&](const sif::SignatureReport& signature) {
      return signature.verdict == sif::Verdict::valid && signature.key == wanted;
    });
    if (!there && !report.failure) report.failure.emplace(ErrorKind::untrusted, fmt::format("not signed by {}", in_quotes(wanted)));
  }
  session.progress->done();
  if (session.json) {
    session.print_json(record_of(arguments, report));
  } else if (!session.quiet) {
    print(image, report, session.io.out);
  }
  if (!report.failure) {
    if (!session.json && !session.quiet) session.io.out << "VERIFIED\n";
    return 0;
  }
  if (!session.json) {
    if (!session.quiet) session.io.out << "FAILED\n";
    session.io.err << "sifkit: error: " << in_quotes(arguments.file) << ": " << report.failure->message() << '\n';
  }
  return exit_code(report.failure->kind());
}

}  // namespace

void add_sign_commands(CLI::App& root, Session& session) {
  CLI::App* sign = add_verb(root, session, "sign", "Sign SIF files");
  const auto to_sign = std::make_shared<SignArguments>();
  sign->add_option("file", to_sign->files, "SIF files")->required()->type_name("FILE");
  add_key_options(*sign, to_sign->key);
  sign->add_option("-g,--group-id", to_sign->groups, "Sign this group (may be given again)")->type_name("ID")->allow_extra_args(false);
  sign->add_option("-i,--sif-id", to_sign->objects, "Sign this object (may be given again)")->type_name("ID")->allow_extra_args(false);
  sign->callback([to_sign, &session] { session.action = [to_sign, &session] { return run_sign(*to_sign, session); }; });

  CLI::App* verify = add_verb(root, session, "verify", "Verify the signatures of a SIF file");
  const auto to_verify = std::make_shared<VerifyArguments>();
  verify->add_option("file", to_verify->file, "The SIF file")->required()->type_name("FILE");
  verify->add_option("--key", to_verify->keys, "A PEM public key or OpenPGP keys (may be given again; default: Apptainer's rings)")->type_name("KEYFILE")->allow_extra_args(false);
  verify->add_option("-g,--group-id", to_verify->groups, "Verify this group (may be given again)")->type_name("ID")->allow_extra_args(false);
  verify->add_option("-i,--sif-id", to_verify->objects, "Verify this object (may be given again)")->type_name("ID")->allow_extra_args(false);
  verify->add_option("--require-fingerprint", to_verify->fingerprints, "Fail unless this key has signed (may be given again)")->type_name("FINGERPRINT")->allow_extra_args(false);
  verify->callback([to_verify, &session] { session.action = [to_verify, &session] { return run_verify(*to_verify, session); }; });
}

}  // namespace sifkit::cli
