// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/file_system.h>
#include <sifkit/oci/reference.h>
#include <sifkit/sif/format.h>

namespace sifkit::sbom {

/// One package that an image holds, as the files of its package manager say.
struct Package {
  std::string kind;      ///< what was read: "dpkg", "rpm", "apk", "python", "go", …
  std::string name;      ///< as its own ecosystem writes it
  std::string version;   ///< with epoch, as its own ecosystem writes it; may be empty
  std::string purl;      ///< unique in an inventory
  std::string license;   ///< as stated; "" where nothing states one
  std::string supplier;  ///< "Person: X (mail)" or "Organization: X"; "" where nothing names one
  std::string homepage;
  std::vector<std::string> locations;  ///< the files that say so, as paths of the image, sorted
  std::vector<std::pair<std::string, std::string>> properties;  ///< sorted by name
};

/// What os-release says; all may be empty.
struct Distribution {
  std::string id;
  std::string version_id;
  std::string name;  ///< for people
};

struct Inventory {
  std::string architecture;             ///< GOARCH word, "" where nothing tells
  std::optional<std::int64_t> created;  ///< when the image was made, seconds since 1970
  Distribution distribution;
  std::vector<Package> packages;  ///< sorted by purl
};

/// Lists the packages of an image from the databases and documents in it; nothing of it is run. A database that cannot
/// be read is a warning "package-database", and what it lists is missing. With `counts`, of the files that say what
/// packages there are only those count of which it says so.
SIFKIT_API Inventory take_inventory(OpenedFileSystem& image, const OperationContext& operation, WarningList& warnings,
                                    const std::function<bool(std::string_view path)>& counts = {});

enum class DocumentFormat : std::uint8_t { spdx, cyclonedx };

/// "spdx" or "cyclonedx", with "-json" behind it or not; throws usage.
SIFKIT_API DocumentFormat parse_document_format(std::string_view text);
SIFKIT_API sif::SbomFormat sif_format(DocumentFormat format) noexcept;

/// What an SBOM calls an image: the name of its file without the ending, or what a service calls it.
SIFKIT_API std::string name_of(const oci::Reference& reference);

struct DocumentOptions {
  DocumentFormat format = DocumentFormat::spdx;
  std::string name = "image";        ///< of what is described
  std::optional<std::int64_t> time;  ///< of the document; absent: when the image was made
};

/// The inventory as SPDX 2.3 or CycloneDX 1.5, JSON, with a final line feed. The same inventory and options give the
/// same bytes: ids come from the content.
SIFKIT_API std::string document_text(const Inventory& inventory, const DocumentOptions& options);

}  // namespace sifkit::sbom
