// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/curl.h>

#include <new>

#include <sifkit/core/error.h>

namespace sifkit {

CurlHandle new_curl_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (started != CURLE_OK) throw Error(ErrorKind::internal, "libcurl cannot start");
  CurlHandle handle(curl_easy_init());
  if (!handle) throw std::bad_alloc();
  return handle;
}

}  // namespace sifkit
