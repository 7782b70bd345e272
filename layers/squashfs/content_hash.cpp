// SPDX-License-Identifier: Apache-2.0
#include "squashfs/content_hash.h"

#include <algorithm>
#include <cstring>
#include <new>

#include <openssl/evp.h>

#include <sifkit/core/crypto.h>
#include <sifkit/core/resources.h>

namespace sifkit::layers {

namespace {

constexpr std::size_t kKeySize = 16;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kMaxUpdate = 1u << 30;  // EVP lengths are int

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

void require(int result) { check_crypto(result == 1, "compute AES-GCM"); }

}  // namespace

struct ContentHash::Impl {
  std::array<unsigned char, kKeySize> key{};
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context;

  void set_key() {
    prepare_crypto();
    context.reset(EVP_CIPHER_CTX_new());
    if (!context) throw std::bad_alloc();
    require(EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr));
  }
};

ContentHash::ContentHash() : impl_(std::make_unique<Impl>()) {
  fill_random(std::as_writable_bytes(std::span(impl_->key)));
  impl_->set_key();
}

ContentHash::ContentHash(const ContentHash& like, int) : impl_(std::make_unique<Impl>()) {
  impl_->key = like.impl_->key;
  impl_->set_key();
}

ContentHash::~ContentHash() = default;

void ContentHash::start() {
  // One nonce for all: the tags are compared, never shown, and nothing is encrypted.
  static constexpr std::array<unsigned char, kNonceSize> nonce{};
  require(EVP_EncryptInit_ex(impl_->context.get(), nullptr, nullptr, nullptr, nonce.data()));
}

void ContentHash::update(ByteView bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kMaxUpdate));
    int written = 0;
    require(EVP_EncryptUpdate(impl_->context.get(), nullptr, &written,
                              reinterpret_cast<const unsigned char*>(piece.data()), static_cast<int>(piece.size())));
    bytes = bytes.subspan(piece.size());
  }
}

ContentKey ContentHash::finish() {
  std::array<unsigned char, sizeof(ContentKey)> tag{};
  int written = 0;
  require(EVP_EncryptFinal_ex(impl_->context.get(), tag.data(), &written));
  require(EVP_CIPHER_CTX_ctrl(impl_->context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag.size()), tag.data()));
  ContentKey result{};
  std::memcpy(result.data(), tag.data(), sizeof(result));
  return result;
}

ContentKey ContentHash::of(ByteView bytes) {
  start();
  update(bytes);
  return finish();
}

}  // namespace sifkit::layers
