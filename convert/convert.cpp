// SPDX-License-Identifier: Apache-2.0
#include <sifkit/convert.h>

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/oci/source.h>

#include "container_changes.h"
#include "conversion.h"
#include "layered_root.h"
#include "naming.h"
#include "output.h"
#include "own_source.h"
#include "packed_root.h"

namespace sifkit {

namespace {

/// What is to be converted: opened here, or by the caller.
struct Input {
  const oci::Reference& given;
  oci::OpenedSource* source = nullptr;
  oci::Image* image = nullptr;
};

std::unique_ptr<RootSource> open_root(oci::OpenedSource& source, oci::Image* image, std::shared_ptr<const File> packed,
                                      BaseLayers* base, const ConvertOptions& options, WarningList& warnings,
                                      ConvertReport& report) {
  if (packed) {
    auto copied = std::make_unique<PackedRoot>(packed, options, warnings, report);
    // A copy may lack what its original keeps; of what is replaced nothing would be left.
    if (options.edit && copied->leaves_objects_out()) {
      throw Error(ErrorKind::unsupported, "objects of the image are too many or too large to be copied");
    }
    return copied;
  }
  auto layered = std::make_unique<LayeredRoot>(*image, source, options, warnings, report);
  layered->use(base);
  return layered;
}

ConvertReport converted(const Input& input, const std::filesystem::path& target, const ConvertOptions& options,
                        WarningList& warnings) {
  const auto start = std::chrono::steady_clock::now();
  const oci::Reference& given = input.given;
  layers::require_block_size(options.squashfs.block_size);
  expect_possible_variables(options);
  ConvertReport report;
  report.target = target;
  if (!options.dry_run && !options.edit) refuse_own_source(given, target);
  // First of all, so that a target which cannot be written does not cost the transfer of an image.
  auto output = open_output(target, options, warnings, report);
  options.operation.progress->stage("reading the source", 0);
  const auto own_source = input.source ? nullptr : oci::open_source(given, options, warnings);
  oci::OpenedSource& source = input.source ? *input.source : *own_source;
  const oci::Reference& reference = source.reference();
  if (!options.dry_run) refuse_inside_source(source, target, options.excludes);
  const auto packed = source.image_file();
  const auto own_image = packed || input.image ? nullptr : source.open_image();
  oci::Image* const image = input.image ? input.image : own_image.get();
  const auto run = [&](bool on_layers, WarningList& found) {
    auto* const base = on_layers ? output->base_layers() : nullptr;
    const auto root = open_root(source, image, packed, base, options, found, report);
    Conversion conversion(*root, reference, options, found, report);
    const layers::Tree tree = conversion.run(output->contents(conversion));
    output->finish(tree, conversion);
  };
  naming({reference.location, given.text}, [&] { return fmt::format("converting {}", in_quotes(given.text)); }, [&] {
    WarningList found;
    try {
      run(true, found);
    } catch (const BaseTooPoor& error) {
      const auto text = fmt::format("all layers are read: the old image has not what they need: {}", error.what());
      if (options.base.empty()) {
        options.operation.logger->write(LogLevel::debug, text);
      } else {
        warnings.add("base-unused", text);
      }
      report = {};
      report.target = target;
      output.reset();  // its file has some of the image
      output = open_output(target, options, warnings, report);
      run(false, warnings);
      return;
    } catch (...) {
      warnings.add_all(found);
      throw;
    }
    warnings.add_all(found);
  });
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

ConvertReport convert_input(const Input& input, const std::filesystem::path& target, const ConvertOptions& options,
                            WarningList& warnings) {
  try {
    return converted(input, target, options, warnings);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::no_space) throw;
    // A full disk is no fault of the layer or the file at which it became full.
    throw Error(error.kind(), error.message(),
                error.hint().empty() && !options.edit ? "free some space or choose another directory for the output" : error.hint());
  }
}

}  // namespace

ConvertReport convert(const oci::Reference& given, const std::filesystem::path& target, const ConvertOptions& options,
                      WarningList& warnings) {
  return convert_input({given}, target, options, warnings);
}

ConvertReport convert(oci::OpenedSource& source, oci::Image& image, const std::filesystem::path& target,
                      const ConvertOptions& options, WarningList& warnings) {
  return convert_input({source.reference(), &source, &image}, target, options, warnings);
}

}  // namespace sifkit
