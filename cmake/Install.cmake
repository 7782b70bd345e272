# SPDX-License-Identifier: Apache-2.0
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
