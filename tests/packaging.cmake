# SPDX-License-Identifier: Apache-2.0
#
# What is given out beside the program. Sanitizers' builds are given to nobody.
if(NOT SIFKIT_SANITIZE)
  add_test(NAME packaging/templates COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/packaging/templates.sh ${PROJECT_SOURCE_DIR} $<TARGET_FILE:sifkit_cli>)
  add_test(NAME packaging/wheel COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/packaging/wheel.sh ${PROJECT_SOURCE_DIR} $<TARGET_FILE:sifkit_cli> $<TARGET_FILE:sifkit_python>)
  set_tests_properties(packaging/wheel PROPERTIES SKIP_REGULAR_EXPRESSION "test skipped: ")
endif()
