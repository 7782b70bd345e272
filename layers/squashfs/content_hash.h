// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <sifkit/core/bytes.h>

namespace sifkit::layers {

/// A 128-bit name for the bytes of a file, for finding equal files.
using ContentKey = std::array<std::uint64_t, 2>;

/// Names contents by a universal hash (GHASH, through AES-GCM with nothing but authenticated data) under a random key
/// that never leaves the object.
///
/// Two different contents of n bytes share a name with probability n / 2^132 over the choice of the key, whoever made
/// them, so equal names may be taken for equal bytes: nobody can prepare a collision for a key he does not know. It runs
/// at ten times the rate of SHA-256. The names differ from run to run; which of them are equal does not. Not thread
/// safe; contexts made from one hash use its key.
class ContentHash {
 public:
  /// A fresh random key.
  ContentHash();
  /// The same key; a computation of its own.
  explicit ContentHash(const ContentHash& like, int);
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;

  void start();
  void update(ByteView bytes);
  ContentKey finish();

  /// start, update, finish.
  ContentKey of(ByteView bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::layers
