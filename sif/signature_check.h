// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/sif/integrity.h>

namespace sifkit::sif {

/// A signature object, read and checked as far as its own bytes go.
struct SignedText {
  SignatureReport report;  ///< `valid`: the text comes from a trusted key; the image is still to be compared with it
  std::string text;        ///< what is signed; empty unless valid
  bool legacy = false;     ///< the text is a digest of the old kind, whatever the verdict
};

/// Never throws for what is wrong with the signature: that is its verdict.
SignedText check_signature(const Image& image, const Descriptor& object, const TrustedKeys::Impl& keys, const Limits& limits);

}  // namespace sifkit::sif
