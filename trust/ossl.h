// SPDX-License-Identifier: Apache-2.0
#pragma once

// OpenSSL, for this module's sources only.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <memory>

#include <sifkit/core/bytes.h>
#include <sifkit/core/crypto.h>
#include <sifkit/core/error.h>
#include <sifkit/core/freed_by.h>
#include <sifkit/core/secret.h>

namespace sifkit::trust {

inline constexpr int kMinRsaBits = 2048;  ///< weaker keys neither sign nor verify

using OsslKey = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using OsslKeyContext = std::unique_ptr<EVP_PKEY_CTX, FreedBy<EVP_PKEY_CTX_free>>;
using OsslDigestContext = std::unique_ptr<EVP_MD_CTX, FreedBy<EVP_MD_CTX_free>>;
using OsslBio = std::unique_ptr<BIO, FreedBy<BIO_free_all>>;
using OsslNumber = std::unique_ptr<BIGNUM, FreedBy<BN_clear_free>>;
using OsslEcdsaSignature = std::unique_ptr<ECDSA_SIG, FreedBy<ECDSA_SIG_free>>;
using OsslParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, FreedBy<OSSL_PARAM_BLD_free>>;
using OsslParams = std::unique_ptr<OSSL_PARAM, FreedBy<OSSL_PARAM_free>>;

inline const unsigned char* octets(ByteView bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* octets(Bytes& bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes.data()); }

inline int int_size(std::size_t size) {
  SIFKIT_CHECK(size <= 0x7fffffff);
  return static_cast<int>(size);
}

}  // namespace sifkit::trust
