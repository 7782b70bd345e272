// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <new>

#include <curl/curl.h>

#include <sifkit/core/freed_by.h>
#include <sifkit/core/on_demand.h>

/// libcurl, which is loaded when something is asked of a server.
namespace sifkit::net {

inline constinit OnDemandLibrary libcurl{"libcurl.so.4", "libcurl4"};

SIFKIT_ON_DEMAND(libcurl, curl_easy_cleanup);
SIFKIT_ON_DEMAND(libcurl, curl_easy_getinfo);
SIFKIT_ON_DEMAND(libcurl, curl_easy_init);
SIFKIT_ON_DEMAND(libcurl, curl_easy_setopt);
SIFKIT_ON_DEMAND(libcurl, curl_easy_strerror);
SIFKIT_ON_DEMAND(libcurl, curl_global_init);
SIFKIT_ON_DEMAND(libcurl, curl_multi_add_handle);
SIFKIT_ON_DEMAND(libcurl, curl_multi_cleanup);
SIFKIT_ON_DEMAND(libcurl, curl_multi_info_read);
SIFKIT_ON_DEMAND(libcurl, curl_multi_init);
SIFKIT_ON_DEMAND(libcurl, curl_multi_perform);
SIFKIT_ON_DEMAND(libcurl, curl_multi_poll);
SIFKIT_ON_DEMAND(libcurl, curl_multi_remove_handle);
SIFKIT_ON_DEMAND(libcurl, curl_multi_wakeup);
SIFKIT_ON_DEMAND(libcurl, curl_slist_append);
SIFKIT_ON_DEMAND(libcurl, curl_slist_free_all);
SIFKIT_ON_DEMAND(libcurl, curl_version_info);

using CurlHandle = std::unique_ptr<CURL, FreedBy<curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, FreedBy<curl_multi_cleanup>>;
using CurlList = std::unique_ptr<curl_slist, FreedBy<curl_slist_free_all>>;

/// A handle with its defaults. Throws `not_found` where libcurl is missing.
CurlHandle new_curl_handle();

/// Sets an option. One that is not set for lack of memory (an address, authorities to trust) must not be left out.
template <class Value>
void set_option(CURL* handle, CURLoption option, Value value) {
  if (curl_easy_setopt(handle, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

}  // namespace sifkit::net
