// SPDX-License-Identifier: Apache-2.0
#include <openssl/provider.h>

#include <sifkit/core/crypto.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/secret.h>

#include "support/catch.h"

using namespace sifkit;

TEST_CASE("digests work on where another library has unloaded OpenSSL's provider", "[crypto]") {
  // As librnp does at its end where it is built with OpenSSL.
  for (int i = 0; i < 2; ++i) {
    prepare_crypto();
    OSSL_PROVIDER* const provider = OSSL_PROVIDER_load(nullptr, "default");
    REQUIRE(provider != nullptr);
    OSSL_PROVIDER_unload(provider);
    CHECK(Hasher().finish_raw().size() == 32);
  }
}

TEST_CASE("copies of a secret share one text", "[crypto]") {
  CHECK_FALSE(Secret());
  const Secret secret("pass phrase");
  const Secret copy = secret;
  REQUIRE(copy);
  CHECK(copy.text() == "pass phrase");
  CHECK(&copy.text() == &secret.text());
  CHECK(Secret(""));
}
