// SPDX-License-Identifier: Apache-2.0
#include "curl.h"

#include <new>

#include <sifkit/core/error.h>

namespace sifkit::net {

CurlHandle new_curl_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (started != CURLE_OK) throw Error(ErrorKind::internal, "libcurl cannot start");
  CurlHandle handle(curl_easy_init());
  if (!handle) throw std::bad_alloc();
  return handle;
}

}  // namespace sifkit::net
