# SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)

# Or the umask of who installs would decide.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

install(
  TARGETS sifkit
  EXPORT sifkitTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
  INCLUDES
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# 'cmake --install --strip' and the .deb: an archive keeps the names that a linker needs.
if(NOT BUILD_SHARED_LIBS)
  install(
    CODE "if(CMAKE_INSTALL_DO_STRIP)
      execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug --enable-deterministic-archives
        \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libsifkit.a\" COMMAND_ERROR_IS_FATAL ANY)
    endif()"
    COMPONENT dev)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT runtime)

# core/json.h, core/linux_names.h and records are for the modules and the program: they would make nlohmann_json and names of
# the system a part of the interface.
get_property(modules GLOBAL PROPERTY SIFKIT_MODULES)
foreach(module IN LISTS modules)
  install(
    DIRECTORY ${PROJECT_SOURCE_DIR}/${module}/include/
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT dev
    FILES_MATCHING
    PATTERN *.h
    PATTERN core/json.h EXCLUDE
    PATTERN core/linux_names.h EXCLUDE
    PATTERN records EXCLUDE)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/generated/sifkit/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sifkit COMPONENT dev)

set(package ${PROJECT_BINARY_DIR}/package)
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/sifkit)
configure_package_config_file(cmake/sifkitConfig.cmake.in ${package}/sifkitConfig.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${package}/sifkitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT sifkitTargets NAMESPACE sifkit:: DESTINATION ${package_directory} COMPONENT dev)
install(FILES ${package}/sifkitConfig.cmake ${package}/sifkitConfigVersion.cmake DESTINATION ${package_directory} COMPONENT dev)

# The prefix is told from the file's own place, which is deeper where libdir has an architecture in it.
file(RELATIVE_PATH SIFKIT_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" SIFKIT_PC_PREFIX ${SIFKIT_PC_PREFIX})
# A static library needs what it is made with from whoever links it.
set(others "-lbz2 -pthread -ldl")
if(BUILD_SHARED_LIBS)
  set(SIFKIT_PC_REQUIRES Requires.private)
  set(SIFKIT_PC_PRIVATE "${others}")
else()
  set(SIFKIT_PC_REQUIRES Requires)
  set(SIFKIT_PC_LIBS " ${others}")
endif()
configure_file(cmake/sifkit.pc.in ${package}/sifkit.pc @ONLY)
install(FILES ${package}/sifkit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(BUILD_SHARED_LIBS)
  file(RELATIVE_PATH to_library /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(sifkit_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${to_library}")
endif()
install(TARGETS sifkit_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)

# Manual page and completions come from the program, so they say what it does. A cross build installs none.
if(NOT CMAKE_CROSSCOMPILING)
  set(generated ${PROJECT_BINARY_DIR}/generated)
  add_custom_command(
    OUTPUT ${generated}/sifkit.1 ${generated}/sifkit.bash ${generated}/_sifkit ${generated}/sifkit.fish
    COMMAND sifkit_cli man > ${generated}/sifkit.1
    COMMAND sifkit_cli completion bash > ${generated}/sifkit.bash
    COMMAND sifkit_cli completion zsh > ${generated}/_sifkit
    COMMAND sifkit_cli completion fish > ${generated}/sifkit.fish
    VERBATIM)
  add_custom_target(sifkit_manual ALL DEPENDS ${generated}/sifkit.1)
  install(FILES ${generated}/sifkit.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
  install(FILES ${generated}/sifkit.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sifkit COMPONENT runtime)
  install(FILES ${generated}/_sifkit DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT runtime)
  install(FILES ${generated}/sifkit.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT runtime)
endif()
