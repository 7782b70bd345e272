# SPDX-License-Identifier: Apache-2.0
sifkit_test(inspect SOURCES unit/test_inspect_content_digests.cpp LINK sifkit::sifkit sifkit_inspect)
