// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "registries_conf.h"
#include "registry_client.h"

namespace sifkit::oci {

/// A manifest and who has it, who is then asked for the rest of the image.
struct FoundManifest {
  std::shared_ptr<RegistryClient> client;
  ManifestDocument document;
};

/// Asks for the manifest that a name stands for: the mirrors of registries.conf in their order, at last the registry.
FoundManifest find_manifest(const RegistryName& name, const SourceOptions& options);

/// The registry itself, without its mirrors, and how it is asked.
struct ReachedRegistry {
  RegistryName name;
  SourceOptions options;
};

/// Whom registries.conf names for what is not only read. A registry that may be insecure is asked whether it speaks
/// TLS. Throws denied where it is blocked.
ReachedRegistry reach_registry(const RegistriesConf& configuration, const RegistryName& name,
                               const SourceOptions& options);

}  // namespace sifkit::oci
