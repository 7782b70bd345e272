# SPDX-License-Identifier: Apache-2.0
foreach(program IN ITEMS test_capi test_capi_work)
  add_executable(${program} capi/${program}.c)
  target_link_libraries(${program} PRIVATE sifkit::sifkit Threads::Threads)
  target_compile_options(${program} PRIVATE -std=c99 -Wall -Wextra -Wpedantic -Werror -Wno-unused-result)
  target_compile_definitions(${program} PRIVATE _POSIX_C_SOURCE=200809L)
  set_target_properties(${program} PROPERTIES LINKER_LANGUAGE CXX)
endforeach()
add_test(NAME capi/c_program COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/capi/run.sh $<TARGET_FILE:test_capi> $<TARGET_FILE:test_capi_work>)
