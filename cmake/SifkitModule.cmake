# SPDX-License-Identifier: Apache-2.0
#
# sifkit_module(NAME [DEPENDS module...] SOURCES file... [LINK target...])
#
# One object library per directory. It sees the public headers of the modules it names in DEPENDS (and theirs) and of no
# other, so an include against the direction of the arrows does not compile. All modules together are one library,
# sifkit::sifkit.

set_property(GLOBAL PROPERTY SIFKIT_MODULES "")

function(sifkit_module name)
  cmake_parse_arguments(M "" "" "DEPENDS;SOURCES;LINK" ${ARGN})
  add_library(sifkit_${name} OBJECT ${M_SOURCES})
  target_include_directories(
    sifkit_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(sifkit_${name} PRIVATE sifkit_EXPORTS)
  target_link_libraries(sifkit_${name} PRIVATE sifkit_warnings)
  foreach(module IN LISTS M_DEPENDS)
    target_link_libraries(sifkit_${name} PUBLIC sifkit_${module})
  endforeach()
  target_link_libraries(sifkit_${name} PUBLIC ${M_LINK})
  if(TARGET sifkit_core AND NOT name STREQUAL "core")
    target_precompile_headers(sifkit_${name} REUSE_FROM sifkit_core)
  else()
    target_precompile_headers(sifkit_${name} PRIVATE ${SIFKIT_PRECOMPILED_HEADERS})
  endif()
  # Builds that are made from nothing, by those who install it and in CI: several sources at once take half the time.
  if(SIFKIT_SANITIZE OR NOT SIFKIT_DEVELOPER_MODE)
    set_target_properties(sifkit_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
    target_compile_options(sifkit_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
  set_property(GLOBAL APPEND PROPERTY SIFKIT_MODULES ${name})
  set_property(GLOBAL PROPERTY SIFKIT_LINK_${name} "${M_LINK}")
endfunction()

# The one library: every module's objects.
function(sifkit_library)
  get_property(modules GLOBAL PROPERTY SIFKIT_MODULES)
  add_library(sifkit)
  add_library(sifkit::sifkit ALIAS sifkit)
  foreach(module IN LISTS modules)
    target_sources(sifkit PRIVATE $<TARGET_OBJECTS:sifkit_${module}>)
    target_include_directories(sifkit PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/${module}/include>)
    get_property(link GLOBAL PROPERTY SIFKIT_LINK_${module})
    list(REMOVE_ITEM link nlohmann_json::nlohmann_json) # headers, which the objects are made with
    target_link_libraries(sifkit PRIVATE ${link})
  endforeach()
  target_link_libraries(sifkit PRIVATE ${SIFKIT_LINKED_LIBRARIES})
  target_include_directories(sifkit PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>)
  target_compile_features(sifkit PUBLIC cxx_std_20)
  set_target_properties(sifkit PROPERTIES VERSION ${PROJECT_VERSION}
                                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                                          LINKER_LANGUAGE CXX)
endfunction()
