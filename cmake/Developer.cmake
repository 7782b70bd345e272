# SPDX-License-Identifier: Apache-2.0
#
# Warnings and sanitizers, for our own code only.

add_library(sifkit_warnings INTERFACE)
target_compile_options(
  sifkit_warnings
  INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wold-style-cast
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wno-missing-field-initializers> # designated initialisers leave the rest at its default on purpose
)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(sifkit_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wduplicated-cond -Wlogical-op>)
  # gcc 12 takes code of std::string that comes out of a precompiled header for accesses out of bounds.
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    target_compile_options(sifkit_warnings INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
  endif()
endif()
if(SIFKIT_DEVELOPER_MODE)
  target_compile_options(sifkit_warnings INTERFACE -Werror)
  target_compile_definitions(sifkit_warnings INTERFACE _GLIBCXX_ASSERTIONS)
endif()

add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(SIFKIT_SANITIZE)
  # gcc takes the instrumentation of the standard library's own code for uses of what is not set.
  target_compile_options(sifkit_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  list(JOIN SIFKIT_SANITIZE "," sanitizers)
  if(SIFKIT_LIBFUZZER)
    string(APPEND sanitizers ",fuzzer-no-link")
  endif()
  add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  add_compile_options(-fstack-protector-strong $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
