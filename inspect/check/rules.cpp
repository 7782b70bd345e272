// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/oci/descriptor.h>

#include "findings.h"

namespace sifkit::check {

namespace {

using enum Severity;

constexpr Rule kRules[] = {
    {"architecture", error, "the image is for another machine",
     "build it for the machine that is to run it, or choose its image with --arch"},
    {"bind-point", warning, "a path that sites bind is a link or a file",
     "make it a directory, or a file where a file is bound"},
    {"block-size", note, "blocks are smaller than the pages of some kernels", "build with --block-size 128K"},
    {"compressor", note, "old kernels do not read this compression",
     "build with --compress gzip where the cluster's kernel is older"},
    {"cpu-floor", note, "older processors do not run what the image has",
     "run it where all processors have the level, or use an older base image and programs made for all"},
    {"cpu-level", warning, "a library is there for newer processors alone",
     "install the library for all processors, too, or run the image where all have that level"},
    {"cuda", note, "the image has CUDA", "run it with --nv on a node whose driver is new enough"},
    {"damaged", error, "a file cannot be read", "build or fetch the image again"},
    {"driver-in-image", warning, "the image has a GPU driver of its own",
     "leave the driver out; --nv brings that of the host"},
    {"git-directory", note, "a repository's history is in the image", "leave .git out, as with .dockerignore"},
    {"glibc-too-old", error, "the image's C library is older than what the host's libraries need",
     "use a newer base image"},
    {"hidden-by-bind", warning, "programs lie where the runtime binds the host's directories",
     "install them elsewhere, for example below /opt"},
    {"hidden-secret", warning, "a layer has a secret that a later one hides",
     "change what it gives access to, and build the image so that no layer has it"},
    {"history", note, "a shell's history is in the image", "remove it"},
    {"kernel-floor", warning, "old kernels do not run the image's C library",
     "use an older base image, or a cluster with a newer kernel"},
    {"library-missing", error, "a program needs a library that its loader does not find",
     "install the library, or run ldconfig in the image where it is there"},
    {"link-replaced", warning, "a directory took the place of a link", "add files through the link, not in its place"},
    {"mount-point", error, "the runtime cannot mount the host's directory", "make it a directory"},
    {"mpi", note, "the image has MPI", "start it with an MPI of the host that has the same ABI"},
    {"needs-host-driver", note, "a program needs a library of the host's driver", "run it with --nv or --rocm"},
    {"no-program", note, "there is nothing that could be started", "give the root file system of a container, whole"},
    {"nothing-to-run", note, "there is neither an entrypoint nor a command", "name a program: exec IMAGE PROGRAM"},
    {"password-hash", warning, "an account has a password",
     "lock the account (passwd -l); every user of the image can read the hash or has it in the archive"},
    {"private-key", warning, "a private key is in the image",
     "remove it and make a new one: who has the image has the key"},
    {"program-architecture", error, "a program is for another machine than the image",
     "install the program for the image's architecture"},
    {"program-hidden", error, "the program lies where the runtime mounts the host's directory", "install it elsewhere"},
    {"program-interpreter", error, "a script's interpreter is not there",
     "install the interpreter, or correct the first line"},
    {"program-loader", error, "the dynamic loader of a program is not there",
     "install the C library that the program was made for"},
    {"program-missing", error, "the program to start is not there", "correct the entrypoint or the command"},
    {"program-not-executable", error, "the program to start is not executable", "chmod a+x it"},
    {"program-not-for-all", error, "an ordinary user may not run the program",
     "chmod a+rx it and the directories on the way"},
    {"relative-path", warning, "what is started is relative to a directory that the runtime does not enter",
     "use an absolute path, or run with --pwd"},
    {"rocm", note, "the image has ROCm", "run it with --rocm on a node whose driver is new enough"},
    {"secret-file", warning, "a file with credentials is in the image",
     "remove it, and change what it gives access to"},
    {"setuid", note, "a program with setuid, setgid or capabilities, which the runtime does not honour",
     "do not count on it"},
    {"shell-missing", warning, "there is no shell where one is expected", "install one at /bin/sh"},
    {"ssh-host-key", warning, "a host's SSH key is in the image",
     "remove /etc/ssh/ssh_host_*: every copy of the image has the same key"},
    {"symbol-version", error, "a library is too old for a program", "install both from one distribution"},
    {"token", warning, "an access token is in the image", "revoke it; pass tokens when the container runs"},
    {"unreadable", note, "files that an ordinary user may not read", "chmod a+r them if they are needed"},
    {"unsigned", note, "nobody has signed the image", "sign it: sifkit sign"},
    {"world-writable", warning, "anybody may change a file", "chmod o-w it"},
};

/// Those that ELF files are told apart for.
constexpr std::string_view kMachines[] = {"386",      "amd64",  "arm",   "arm64",   "loong64", "mips", "mips64",
                                          "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x"};

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  return severity == error ? "error" : severity == warning ? "warning" : "note";
}

std::span<const Rule> rules() noexcept { return kRules; }

std::string_view action_of(const Finding& finding) noexcept {
  const auto rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const auto& entry) { return entry.code == finding.code; });
  return rule == std::end(kRules) ? std::string_view() : rule->action;
}

void set_machine(Options& options, std::string_view platform) {
  const auto machine = oci::Platform::parse(platform);
  if (machine.os != "linux") {
    throw Error(ErrorKind::usage, fmt::format("containers run on linux, not on {}", in_quotes(machine.os)));
  }
  if (std::find(std::begin(kMachines), std::end(kMachines), machine.architecture) == std::end(kMachines)) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is no architecture of Linux that is known", in_quotes(machine.architecture)),
                fmt::format("one of {}", fmt::join(kMachines, ", ")));
  }
  options.architecture = machine.architecture;
  options.variant = machine.variant;
}

bool is_glibc_version(std::string_view text) noexcept {
  const auto dot = text.find('.');
  return dot != std::string_view::npos && whole_number<unsigned>(text.substr(0, dot)) &&
         whole_number<unsigned>(text.substr(dot + 1));
}

void Findings::add(std::string_view code, std::string path, std::string text) {
  const auto rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const auto& entry) { return entry.code == code; });
  SIFKIT_CHECK(rule != std::end(kRules));
  add(code, rule->severity, std::move(path), std::move(text));
}

void Findings::add(std::string_view code, Severity severity, std::string path, std::string text) {
  auto& tally = tallies_.try_emplace(std::string(code)).first->second;
  if (tally.kept == kMaxOfKind) {
    ++tally.omitted[static_cast<std::size_t>(severity)];
    return;
  }
  ++tally.kept;
  findings_.push_back({std::string(code), severity, std::move(path), std::move(text)});
}

void Findings::give(Report& report) {
  report.counts = {};
  report.omitted.clear();
  report.findings = std::move(findings_);
  for (const auto& finding : report.findings) ++report.counts[static_cast<std::size_t>(finding.severity)];
  for (const auto severity : {error, warning, note}) {
    for (const auto& [code, tally] : tallies_) {
      const auto count = tally.omitted[static_cast<std::size_t>(severity)];
      if (count == 0) continue;
      report.omitted.push_back({code, severity, count});
      report.counts[static_cast<std::size_t>(severity)] += count;
    }
  }
  std::stable_sort(report.findings.begin(), report.findings.end(), [](const auto& a, const auto& b) {
    return std::tuple(-static_cast<int>(a.severity), std::string_view(a.code), a.path.empty(),
                      std::string_view(a.path)) < std::tuple(-static_cast<int>(b.severity), std::string_view(b.code),
                                                             b.path.empty(), std::string_view(b.path));
  });
}

}  // namespace sifkit::check
