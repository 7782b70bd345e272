# SPDX-License-Identifier: Apache-2.0
sifkit_test(cli SOURCES cli/test_cli_app.cpp
                        cli/test_cli_build.cpp cli/test_cli_cache.cpp
                        cli/test_cli_build_sources.cpp
                        cli/test_cli_check.cpp
                        cli/test_cli_copy.cpp
                        cli/test_cli_copy_all.cpp
                        cli/test_cli_copy_registries.cpp
                        cli/test_cli_corpus.cpp
                        cli/test_cli_damaged.cpp
                        cli/test_cli_diff.cpp
                        cli/test_cli_digest.cpp
                        cli/test_cli_du.cpp
                        cli/test_cli_edit.cpp
                        cli/test_cli_edit_contents.cpp
                        cli/test_cli_faults.cpp
                        cli/test_cli_files.cpp
                        cli/test_cli_find.cpp
                        cli/test_cli_help.cpp
                        cli/test_cli_hints.cpp
                        cli/test_cli_images.cpp
                        cli/test_cli_inspect.cpp
                        cli/test_cli_json.cpp
                        cli/test_cli_key.cpp
                        cli/test_cli_key_rings.cpp
                        cli/test_cli_kinds.cpp
                        cli/test_cli_kinds_borders.cpp
                        cli/test_cli_layout.cpp
                        cli/test_cli_library.cpp
                        cli/test_cli_messages.cpp
                        cli/test_cli_pull.cpp
                        cli/test_cli_push.cpp
                        cli/test_cli_registry.cpp
                        cli/test_cli_report.cpp
                        cli/test_cli_sandbox.cpp
                        cli/test_cli_sbom.cpp
                        cli/test_cli_sif.cpp
                        cli/test_cli_sif_edit.cpp
                        cli/test_cli_sign.cpp
                        cli/test_cli_sources.cpp
                        cli/test_cli_stop_in_pipe.cpp
                        cli/test_cli_surroundings.cpp
                        cli/test_cli_take.cpp
                        cli/test_cli_terminal.cpp
                        cli/test_cli_verify.cpp
                        cli/test_cli_once.cpp
                        cli/test_cli_repository.cpp
            LINK sifkit_commands ${RNP_LIBRARY} THREADS build faults registry verify)
add_library(fault_shim MODULE support/fault_shim.c)
target_link_libraries(fault_shim PRIVATE ${CMAKE_DL_LIBS})
# Preloaded into a sanitized program it must not bring a runtime of its own.
target_compile_options(fault_shim PRIVATE -fno-sanitize=all)
target_link_options(fault_shim PRIVATE -fno-sanitize=all)
add_dependencies(test_cli sifkit_cli fault_shim)
target_compile_definitions(test_cli PRIVATE SIFKIT_PROGRAM="$<TARGET_FILE:sifkit_cli>" SIFKIT_FAULT_SHIM="$<TARGET_FILE:fault_shim>")

# Sanitizers have an allocator of their own, which no other one can stand in for.
if(NOT SIFKIT_SANITIZE)
  add_library(malloc_shim MODULE support/malloc_shim.c)
  target_link_libraries(malloc_shim PRIVATE ${CMAKE_DL_LIBS})
  add_dependencies(test_cli malloc_shim)
  target_sources(test_cli PRIVATE cli/test_cli_memory.cpp cli/test_cli_memory_keys.cpp)
  target_compile_definitions(test_cli PRIVATE SIFKIT_MALLOC_SHIM="$<TARGET_FILE:malloc_shim>")
endif()
