// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <sifkit/copy_image.h>
#include <sifkit/oci/image.h>
#include <sifkit/oci/image_destination.h>

namespace sifkit {

/// The manifest with the media types of a format, and with no more than that knows; it names the same blobs. One that
/// is of that format is not changed, to the byte. Throws unsupported for a type that the format has no name for.
oci::Manifest in_format(const oci::Manifest& manifest, ManifestFormat format);

/// What is written to a target of a manifest of a source: as `in_format` where a format is asked for. Warns of one of
/// Docker's that goes into a layout or its archive as it is.
oci::Manifest manifest_for(const oci::Target& target, oci::Manifest manifest,
                           const std::optional<ManifestFormat>& format, WarningList& warnings);

/// The same for the document that gets the target's name, whatever it is: an index, too.
void warn_of_docker_type(const oci::Target& target, std::string_view type, WarningList& warnings, Hint hint);

}  // namespace sifkit
