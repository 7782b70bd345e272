// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/crypto.h>

#include <cerrno>
#include <new>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <sifkit/core/error.h>
#include <sifkit/core/secret.h>

namespace sifkit {

namespace {

/// Another library may load the default provider and unload it at its end, and what OpenSSL has loaded by itself would go with
/// it: it is held until OpenSSL ends. One that the system's settings leave out stays out.
void hold_default_provider() {
  static OSSL_PROVIDER* held = nullptr;
  if (OSSL_PROVIDER_available(nullptr, "default") == 1) held = OSSL_PROVIDER_load(nullptr, "default");
  if (held != nullptr) OPENSSL_atexit([] { OSSL_PROVIDER_unload(held); });
}

/// Where OpenSSL lacks memory, its own list of errors rarely says so: it has no room for it, or names what followed.
bool lacked_memory() noexcept { return errno == ENOMEM; }

}  // namespace

void cleanse(void* bytes, std::size_t size) noexcept { OPENSSL_cleanse(bytes, size); }

void prepare_crypto() {
  static const bool ready = [] {
    errno = 0;
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr) != 1 || OSSL_LIB_CTX_get0_global_default() == nullptr) return false;
    // The first fetch fills OpenSSL's table of names. It succeeds without some of them.
    EVP_MD_free(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    hold_default_provider();
    return !lacked_memory();
  }();
  if (!ready) throw std::bad_alloc();
  errno = 0;  // what was lacking before is no reason for what fails from here on
}

std::string crypto_reason() {
  if (lacked_memory()) {
    ERR_clear_error();
    throw std::bad_alloc();
  }
  std::string text;
  while (const auto code = ERR_get_error()) {
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
      ERR_clear_error();
      throw std::bad_alloc();
    }
    if (const char* reason = ERR_reason_error_string(code); reason != nullptr && text.empty()) text = reason;
  }
  return text.empty() ? "unknown OpenSSL error" : text;
}

void check_crypto(bool done, std::string_view what) {
  if (done) return;
  if (lacked_memory()) {
    ERR_clear_error();
    throw std::bad_alloc();
  }
  throw Error(ErrorKind::internal, fmt::format("{}: {}", what, crypto_reason()));
}

}  // namespace sifkit
