// SPDX-License-Identifier: Apache-2.0
#include <sifkit/push_image.h>

#include <map>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/inspect.h>
#include <sifkit/sif/image.h>

namespace sifkit {

namespace {

constexpr std::string_view kStandardAnnotations = "org.opencontainers.image.";

}  // namespace

oci::SifFile sif_to_push(const std::filesystem::path& path, const oci::Annotations& more,
                         const oci::SourceOptions& options) {
  oci::SifFile out;
  out.file = std::make_shared<const File>(File::open_read(path));
  const sif::Image image(out.file);
  out.title = path.filename().native();
  out.architecture = image.header().architecture;
  std::map<std::string, std::string> annotations;
  WarningList ignored;  // what else is wrong with an image is no concern of its transport
  const auto report = inspect_container(out.file, options.limits, ignored);
  for (const auto& [key, value] : report.attributes.labels) {
    if (key.starts_with(kStandardAnnotations)) annotations[key] = value;
  }
  for (const auto& [key, value] : more) annotations[key] = value;
  out.annotations.assign(annotations.begin(), annotations.end());
  out.is_signed = !image.objects_of(sif::DataType::signature).empty();
  return out;
}

oci::PushReport push_to_oras(const std::string& uri, const std::vector<oci::SifFile>& files,
                             const oci::SourceOptions& options) {
  if (!uri.starts_with(kOrasScheme))
    throw Error(ErrorKind::usage, fmt::format("{}: expected oras://NAME", in_quotes(uri)));
  return oci::push_sif(std::string_view(uri).substr(kOrasScheme.size()), uri, files, options);
}

}  // namespace sifkit
