// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/locked_file.h>

#include <thread>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

std::shared_ptr<File> open_locked(const std::filesystem::path& path, File (*open)(const std::filesystem::path&),
                                  const std::string& shown, std::chrono::milliseconds timeout, const OperationContext& operation) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    auto file = std::make_shared<File>(open(path).renamed(shown));
    if (!file->is_regular())
      throw Error(ErrorKind::unsupported,
                  fmt::format("{}: a SIF image is a regular file; this is not one", in_quotes(shown)));
    while (!file->try_lock()) {
      operation.check();
      if (std::chrono::steady_clock::now() >= until) {
        throw Error(ErrorKind::io, fmt::format("{}: another program is editing the image", in_quotes(shown)),
                    "try again when it is done");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (has_name(*file, path)) return file;
  }
}

bool has_name(const File& file, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  if (::fstat(file.fd(), &opened) != 0) throw_errno("look at the file");
  return ::stat(path.c_str(), &named) == 0 && is_same_file(opened, named);
}

}  // namespace sifkit
