// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/bytes.h>

#include "pgp_packet.h"

namespace sifkit::trust {

/// A packet with its header, where it is in the key.
struct PlacedPacket {
  unsigned tag = 0;
  ByteView body;
  ByteView whole;
};

/// A key, user id or subkey, and the signatures that belong to it.
struct KeyComponent {
  PlacedPacket packet;
  std::vector<PlacedPacket> signatures;
  std::string fingerprint;  ///< of a subkey of a kind that is known here
};

/// A key and what belongs to it (RFC 9580, section 10.1). Views of the bytes it was taken from.
struct TransferableKey {
  KeyComponent primary;
  std::vector<KeyComponent> user_ids;  ///< and user attributes
  std::vector<KeyComponent> subkeys;
};

/// Takes a key apart, or several copies of one, one after the other: a component that is there twice is one, with the
/// signatures of both, and of its packets the first of those counts that hold most of its secret. Marks, trust packets,
/// padding, and packets that are neither known nor critical are passed over, with the signatures that follow these (RFC
/// 9580, section 4.3). Throws unsupported for a packet that is critical and has no place in a key.
TransferableKey take_apart(ByteView packets);

/// The packets again, in their order.
Bytes put_together(const TransferableKey& key);

}  // namespace sifkit::trust
