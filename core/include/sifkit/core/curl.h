// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>

#include <curl/curl.h>

#include <sifkit/core/export.h>
#include <sifkit/core/freed_by.h>
#include <sifkit/core/on_demand.h>

/// libcurl, which is loaded when something is asked of a service. For the modules: not installed, as it would make
/// libcurl's header a part of the interface.
namespace sifkit {

inline constinit OnDemandLibrary libcurl{"libcurl.so.4", "libcurl4"};

SIFKIT_ON_DEMAND(libcurl, curl_easy_cleanup);
SIFKIT_ON_DEMAND(libcurl, curl_easy_getinfo);
SIFKIT_ON_DEMAND(libcurl, curl_easy_init);
SIFKIT_ON_DEMAND(libcurl, curl_easy_perform);
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
SIFKIT_API CurlHandle new_curl_handle();

/// Sets an option. One that is not set for lack of memory (an address, authorities to trust) must not be left out.
template <class Value>
void set_option(CURL* handle, CURLoption option, Value value) {
  if (curl_easy_setopt(handle, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

/// An exception that must not cross libcurl's frames, from a callback to who started the transfer.
class CallbackFailure {
 public:
  /// What `body` returns; `failed` where it throws.
  template <class Result, class Body>
  Result guard(Result failed, Body&& body) noexcept {
    try {
      return body();
    } catch (...) {
      failure_ = std::current_exception();
      return failed;
    }
  }

  /// Before a transfer: libcurl has several names for lack of memory, and one of them for a header line that is too
  /// long, so it is told by errno.
  static void expect_memory() noexcept { errno = 0; }

  /// After one: throws what a callback threw, and bad_alloc where memory was lacking. `code` is what the transfer came
  /// to.
  void check(CURLcode code) const {
    const bool lacked_memory = code != CURLE_OK && errno == ENOMEM;
    if (failure_) std::rethrow_exception(failure_);
    if (lacked_memory) throw std::bad_alloc();
  }

 private:
  std::exception_ptr failure_;
};

/// Bounds the headers of one HTTP exchange, those of interim answers and redirects and the trailer of a chunked body
/// (RFC 9112, section 7.1.2) included. libcurl keeps them all and bounds the trailer nowhere. Of one thread; stays where
/// it is while the transfer goes on.
class HeaderBudget {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{256} << 10;

  bool exceeded() const noexcept { return used_ > kMostBytes; }

  /// From here on, headers over the limit fail the transfer.
  void bound(CURL* handle) {
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &HeaderBudget::take);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  }

 private:
  static std::size_t take(char*, std::size_t, std::size_t count, void* self) noexcept {
    auto& budget = *static_cast<HeaderBudget*>(self);
    budget.used_ += count;
    return budget.exceeded() ? 0 : count;
  }

  std::size_t used_ = 0;
};

}  // namespace sifkit
