# SPDX-License-Identifier: Apache-2.0
#
# SIFKIT_PORTABLE: what other builds load on demand (core/on_demand.h) is linked in, and nothing is shared. scripts/portable
# sets it, with a compiler for musl and a prefix that holds these libraries as archives.

add_compile_definitions(SIFKIT_LINKED_ON_DEMAND CURL_STATICLIB _LARGEFILE64_SOURCE)
set(SIFKIT_LINKED_LIBRARIES)
foreach(name IN ITEMS rnp json-c archive sqlite3 yaml curl nghttp2 ssl crypto)
  find_library(SIFKIT_LIBRARY_${name} NAMES lib${name}.a REQUIRED)
  list(APPEND SIFKIT_LINKED_LIBRARIES ${SIFKIT_LIBRARY_${name}})
endforeach()
# Each needs some of those behind it.
list(APPEND SIFKIT_LINKED_LIBRARIES ZLIB::ZLIB BZip2::BZip2)
