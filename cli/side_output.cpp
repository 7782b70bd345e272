// SPDX-License-Identifier: Apache-2.0
#include "side_output.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

namespace fs = std::filesystem;

bool is_same_path(const fs::path& one, const fs::path& other) {
  const auto whole = [](const fs::path& path) {
    std::error_code error;
    return fs::weakly_canonical(fs::absolute(path, error), error);
  };
  std::error_code error;
  return fs::equivalent(one, other, error) || whole(one) == whole(other);
}

}  // namespace

void refuse_name(const std::string& option, const std::string& name, const std::string& other, std::string_view what) {
  if (name.empty() || name == "-" || other.empty()) return;
  std::error_code error;
  const auto status = fs::status(name, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) return;
  if (!is_same_path(name, other)) return;
  throw Error(ErrorKind::usage, fmt::format("{} {} is {}", option, in_quotes(name), what), "choose another name for it");
}

void refuse_source(const std::string& option, const std::string& name, const oci::Reference& source) {
  if (oci::is_service(source.transport)) return;
  refuse_name(option, name, source.location == "-" ? "/dev/stdin" : source.location, "the source itself");
}

SideOutput::SideOutput(const std::string& path, Session& session) : path_(path), session_(session) {
  struct stat status {};
  if (path.empty() || path == "-") return;
  if (::stat(path.c_str(), &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
    stream_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!stream_) throw_errno(fmt::format("open {}", in_quotes(path)));
  } else {
    file_.emplace(path, Overwrite::yes);
  }
}

void SideOutput::write(std::string_view text) {
  if (path_ == "-") session_.io.out << text;
  if (file_) {
    file_->file().write_at(0, as_bytes(text));
    file_->commit();
  }
  const std::string safe = stream_ && ::isatty(stream_.get()) == 1 ? terminal_text(text) : std::string(text);
  text = safe;
  while (stream_ && !text.empty()) {
    const auto put = ::write(stream_.get(), text.data(), text.size());
    if (put < 0 && errno != EINTR) throw_errno(fmt::format("write {}", in_quotes(path_)));
    if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace sifkit::cli
