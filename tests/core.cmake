# SPDX-License-Identifier: Apache-2.0
sifkit_test(core SOURCES unit/test_core_json.cpp LINK sifkit_core)
