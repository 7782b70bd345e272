// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <sifkit/oci/remote_file.h>
#include <sifkit/oci/source.h>

namespace sifkit::oci {

/// A SIF file of a registry or a library (`oras://`, `library://`): that of the cache, or fetched into an unnamed
/// scratch file.
std::unique_ptr<OpenedSource> open_remote_source(const Reference& reference, const SourceOptions& options);

/// Gives a file whose digest and size are known what the cache has of it; else what `fetch` brings, which the cache
/// keeps then. `fetch` may fill in the size.
void take_or_fetch(RemoteFile& file, const SourceOptions& options,
                   const std::function<std::unique_ptr<Source>()>& fetch);

}  // namespace sifkit::oci
