// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sifkit {

/// A deleter that calls what a C library frees its objects with: `std::unique_ptr<BIO, FreedBy<BIO_free>>`.
template <auto function>
struct FreedBy {
  template <class T>
  void operator()(T* object) const noexcept {
    function(object);
  }
};

}  // namespace sifkit
