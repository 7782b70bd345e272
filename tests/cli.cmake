# SPDX-License-Identifier: Apache-2.0
sifkit_test(cli SOURCES cli/test_cli_app.cpp cli/test_cli_build.cpp cli/test_cli_help.cpp LINK sifkit_commands)
