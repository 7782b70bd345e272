# SPDX-License-Identifier: Apache-2.0
install(TARGETS sifkit_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
