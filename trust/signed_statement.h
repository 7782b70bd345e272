// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/limits.h>
#include <sifkit/sif/image.h>

#include "metadata.h"
#include "object_index.h"

namespace sifkit::trust {

/// How an image compares with what is signed about one of its groups. The objects' bytes are not read for it.
struct StatementCheck {
  bool header = true;                                          ///< as it was signed
  std::vector<std::uint32_t> changed;                          ///< whose descriptors are not as they were signed
  std::vector<std::pair<std::uint32_t, SignedDigest>> intact;  ///< of the others the digest that their bytes must have
  std::vector<std::uint64_t> missing;                          ///< signed, and not in the group (any more)
  std::vector<std::uint32_t> unnamed;                          ///< members of the group that are not signed
};

StatementCheck check_statement(const sif::Image& image, const ObjectIndex& index, std::uint32_t group,
                               const ImageMetadata& metadata);

/// What a signature object says of a group, read without a key: nobody vouches for it, but what it says can be
/// compared.
struct SignedStatement {
  std::uint32_t id = 0;  ///< of the signature object
  std::uint32_t group = 0;
  std::vector<std::string> keys;  ///< that it names: fingerprint of the OpenPGP primary key, DSSE key ids
  ImageMetadata metadata;
  std::string unreadable;  ///< why it cannot be read: then it says nothing
};

/// Of all signatures of groups that are there. Legacy signatures cover no metadata and are passed over.
std::vector<SignedStatement> read_statements(const sif::Image& image, const ObjectIndex& index, const Limits& limits);

/// The first reason why a statement does not hold, or not for its whole group; empty if there is none.
std::string why_void(const SignedStatement& statement, const StatementCheck& check);

}  // namespace sifkit::trust
