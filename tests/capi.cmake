# SPDX-License-Identifier: Apache-2.0
add_executable(test_capi capi/test_capi.c)
target_link_libraries(test_capi PRIVATE sifkit::sifkit)
target_compile_options(test_capi PRIVATE -std=c99 -Wall -Wextra -Wpedantic -Werror -Wno-unused-result)
target_compile_definitions(test_capi PRIVATE _POSIX_C_SOURCE=200809L)
set_target_properties(test_capi PROPERTIES LINKER_LANGUAGE CXX)
add_test(NAME capi/c_program COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/capi/run.sh $<TARGET_FILE:test_capi>)
